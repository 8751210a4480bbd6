"""Read the inputs of archives: arrays, files, folders and lists of pictures, cut into tiles."""
