"""Write what archives hold to files and folders, all or nothing."""
