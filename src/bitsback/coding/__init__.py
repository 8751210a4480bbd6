"""Encode tiles as blocks and decode them, with a model or without one."""
