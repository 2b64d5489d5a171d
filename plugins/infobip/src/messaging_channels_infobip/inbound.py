"""What people write: SMS, WhatsApp in all its kinds, and mail.

Sources: https://www.infobip.com/docs/api/channels/sms/inbound-sms, https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-inbound-messages,
https://www.infobip.com/docs/api/channels/mms and https://www.infobip.com/docs/api/channels/email/receive-inbound-email
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as MimePart
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import getaddresses, parseaddr
from typing import Any

from messaging_channels.events import Event, InboundMedia, MessageReceived
from messaging_channels.plugins import Address
from messaging_channels_infobip.addresses import parse_address
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.reports import PROVIDER, unknown_event
from messaging_channels_infobip.responses import as_object, as_objects

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
    "BUTTON_REPLY": "button",
    "LIST_REPLY": "list",
    "FLOW_RESPONSE": "flow",
    "FILE": "document",
    "SUBJECT": "text",
    "URL": "text",
}
"""Any other kind of message is `unknown`; all of it is in `raw`. The last six are words of the Messages API."""


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


def parse_mms(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read an inbound MMS: its parts as a list, as webhooks have them, or its text alone, as the list of messages that is fetched has it."""
    sender, listed = parse_address(record.get("from")), record.get("message")
    if sender is None:
        return [unknown_event(record, "inbound MMS without a sender", at=at)]
    parts = [{"value": listed}] if isinstance(listed, str) else as_objects(listed)
    texts = [text for one in parts if _media_type(one) in _PLAIN and (text := _text(one.get("value")))]
    media = tuple(
        InboundMedia(url=url, content_type=_media_type(one))
        for one in parts
        if (url := _text(one.get("url")))
    )
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("receivedAt"), default=at),
            channel="mms",
            provider_id=str(record.get("messageId") or ""),
            sender=sender,
            to=str(record.get("to") or ""),
            kind=_kind_of_media(media[0]) if media else "text",
            text="\n".join(texts) or None,
            media=media,
            reply_to=_text(record.get("pairedMessageId")),
            raw=record,
        )
    ]


def _media_type(part: Mapping[str, Any]) -> str:
    """Return the media type without its parameters, such as the character set; empty if none is told."""
    return str(part.get("contentType") or "").partition(";")[0].strip().lower()


def _kind_of_media(media: InboundMedia) -> str:
    family = media.content_type.partition("/")[0]
    return family if family in ("image", "video", "audio") else "document"


def parse_chat(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read an inbound message of WhatsApp, or of another chat, which keeps its name. Who has no number is known by an id that only this business can use."""
    contact, content = as_object(record.get("contact")), as_object(record.get("message"))
    sender = parse_address(record.get("from") or contact.get("phoneNumber") or contact.get("userId"))
    if sender is None:
        return [unknown_event(record, "inbound chat message without a sender", at=at)]
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("receivedAt"), default=at),
            channel=str(record.get("integrationType") or "whatsapp").lower(),
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


def parse_rcs(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read an inbound RCS message, or the answer to a suggestion: then `payload` is its postback."""
    sender, content = parse_address(record.get("sender")), as_object(record.get("message"))
    if sender is None:
        return [unknown_event(record, "inbound RCS message without a sender", at=at)]
    media = tuple(
        InboundMedia(
            url=one.url,
            filename=_text(content.get("name")),
            content_type=_text(content.get("contentType")) or "",
        )
        for one in _media(content)
    )
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("receivedAt"), default=at),
            channel=str(record.get("integrationType") or "rcs").lower(),
            provider_id=str(record.get("messageId") or ""),
            sender=sender,
            to=str(record.get("to") or ""),
            kind=_rcs_kind(content, media),
            text=_text(content.get("text")),
            payload=_text(content.get("postbackData")),
            location=_location(content),
            media=media,
            reply_to=_text(record.get("pairedMessageId")),
            raw=record,
        )
    ]


def _rcs_kind(content: Mapping[str, Any], media: Sequence[InboundMedia]) -> str:
    if content.get("type") == "FILE" and media:
        return _kind_of_media(media[0])
    return {"TEXT": "text", "SUGGESTION": "button", "LOCATION": "location"}.get(
        str(content.get("type")), "unknown"
    )


