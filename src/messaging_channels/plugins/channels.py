"""The built-in ways to reach a person. An open set: a plugin registers more of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from messaging_channels import messages
from messaging_channels._model.addresses import (
    EmailAddress,
    PhoneNumber,
    WhatsAppAddress,
    WhatsAppGroupId,
    WhatsAppUserId,
)
from messaging_channels._model.errors import InvalidSetting
from messaging_channels.messages import adaptive
from messaging_channels.plugins.channel_spec import (
    Channel,
    ChannelSpec,
    CommandOption,
    PhoneChannel,
    channel_problem,
)

__all__ = [
    "BUILT_IN",
    "EMAIL",
    "SMS",
    "WHATSAPP",
    "Channel",
    "ChannelSpec",
    "CommandOption",
    "PhoneChannel",
    "channel_problem",
    "collect_channels",
]


def parse_whatsapp(text: str) -> WhatsAppAddress:
    """Parse an E.164 number, with or without the plus, the id of a WhatsApp user, or `group:` and the id of a group."""
    if text.startswith("group:"):
        return WhatsAppGroupId.parse(text)
    return WhatsAppUserId.parse(text) if _IS_USER_ID.match(text) else PhoneNumber.parse(text)


def collect_channels(given: Iterable[Channel]) -> tuple[ChannelSpec, ...]:
    """Return the built-in channels and those given, each once.

    Raises:
        InvalidSetting: a name is none or taken, or a message type belongs to another channel.
    """
    found: list[ChannelSpec] = []
    for channel in (*BUILT_IN, *given):
        spec = ChannelSpec.of(channel)
        if spec in found:
            continue
        problem = channel_problem(spec, found)
        if problem:
            raise InvalidSetting(
                problem,
                setting=f"channels.{spec.name}",
                source="the channels",
                hint="rename it, or leave it out",
            )
        found.append(spec)
    return tuple(found)


_IS_USER_ID = re.compile(r"[A-Za-z]{2}\.")
_PHONE_PATH = "person.contactInformation.phone[0].number"


def _build_sms(given: Mapping[str, Any]) -> messages.Message:
    return messages.Sms(given["text"], sender=given["sender"])


def _build_whatsapp(given: Mapping[str, Any]) -> messages.Message:
    if given["template"]:
        return messages.WhatsAppTemplate(
            given["template"], given["language"], tuple(given["parameter"]), sender=given["sender"]
        )
    return messages.WhatsAppText(given["text"] or "", sender=given["sender"])


def _build_email(given: Mapping[str, Any]) -> messages.Message:
    return messages.Email(
        given["subject"],
        text=given["text"],
        html=given["html"],
        sender=given["sender"],
        attachments=tuple(messages.Attachment(path.read_bytes(), path.name) for path in given["attach"]),
    )


def _request_of(name: str) -> Callable[[], Any]:
    def load() -> Any:  # noqa: ANN401  a class that pydantic makes
        from messaging_channels.plugins import message_requests  # noqa: PLC0415  pydantic comes with it

        return getattr(message_requests, name)

    return load


SMS = ChannelSpec(
    name="sms",
    address_type=PhoneNumber,
    parse=PhoneNumber.parse,
    message_types=(messages.Sms, messages.Mms),
    example="38598123456",
    title="an SMS",
    paths={"user": "channel.sms", "person": _PHONE_PATH},
    request=_request_of("SmsRequest"),
    options=(CommandOption("text", required=True),),
    build=_build_sms,
    render=adaptive.render_sms,
)
WHATSAPP = ChannelSpec(
    name="whatsapp",
    address_type=WhatsAppAddress,
    parse=parse_whatsapp,
    message_types=tuple(
        kind
        for name in messages.__all__
        if name.startswith("WhatsApp") and isinstance(kind := getattr(messages, name), type)
    ),
    example="38598123456",
    title="a WhatsApp message",
    paths={"user": "channel.whatsapp", "person": _PHONE_PATH},
    request=_request_of("WhatsAppRequest"),
    options=(
        CommandOption(
            "text", "message text; only for people who wrote to you in the last 24 hours", group="content"
        ),
        CommandOption("template", "name of an approved template", group="content", metavar="NAME"),
        CommandOption("language", "language of the template (default: en)", default="en"),
        CommandOption("parameter", "template parameter; may be repeated", repeatable=True),
    ),
    build=_build_whatsapp,
    render=adaptive.render_whatsapp,
)
EMAIL = ChannelSpec(
    name="email",
    address_type=EmailAddress,
    parse=EmailAddress.parse,
    message_types=(messages.Email,),
    example="zoe@example.com",
    title="a mail",
    paths={"user": "channel.email", "person": "person.contactInformation.email[0].address"},
    request=_request_of("EmailRequest"),
    options=(
        CommandOption("subject", required=True),
        CommandOption("text", "plain-text body"),
        CommandOption("html", "HTML body; with --text both are sent"),
        CommandOption(
            "attach", "file to attach; may be repeated", kind="file", repeatable=True, metavar="FILE"
        ),
    ),
    build=_build_email,
    render=adaptive.render_email,
)

BUILT_IN: tuple[ChannelSpec, ...] = (SMS, WHATSAPP, EMAIL)
