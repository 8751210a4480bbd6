"""Reads and writes files of arrays and pictures, a few items at a time."""
