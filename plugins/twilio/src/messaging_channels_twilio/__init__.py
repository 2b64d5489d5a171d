"""Twilio as a provider of messaging-channels: SMS, MMS and WhatsApp."""

from __future__ import annotations

from messaging_channels_twilio.api import TwilioSender
from messaging_channels_twilio.message_resource import TwilioMessage
from messaging_channels_twilio.options import TwilioOptions
from messaging_channels_twilio.provider import Twilio
from messaging_channels_twilio.responses import TwilioApiError
from messaging_channels_twilio.webhook_auth import SigningKey

__all__ = ["SigningKey", "Twilio", "TwilioApiError", "TwilioMessage", "TwilioOptions", "TwilioSender"]
