"""Dispatchers and workers: the wiring."""
