"""Archives compared with what they were made from, and with each other."""
