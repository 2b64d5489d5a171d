"""Telnyx on loopback, for tests."""

from __future__ import annotations

from messaging_channels_telnyx.emulator.server import TelnyxEmulator

__all__ = ["TelnyxEmulator"]
