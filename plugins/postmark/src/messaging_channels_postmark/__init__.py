"""Postmark as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_postmark.options import PostmarkEmailOptions
from messaging_channels_postmark.provider import Postmark

__all__ = ["Postmark", "PostmarkEmailOptions"]
