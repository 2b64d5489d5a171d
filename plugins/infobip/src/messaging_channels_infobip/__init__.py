"""Infobip as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_infobip.provider import Infobip

__all__ = ["Infobip"]
