"""Files of this computer and at URLs: names, locks, and outputs that appear when complete."""
