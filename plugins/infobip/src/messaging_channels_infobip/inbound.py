"""What people write: SMS, WhatsApp in all its kinds, and mail.

Sources: https://www.infobip.com/docs/api/channels/sms/inbound-sms, https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-inbound-messages and
https://www.infobip.com/docs/api/channels/email/receive-inbound-email
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message as MimePart
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from messaging_channels.events import Event, InboundMedia, MessageReceived
from messaging_channels_infobip.addresses import parse_address
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.reports import PROVIDER, unknown_event
from messaging_channels_infobip.responses import as_object

MESSAGE_TYPES: Mapping[str, str] = {
    "TEXT": "text",
    "LOCATION": "location",
    "IMAGE": "image",
    "DOCUMENT": "document",
    "AUDIO": "audio",
    "VOICE": "audio",
    "VIDEO": "video",
    "STICKER": "sticker",
    "CONTACT": "contacts",
    "BUTTON": "button",
    "INTERACTIVE_BUTTON_REPLY": "button",
    "INTERACTIVE_LIST_REPLY": "list",
    "INTERACTIVE_FLOW_REPLY": "flow",
    "ORDER": "order",
    "REACTION": "reaction",
}
"""Any other kind of WhatsApp message is `unknown`; all of it is in `raw`."""


def parse_sms(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read an inbound SMS."""
    sender = parse_address(record.get("from"))
    if sender is None:
        return [unknown_event(record, "inbound SMS without a sender", at=at)]
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("receivedAt"), default=at),
            channel="sms",
            provider_id=str(record.get("messageId") or ""),
            sender=sender,
            to=str(record.get("to") or ""),
            text=_text(record.get("text")),
            raw=record,
        )
    ]


def parse_whatsapp(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read an inbound WhatsApp message. Who has no number is known by an id that only this business can use."""
    contact, content = as_object(record.get("contact")), as_object(record.get("message"))
    sender = parse_address(record.get("from") or contact.get("phoneNumber") or contact.get("userId"))
    if sender is None:
        return [unknown_event(record, "inbound WhatsApp message without a sender", at=at)]
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("receivedAt"), default=at),
            channel="whatsapp",
            provider_id=str(record.get("messageId") or ""),
            sender=sender,
            to=str(record.get("to") or ""),
            kind=MESSAGE_TYPES.get(str(content.get("type")), "unknown"),
            text=_text(content.get("text") or content.get("title") or content.get("caption")),
            payload=_payload(content),
            location=_location(content),
            media=_media(content),
            reply_to=_text(as_object(content.get("context")).get("id")),
            name=_text(contact.get("name")),
            raw=record,
        )
    ]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _payload(content: Mapping[str, Any]) -> str | None:
    if content.get("type") == "INTERACTIVE_FLOW_REPLY":
        from pydantic_core import to_json  # noqa: PLC0415  slow to import

        return to_json(content.get("response") or {}).decode()
    return _text(content.get("payload") or content.get("id") or content.get("emoji"))


def _location(content: Mapping[str, Any]) -> tuple[float, float] | None:
    latitude, longitude = content.get("latitude"), content.get("longitude")
    if (
        content.get("type") == "LOCATION"
        and isinstance(latitude, (int, float))
        and isinstance(longitude, (int, float))
    ):
        return (float(latitude), float(longitude))
    return None


def _media(content: Mapping[str, Any]) -> tuple[InboundMedia, ...]:
    url = _text(content.get("url"))
    if url is None or content.get("type") == "LOCATION":
        return ()
    return (
        InboundMedia(url=url, caption=_text(content.get("caption")), filename=_text(content.get("filename"))),
    )


def parse_mail(body: bytes, content_type: str, *, at: float) -> list[Event]:
    """Read an inbound mail, which comes as a form of several parts (RFC 7578)."""
    head = b"content-type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = list(form.iter_parts()) if form.is_multipart() else []
    fields = {_name(part): _content(part) for part in parts}
    sender = parse_address(_decode(fields.get("from", b"")))
    if sender is None:
        return [unknown_event(None, "mail without a sender", at=at)]
    words = {name: _decode(content) for name, content in fields.items() if not name.startswith("attachment")}
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=at,
            channel="email",
            provider_id=words.get("id", ""),
            sender=sender,
            to=words.get("to", ""),
            kind="mail",
            text=words.get("text"),
            subject=words.get("subject"),
            html=words.get("html"),
            media=tuple(_parse_attachment(part) for part in parts if _is_file(part)),
            raw=words,
        )
    ]


def _name(part: MimePart) -> str:
    return str(part.get_param("name", "", header="content-disposition") or "")


def _content(part: MimePart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace").strip("\r\n")


def _is_file(part: MimePart) -> bool:
    name = _name(part)
    return name.startswith("attachment") and not name.startswith("attachmentInfo")


def _parse_attachment(part: MimePart) -> InboundMedia:
    return InboundMedia(
        content_type=part.get_content_type(), filename=part.get_filename(), content=_content(part)
    )
