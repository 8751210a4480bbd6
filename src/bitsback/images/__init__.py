"""Arrays from and to files, a few items at a time."""
