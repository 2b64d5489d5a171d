"""Telnyx as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_telnyx.provider import Telnyx

__all__ = ["Telnyx"]
