"""`worker` and `doctor`."""
