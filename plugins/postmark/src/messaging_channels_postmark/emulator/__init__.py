"""Postmark on loopback, for tests."""

from __future__ import annotations

from messaging_channels_postmark.emulator.server import PostmarkEmulator

__all__ = ["PostmarkEmulator"]
