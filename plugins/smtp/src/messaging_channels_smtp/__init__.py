"""SMTP as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_smtp.dkim import DkimSigner
from messaging_channels_smtp.oauth import OAuthClientCredentials, OAuthRefreshToken
from messaging_channels_smtp.options import SmtpEmailOptions
from messaging_channels_smtp.protocol.server import PoolLimits, SmtpTimeouts
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.verp import VerpReturnPath

__all__ = [
    "DkimSigner",
    "OAuthClientCredentials",
    "OAuthRefreshToken",
    "PoolLimits",
    "Smtp",
    "SmtpEmailOptions",
    "SmtpTimeouts",
    "VerpReturnPath",
]