def parse_unified(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read an inbound message of the Messages API, of whatever channel."""
    sender = parse_address(record.get("sender"))
    if sender is None:
        return [unknown_event(record, "inbound message without a sender", at=at)]
    listed = record.get("content")
    parts = as_objects(listed) or [as_object(listed)]
    main = next((one for one in parts if one.get("type") not in _BESIDE), parts[0])
    texts = [words for one in parts if (words := _text(one.get("url" if _is_page(one) else "text")))]
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("receivedAt"), default=at),
            channel=str(record.get("channel") or "").lower(),
            provider_id=str(record.get("messageId") or ""),
            sender=sender,
            to=str(record.get("destination") or ""),
            kind=MESSAGE_TYPES.get(str(main.get("type")), "unknown"),
            text="\n".join(texts) or None,
            payload=_text(main.get("postbackData")) or _payload(main),
            location=_location(main),
            media=tuple(found for one in parts if not _is_page(one) for found in _media(one)),
            reply_to=_text(record.get("pairedMessageId")),
            raw=record,
        )
    ]


def _is_page(content: Mapping[str, Any]) -> bool:
    """Whether a part is the address of a page, and no file."""
    return content.get("type") == "URL"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _payload(content: Mapping[str, Any]) -> str | None:
    if content.get("type") in ("INTERACTIVE_FLOW_REPLY", "FLOW_RESPONSE"):
        from pydantic_core import to_json  # noqa: PLC0415  slow to import

        return to_json(content.get("response") or {}).decode()
    if content.get("type") == "REACTION":
        return "" if str(content.get("action")).upper() == "REMOVED" else _text(content.get("emoji")) or ""
    return _text(content.get("payload") or content.get("id"))


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
    words = {name: _decode(content) for name, content in fields.items() if not _is_file_name(name)}
    name, sender = _parse_mailbox(words.get("from", ""))
    if sender is None:
        return [unknown_event(words or _decode(body), "mail without a sender", at=at)]
    described = _attachment_infos(words)
    return [
        MessageReceived(
            provider=PROVIDER,
            occurred_at=at,
            channel="email",
            provider_id=words.get("id", ""),
            sender=sender,
            to=_recipients(words.get("to", "")),
            kind="mail",
            text=words.get("text"),
            subject=words.get("subject"),
            html=words.get("html"),
            media=tuple(_parse_attachment(part, described) for part in parts if _is_file_name(_name(part))),
            name=name,
            raw=words,
        )
    ]


def _parse_mailbox(text: str) -> tuple[str | None, Address | None]:
    """Read `Zoe Doe <zoe@example.com>`: the name as it is meant, whatever its encoding (RFC 5322, RFC 2047), and the address."""
    name, address = parseaddr(text)
    return _plain_name(name), parse_address(address or text)


def _plain_name(name: str) -> str | None:
    try:
        return str(make_header(decode_header(name))).strip() or None
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return name.strip() or None


def _recipients(text: str) -> str:
    """Return the bare addresses; text that holds none is left as it came."""
    found = [address for _, address in getaddresses([text]) if "@" in address]
    return ", ".join(found) or text


def _attachment_infos(words: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what is told of each attachment beside it, by the name of its part, such as `attachment1`."""
    from pydantic_core import from_json  # noqa: PLC0415  slow to import

    infos: dict[str, dict[str, Any]] = {}
    for name, text in words.items():
        if name.startswith(_INFO):
            try:
                told: Any = from_json(text)
            except ValueError:
                continue
            listed = as_objects(told) or [as_object(told)]
            number = name.removeprefix(_INFO)
            infos |= {str(one.get("name") or f"attachment{number}"): one for one in listed}
    return infos


def _name(part: MimePart) -> str:
    return str(part.get_param("name", "", header="content-disposition") or "")


def _content(part: MimePart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace").strip("\r\n")


def _is_file_name(name: str) -> bool:
    return name.startswith("attachment") and not name.startswith(_INFO)


def _parse_attachment(part: MimePart, infos: Mapping[str, Mapping[str, Any]]) -> InboundMedia:
    told = infos.get(_name(part)) or next(
        (one for one in infos.values() if one.get("filename") and one["filename"] == part.get_filename()), {}
    )
    content_id = _text(told.get("contentId")) or str(part.get("content-id") or "")
    return InboundMedia(
        id=content_id.strip("<>") or None,
        content_type=_text(told.get("contentType")) or part.get_content_type(),
        filename=part.get_filename() or _text(told.get("filename")),
        content=_content(part),
    )


_INFO = "attachmentInfo"
_BESIDE = frozenset({"SUBJECT", "TEXT", "URL"})
"""Parts of a message that stand beside what it is, where there is more."""
_PLAIN = ("text/plain", "")
