"""Infobip as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_infobip.options import (
    DeliveryWindow,
    IndiaDlt,
    InfobipEmail,
    InfobipSms,
    InfobipWhatsApp,
    Language,
    Links,
    Masking,
    SmsFailover,
    SouthKorea,
    SpeedLimit,
    Tracking,
    TurkeyIys,
)
from messaging_channels_infobip.parts import Defaults
from messaging_channels_infobip.people import People, PeopleResolver, PersonWithEmail, PersonWithPhone
from messaging_channels_infobip.provider import Infobip
from messaging_channels_infobip.refusals import InfobipRefused

__all__ = [
    "Defaults",
    "DeliveryWindow",
    "IndiaDlt",
    "Infobip",
    "InfobipEmail",
    "InfobipRefused",
    "InfobipSms",
    "InfobipWhatsApp",
    "Language",
    "Links",
    "Masking",
    "People",
    "PeopleResolver",
    "PersonWithEmail",
    "PersonWithPhone",
    "SmsFailover",
    "SouthKorea",
    "SpeedLimit",
    "Tracking",
    "TurkeyIys",
]
