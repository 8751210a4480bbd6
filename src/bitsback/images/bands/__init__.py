"""Pictures some rows at a time, where their files allow it."""
