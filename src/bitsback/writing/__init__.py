"""Arrays and files to archives: what an input holds, and the writer."""
