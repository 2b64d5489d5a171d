"""Twilio as a provider of messaging-channels: SMS, MMS and WhatsApp."""

from __future__ import annotations

from messaging_channels_twilio.answers import TwilioRefused
from messaging_channels_twilio.options import TwilioOptions
from messaging_channels_twilio.provider import Twilio
from messaging_channels_twilio.resource import TwilioMessage
from messaging_channels_twilio.signatures import SigningKey

__all__ = ["SigningKey", "Twilio", "TwilioMessage", "TwilioOptions", "TwilioRefused"]
