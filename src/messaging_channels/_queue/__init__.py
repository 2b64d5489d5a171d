"""Sending later: enqueue and process."""
