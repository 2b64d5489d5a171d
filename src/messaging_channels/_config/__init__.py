"""Settings and plugin loading."""
