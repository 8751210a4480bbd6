"""What is compressed: arrays, files, folders and lists of pictures, cut into tiles."""
