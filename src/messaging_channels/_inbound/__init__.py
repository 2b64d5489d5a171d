"""Webhooks, report polling, reconciling of unknown outcomes."""
