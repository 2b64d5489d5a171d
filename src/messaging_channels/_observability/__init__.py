"""Observers for logging and OpenTelemetry."""
