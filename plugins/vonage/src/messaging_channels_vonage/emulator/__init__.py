"""Vonage on loopback, for tests."""

from __future__ import annotations

from messaging_channels_vonage.emulator.server import VonageEmulator

__all__ = ["VonageEmulator"]
