"""Infobip as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_infobip.errors import InfobipApiError
from messaging_channels_infobip.options import (
    DeliveryWindow,
    IndiaDlt,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
    Language,
    Links,
    Masking,
    SmsFailover,
    SouthKorea,
    SpeedLimit,
    Tracking,
    TurkeyIys,
)
from messaging_channels_infobip.people.client import (
    PeopleClient,
    PeopleResolver,
    PersonWithEmail,
    PersonWithPhone,
)
from messaging_channels_infobip.provider import Infobip
from messaging_channels_infobip.rcs.lookups import RcsLookups, RcsSender
from messaging_channels_infobip.rcs.options import InfobipRcsOptions

__all__ = [
    "DeliveryWindow",
    "IndiaDlt",
    "Infobip",
    "InfobipApiError",
    "InfobipEmailOptions",
    "InfobipRcsOptions",
    "InfobipSmsOptions",
    "InfobipWhatsAppOptions",
    "Language",
    "Links",
    "Masking",
    "PeopleClient",
    "PeopleResolver",
    "PersonWithEmail",
    "PersonWithPhone",
    "RcsLookups",
    "RcsSender",
    "SmsFailover",
    "SouthKorea",
    "SpeedLimit",
    "Tracking",
    "TurkeyIys",
]
