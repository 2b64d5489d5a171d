"""From a message to the form parameters of Twilio's Messages resource.

Source: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import (
    Media,
    Message,
    Mms,
    Sms,
    WhatsAppAudio,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppLocation,
    WhatsAppTemplate,
    WhatsAppText,
    WhatsAppVideo,
)
from messaging_channels.plugins import (
    Address,
    Envelope,
    WhatsAppUserId,
    provider_options_of,
    require_sender,
)
from messaging_channels_rcs import RcsFile, RcsMessage, RcsText, SmsFallback
from messaging_channels_twilio.endpoints import is_sid
from messaging_channels_twilio.options import (
    TwilioOptions,
    content_variables,
    merge_parameters,
    validity_parameter,
)
from messaging_channels_twilio.status_callbacks import STEP, callback_url

Parameters: TypeAlias = "list[tuple[str, str]]"
Templates: TypeAlias = "Mapping[tuple[str, str], str]"
"""Content SIDs by name and language of the template."""

MAX_TEXT_LENGTH = 1600
PREFIX: Mapping[str, str] = {"sms": "", "whatsapp": "whatsapp:", "rcs": "rcs:"}
"""What stands before the numbers of a channel."""

_SETTING: Mapping[str, str] = {"sms": "twilio", "whatsapp": "twilio_whatsapp", "rcs": "twilio_rcs"}
"""What the name of the setting for the sender begins with."""

_NUMBER = re.compile(r"\+?([1-9][0-9]{8,14})")
_SEPARATORS = re.compile(r"(?<=[0-9)])[ .()-]+(?=[0-9(])|(?<=\+[0-9])\(|(?<=[0-9])[ .-]*\(")
_AGENT = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _&+-]{1,11}")


@dataclass(frozen=True, slots=True)
class MessageDefaults:
    """What holds for every message of an account."""

    senders: Mapping[str, str | None]
    """By channel: a number, a short code, an alphanumeric id, or a messaging service (MG…)."""
    templates: Templates
    status_callback: str | None = field(repr=False)
    callback_key: str = field(repr=False)


def build_parameters(envelope: Envelope, defaults: MessageDefaults) -> Parameters:
    """Return the parameters that send this message, in the order of the documentation.

    Raises:
        InvalidMessage: Twilio would refuse it whatever the account.
    """
    message = envelope.message
    options = provider_options_of(message, TwilioOptions) or _NO_OPTIONS
    fallback = message.sms_fallback if isinstance(message, RcsText) else None
    described = [
        ("To", format_recipient("sms" if fallback else envelope.channel, envelope.to)),
        *_sender(envelope, defaults, options),
        *_fallback(message, fallback, options),
        *_content(message, defaults, options),
        *_validity(message, options),
        *options.parameters(),
    ]
    if callback := options.status_callback or defaults.status_callback:
        ours = envelope.id + (STEP if fallback else "")
        described.append(("StatusCallback", callback_url(callback, ours, defaults.callback_key)))
    return merge_parameters(described, options.raw) if options.raw else described


def format_recipient(channel: str, to: Address) -> str:
    """Return an address as Twilio writes it: a number with its plus, the id of a WhatsApp user as it is."""
    return f"{PREFIX[channel]}{'' if isinstance(to, WhatsAppUserId) else '+'}{to.plain}"


def _sender(envelope: Envelope, account: MessageDefaults, options: TwilioOptions) -> Parameters:
    """Return sender, service or both. What the message says goes before what the account does."""
    message, service = envelope.message, options.messaging_service_sid
    own = getattr(message, "sender", None)
    given = own
    if not own and not service:
        given = require_sender(
            message, account.senders[envelope.channel], provider=_SETTING[envelope.channel]
        )
    described: Parameters = []
    if given and is_sid(given, "MG"):
        service = service or given
    elif given:
        described.append(("From", format_sender(given, envelope.channel, type(message).__name__)))
    if isinstance(message, RcsText) and message.sms_fallback is not None:
        described = []  # a sender of its own would rule out the fallback
    if service is None:
        _require_no_service(message, options)
    return [*described, ("MessagingServiceSid", service)] if service else described


def _require_no_service(message: Message, options: TwilioOptions) -> None:
    if isinstance(message, RcsText) and message.sms_fallback is not None:
        raise InvalidMessage(
            "only a messaging service falls back to SMS",
            field="RcsText.sms_fallback",
            hint="set rcs_sender to a messaging service (MG…), or TwilioOptions.messaging_service_sid",
        )
    if options.send_at is not None:
        raise InvalidMessage(
            "needs a messaging service", field="TwilioOptions.send_at", hint="set messaging_service_sid"
        )


def _fallback(message: Message, fallback: SmsFallback | None, options: TwilioOptions) -> Parameters:
    """Return who the SMS comes from that Twilio sends where RCS cannot be reached: with the words of the message itself.

    Twilio tries RCS first because the messaging service has an RCS sender, and the recipient is written without a channel.
    """
    if fallback is None:
        return []
    if not options.content_sid and fallback.text != getattr(message, "text", None):
        raise InvalidMessage(
            "Twilio sends the same words by SMS",
            field="SmsFallback.text",
            hint="give the text of the message itself",
        )
    if fallback.validity_period is not None:
        raise InvalidMessage(
            "Twilio has one validity for both", field="SmsFallback.validity_period", hint="leave it out"
        )
    if fallback.sender is None or options.fallback_from is not None:
        return []
    return [("FallbackFrom", format_sender(fallback.sender, "sms", "SmsFallback"))]


def format_sender(sender: str, channel: str, owner: str) -> str:
    """Return a sender as Twilio writes it on that channel.

    Raises:
        InvalidMessage: it is none, or none of that channel.
    """
    prefix = PREFIX[channel]
    bare = sender.strip().removeprefix(prefix)
    number = _NUMBER.fullmatch(_SEPARATORS.sub("", bare))
    if number and channel != "rcs":
        return f"{prefix}+{number[1]}"
    if channel == "rcs" and _AGENT.fullmatch(bare):
        return f"{prefix}{bare}"
    if channel == "sms" and (_SHORT_CODE.fullmatch(bare) or _ALPHANUMERIC.fullmatch(bare)):
        return bare
    raise InvalidMessage(
        "must be a number"
        if prefix
        else "must be a number, a short code, a messaging service (MG…) or a name of at most 11 characters",
        field=f"{owner}.sender",
        hint="write a number like +447700900000",
    )


def _content(message: Message, account: MessageDefaults, options: TwilioOptions) -> Parameters:
    if isinstance(message, WhatsAppTemplate) or options.content_sid:
        return _template_parameters(message, account, options)
    if options.content_variables:
        raise InvalidMessage(
            "needs a template", field="TwilioOptions.content_variables", hint="set content_sid"
        )
    # the capabilities name no other type
    return _WRITERS[type(message)](message)


def _template_parameters(message: Message, account: MessageDefaults, options: TwilioOptions) -> Parameters:
    body: Mapping[str, str] = {}
    sid = options.content_sid
    if isinstance(message, WhatsAppTemplate):
        sid = sid or account.templates.get((message.name, message.language))
        body = _by_name(message.parameters)
    if sid is None:
        raise InvalidMessage(
            "has no content SID for this name and language",
            field=f"{type(message).__name__}.name",
            hint="add it to the setting templates, or pass TwilioOptions(content_sid='HX…')",
        )
    variables = {**body, **(options.content_variables or {})}
    return [("ContentSid", sid), *content_variables(variables, f"{type(message).__name__}.parameters")]


def _by_name(body: tuple[str, ...] | Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(body, Mapping):
        return body
    return {str(place): text for place, text in enumerate(body, start=1)}


def _validity(message: Message, options: TwilioOptions) -> Parameters:
    if options.validity_period is not None:
        return validity_parameter(options.validity_period, "TwilioOptions.validity_period")
    period = message.validity_period if isinstance(message, (Sms, RcsMessage)) else None
    if period is None and isinstance(message, RcsMessage) and message.category == "authentication":
        period = message.validity
    return [] if period is None else validity_parameter(period, f"{type(message).__name__}.validity_period")


def _sms(message: Sms) -> Parameters:
    return _text(message.text, "Sms.text")


def _mms(message: Mms) -> Parameters:
    return [*_text(message.text, "Mms.text"), *(("MediaUrl", url) for url in message.media)]


def _whatsapp_text(message: WhatsAppText) -> Parameters:
    return _text(message.text, "WhatsAppText.text")


def _image(message: WhatsAppImage) -> Parameters:
    return [*_text(message.caption or "", "WhatsAppImage.caption"), *_file(message)]


def _file(message: WhatsAppImage | WhatsAppVideo | WhatsAppDocument | WhatsAppAudio) -> Parameters:
    media: Media = message.file
    if media.url is None:
        raise InvalidMessage(
            "must be a URL: Twilio has no files by id",
            field=f"{type(message).__name__}.media",
            hint="give a public URL",
        )
    return [("MediaUrl", media.url)]


def _rcs_text(message: RcsText) -> Parameters:
    return _text(message.text, "RcsText.text")


def _rcs_file(message: RcsFile) -> Parameters:
    return [("MediaUrl", message.url)]


def _location(message: WhatsAppLocation) -> Parameters:
    """Describe a place. Twilio asks for a body too, and WhatsApp does not show it."""
    label = ", ".join(part for part in (message.name, message.address) if part).replace("|", "/")
    place = f"{message.latitude:.6f},{message.longitude:.6f}"
    return [("Body", label or place), ("PersistentAction", f"geo:{place}" + (f"|{label}" if label else ""))]


def _text(text: str, field: str) -> Parameters:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units > MAX_TEXT_LENGTH:
        raise InvalidMessage(
            f"has {units} characters; at most {MAX_TEXT_LENGTH} are allowed", field=field, hint="shorten it"
        )
    return [("Body", text)] if text else []


_NO_OPTIONS = TwilioOptions()
_WRITERS: Mapping[type[Message], Callable[[Any], Parameters]] = {
    Sms: _sms,
    Mms: _mms,
    RcsText: _rcs_text,
    RcsFile: _rcs_file,
    WhatsAppText: _whatsapp_text,
    WhatsAppImage: _image,
    WhatsAppVideo: _file,
    WhatsAppDocument: _file,
    WhatsAppAudio: _file,
    WhatsAppLocation: _location,
}
