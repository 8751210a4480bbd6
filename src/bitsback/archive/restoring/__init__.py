"""Restore archives to files and folders, which appear only when they are complete."""
