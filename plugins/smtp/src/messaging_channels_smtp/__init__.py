"""SMTP as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_smtp.provider import Smtp

__all__ = ["Smtp"]
