"""Twilio on loopback, for tests."""

from __future__ import annotations

from messaging_channels_twilio.emulator.server import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator

__all__ = ["ACCOUNT_SID", "AUTH_TOKEN", "OUR_NUMBER", "TwilioEmulator"]
