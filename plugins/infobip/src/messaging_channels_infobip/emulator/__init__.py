"""Infobip on loopback, for tests."""

from __future__ import annotations

from messaging_channels_infobip.emulator.server import InfobipEmulator, WebhookSecurity

__all__ = ["InfobipEmulator", "WebhookSecurity"]
