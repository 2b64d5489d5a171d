"""What is said, without to whom: immutable values, checked when they are made.

A repr shows no text, so that a message may be logged. Every type lives on one channel; a plugin adds types of its own by subclassing `Message` and
naming them in its channel's `carries`.
"""

from __future__ import annotations

from messaging_channels.messages._codec import Codec, Undecodable
from messaging_channels.messages._fingerprint import digest_of, fingerprint
from messaging_channels.messages._message import Extra, Message
from messaging_channels.messages.email import Attachment, Email, ListUnsubscribe
from messaging_channels.messages.sms import Mms, Sms
from messaging_channels.messages.whatsapp import (
    WhatsAppAudio,
    WhatsAppButtons,
    WhatsAppContacts,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppList,
    WhatsAppLocation,
    WhatsAppLocationRequest,
    WhatsAppReaction,
    WhatsAppSticker,
    WhatsAppText,
    WhatsAppUrlButton,
    WhatsAppVideo,
)
from messaging_channels.messages.whatsapp_commerce import (
    WhatsAppCatalog,
    WhatsAppFlow,
    WhatsAppProduct,
    WhatsAppProducts,
)
from messaging_channels.messages.whatsapp_interactive import (
    WhatsAppAddressRequest,
    WhatsAppCallButton,
    WhatsAppCallRequest,
    WhatsAppCarousel,
    WhatsAppContactRequest,
    WhatsAppInteractive,
)
from messaging_channels.messages.whatsapp_template import WhatsAppTemplate

__all__ = [
    "Attachment",
    "Codec",
    "Email",
    "Extra",
    "ListUnsubscribe",
    "Message",
    "Mms",
    "Sms",
    "Undecodable",
    "WhatsAppAddressRequest",
    "WhatsAppAudio",
    "WhatsAppButtons",
    "WhatsAppCallButton",
    "WhatsAppCallRequest",
    "WhatsAppCarousel",
    "WhatsAppCatalog",
    "WhatsAppContactRequest",
    "WhatsAppContacts",
    "WhatsAppDocument",
    "WhatsAppFlow",
    "WhatsAppImage",
    "WhatsAppInteractive",
    "WhatsAppList",
    "WhatsAppLocation",
    "WhatsAppLocationRequest",
    "WhatsAppProduct",
    "WhatsAppProducts",
    "WhatsAppReaction",
    "WhatsAppSticker",
    "WhatsAppTemplate",
    "WhatsAppText",
    "WhatsAppUrlButton",
    "WhatsAppVideo",
    "digest_of",
    "fingerprint",
]
