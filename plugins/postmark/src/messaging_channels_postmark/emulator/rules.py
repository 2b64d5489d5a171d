"""Which mails Postmark would refuse: `ErrorCode` and `Message` of the first thing that is wrong.

Source: https://postmarkapp.com/developer/api/email-api#send-a-single-email
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from email.utils import getaddresses
from typing import Any, TypeAlias, cast

from messaging_channels.errors import InvalidAddress
from messaging_channels.plugins import EmailAddress

Refusal: TypeAlias = "tuple[int, str]"
_FIELDS: Mapping[str, type] = {
    "From": str,
    "To": str,
    "Cc": str,
    "Bcc": str,
    "Subject": str,
    "Tag": str,
    "HtmlBody": str,
    "TextBody": str,
    "ReplyTo": str,
    "Headers": list,
    "TrackOpens": bool,
    "TrackLinks": str,
    "Attachments": list,
    "Metadata": dict,
    "MessageStream": str,
}
_MAX_RECIPIENTS, _MAX_NAME, _MAX_VALUE = 50, 20, 80


def recipients(mail: Mapping[str, Any]) -> list[str]:
    """Return the addresses that a mail goes to, of all three fields."""
    return [spec for name in ("To", "Cc", "Bcc") for spec in addresses(mail.get(name) or "")]


def addresses(text: str) -> list[str]:
    """Return the addresses of a field; an empty one where some cannot be read, as newer Pythons say it."""
    return [spec for _, spec in getaddresses([text])] if text.strip() else []


def find_refusal(mail: object, streams: frozenset[str]) -> Refusal | None:
    """Return the first thing that is wrong; None for a mail that is sent."""
    if not isinstance(mail, dict):
        return 403, "The mail is no JSON object."
    return next(_problems(cast("dict[str, Any]", mail), streams), None)


def _problems(mail: Mapping[str, Any], streams: frozenset[str]) -> Iterator[Refusal]:
    for name, value in mail.items():
        if name not in _FIELDS or not isinstance(value, (_FIELDS[name], type(None))):
            yield 403, f"The field {name[:40]} is unknown or of another type."
            return
    yield from _address_problems(mail)
    if not (mail.get("TextBody") or mail.get("HtmlBody")):
        yield 300, "Provide either email TextBody or HtmlBody or both."
    if mail.get("MessageStream") not in (None, *streams):
        yield 300, "The message stream does not exist."
    if mail.get("TrackLinks") not in (None, "None", "HtmlAndText", "HtmlOnly", "TextOnly"):
        yield 300, "Invalid TrackLinks."
    yield from _part_problems(mail)


def _address_problems(mail: Mapping[str, Any]) -> Iterator[Refusal]:
    for name in ("From", "To"):
        if not addresses(mail.get(name) or ""):
            yield 300, f"Invalid '{name}' address."
    for name in ("From", "To", "Cc", "Bcc", "ReplyTo"):
        if not all(map(_is_address, addresses(mail.get(name) or ""))):
            yield 300, f"Invalid '{name}' address."
    if len(recipients(mail)) > _MAX_RECIPIENTS:
        yield 300, "Too many recipients."


def _part_problems(mail: Mapping[str, Any]) -> Iterator[Refusal]:
    headers: list[object] = mail.get("Headers") or []
    attachments: list[object] = mail.get("Attachments") or []
    metadata: dict[str, object] = mail.get("Metadata") or {}
    if not all(map(_is_header, headers)):
        yield 403, "A header needs Name and Value."
    if not all(map(_is_attachment, attachments)):
        yield 300, "An attachment needs Name, Content in base64, and ContentType."
    if not all(_is_metadata(name, value) for name, value in metadata.items()):
        yield 300, "Invalid metadata."


def _is_metadata(name: str, value: object) -> bool:
    return isinstance(value, str) and len(name) <= _MAX_NAME and len(value) <= _MAX_VALUE


def _is_header(told: object) -> bool:
    fields = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    return set(fields) == {"Name", "Value"} and all(isinstance(one, str) for one in fields.values())


def _is_attachment(told: object) -> bool:
    if not isinstance(told, dict):
        return False
    fields = cast("dict[str, Any]", told)
    if not all(isinstance(fields.get(name), str) for name in ("Name", "Content", "ContentType")):
        return False
    try:
        b64decode(fields["Content"], validate=True)
    except ValueError:
        return False
    return str(fields.get("ContentID") or "cid:x").startswith("cid:")


def _is_address(spec: str) -> bool:
    try:
        EmailAddress.parse(spec)
    except InvalidAddress:
        return False
    return True
