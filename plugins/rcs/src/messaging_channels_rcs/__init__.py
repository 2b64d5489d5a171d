"""RCS business messaging: the channel, its messages, and what can be asked about a number. Sent by Infobip, Twilio and Vonage."""

from messaging_channels_rcs.cards import CardMedia, RcsCard, RcsCarousel, RichCard
from messaging_channels_rcs.channel import RCS
from messaging_channels_rcs.lookups import CapabilityCache, RcsCapability
from messaging_channels_rcs.messages import RcsFile, RcsMessage, RcsText, SmsFallback
from messaging_channels_rcs.suggestions import (
    CalendarEvent,
    Dial,
    LocationRequest,
    OpenUrl,
    Reply,
    ShowLocation,
    Suggestion,
)

__all__ = [
    "RCS",
    "CalendarEvent",
    "CapabilityCache",
    "CardMedia",
    "Dial",
    "LocationRequest",
    "OpenUrl",
    "RcsCapability",
    "RcsCard",
    "RcsCarousel",
    "RcsFile",
    "RcsMessage",
    "RcsText",
    "Reply",
    "RichCard",
    "ShowLocation",
    "SmsFallback",
    "Suggestion",
]
