"""Files of this computer and at URLs: names, locks, outputs that appear all or none."""
