"""WhatsApp Cloud on loopback, for tests."""

from __future__ import annotations

from messaging_channels_whatsapp_cloud.emulator.server import NUMBER_ID, SECRET, TOKEN, WhatsAppCloudEmulator

__all__ = ["NUMBER_ID", "SECRET", "TOKEN", "WhatsAppCloudEmulator"]
