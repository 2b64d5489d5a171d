"""A mail server on loopback, for tests."""

from __future__ import annotations

from messaging_channels_smtp.emulator.mails import AcceptedMail, build_bounce
from messaging_channels_smtp.emulator.server import EXTENSIONS, SmtpEmulator, main

__all__ = ["EXTENSIONS", "AcceptedMail", "SmtpEmulator", "build_bounce", "main"]
