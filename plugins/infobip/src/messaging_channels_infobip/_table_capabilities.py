"""What Infobip carries: the message types with the optional fields it honors, and the rates it names.

It has no call that sends a reaction, none that sends a whole catalog outside a template, and none that asks for a postal address; its
question whether the business may call carries no words. Files go by public URL: it holds none.

Source: https://www.infobip.com/docs/api
"""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels import messages
from messaging_channels.messages import Message, ProviderOptions
from messaging_channels.policies import RateLimit
from messaging_channels_infobip.options import (
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
)
from messaging_channels_infobip.rcs.options import InfobipRcsOptions
from messaging_channels_rcs import RcsCard, RcsCarousel, RcsFile, RcsText

_CHAT = frozenset({"sender", "reply_to"})
_CAPTIONED = _CHAT | {"caption"}
_WORDS = _CHAT | {"header", "footer"}
_RCS = frozenset({"sender", "validity_period", "suggestions", "sms_fallback"})

CARRIES: Mapping[type[Message], frozenset[str]] = {
    messages.Sms: frozenset({"sender", "validity_period", "flash"}),
    messages.Email: frozenset(
        {"text", "html", "sender", "cc", "bcc", "reply_to", "attachments", "headers", "list_unsubscribe"}
    ),
    RcsText: _RCS,
    RcsFile: _RCS | {"thumbnail"},
    RcsCard: _RCS | {"orientation", "alignment"},
    RcsCarousel: _RCS | {"width"},
    messages.WhatsAppText: _CHAT | {"preview_url"},
    messages.WhatsAppImage: _CAPTIONED,
    messages.WhatsAppVideo: _CAPTIONED,
    messages.WhatsAppDocument: _CAPTIONED | {"filename"},
    messages.WhatsAppAudio: _CHAT | {"voice"},
    messages.WhatsAppSticker: _CHAT,
    messages.WhatsAppLocation: _CHAT | {"name", "address"},
    messages.WhatsAppContacts: _CHAT,
    messages.WhatsAppButtons: _WORDS,
    messages.WhatsAppList: _WORDS,
    messages.WhatsAppUrlButton: _WORDS,
    messages.WhatsAppLocationRequest: _CHAT,
    messages.WhatsAppProduct: _CHAT | {"text", "footer"},
    messages.WhatsAppProducts: _WORDS,
    messages.WhatsAppFlow: _WORDS | {"token", "action", "screen", "data", "draft"},
    messages.WhatsAppCarousel: _CHAT,
    messages.WhatsAppCallButton: frozenset({"sender", "button", "ttl_minutes", "payload"}),
    messages.WhatsAppContactRequest: _CHAT,
    messages.WhatsAppCallRequest: _CHAT,
    messages.WhatsAppInteractive: _WORDS,
    messages.WhatsAppTemplate: _CHAT | {"parameters", "header", "buttons", "cards", "offer_expires_at"},
}

EXTRAS: frozenset[type[ProviderOptions]] = frozenset(
    {InfobipSmsOptions, InfobipWhatsAppOptions, InfobipRcsOptions, InfobipEmailOptions}
)

RATES: Mapping[str, RateLimit] = {"whatsapp": RateLimit(4000), "email": RateLimit(4000)}
"""Requests a second that an account may make, by channel. For SMS none is named."""
