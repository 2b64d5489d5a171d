"""SMTP as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_smtp.dkim import Signer
from messaging_channels_smtp.oauth import RefreshGrant
from messaging_channels_smtp.protocol.server import Limits, Patience
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.verp import ReturnPath

__all__ = ["Limits", "Patience", "RefreshGrant", "ReturnPath", "Signer", "Smtp"]
