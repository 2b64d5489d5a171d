"""Vonage as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_vonage.options import VonageOptions
from messaging_channels_vonage.provider import Vonage

__all__ = ["Vonage", "VonageOptions"]
