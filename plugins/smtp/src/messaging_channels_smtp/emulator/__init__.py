"""A mail server on loopback, for tests."""

from __future__ import annotations

from messaging_channels_smtp.emulator.server import EXTENSIONS, AcceptedMail, SmtpEmulator, build_bounce, main

__all__ = ["EXTENSIONS", "AcceptedMail", "SmtpEmulator", "build_bounce", "main"]
