"""What the emulator refuses, as Vonage would; written from Vonage's pages, apart from the code that builds requests.

Sources: https://developer.vonage.com/en/api/sms, https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from messaging_channels_vonage.emulator.rcs_rules import find_rcs_problem

Rejection: TypeAlias = "tuple[str, str] | None"
"""The status of a part and its words; None if all is well."""

REJECTED_NUMBERS = {"447700900001": "7", "447700900002": "1", "447700900003": "9"}
"""Numbers that are refused, with the status: barred, too fast, no credit."""
REJECTED_BY_MESSAGES = {"447700900001": (422, 1050), "447700900002": (429, 1000), "447700900003": (402, 1070)}
"""The same numbers at the Messages API, with the status of HTTP and the code."""

MAX_PARAMETERS = 100


def find_rejection(message: Mapping[str, str]) -> Rejection:
    """Return why the SMS API refuses these parameters."""
    for name in ("from", "to"):
        if not message.get(name):
            return "2", f"Missing {name} param"
    for code, words, broken in _RULES:
        if broken(message):
            return code, words
    number = REJECTED_NUMBERS.get(message["to"])
    return (number, "Refused") if number else None


def _is_out_of_range(name: str, low: int, high: int) -> Callable[[Mapping[str, str]], bool]:
    def broken(message: Mapping[str, str]) -> bool:
        given = message.get(name)
        return given is not None and not (given.isascii() and given.isdigit() and low <= int(given) <= high)

    return broken


def _is_longer(name: str, limit: int) -> Callable[[Mapping[str, str]], bool]:
    return lambda message: len(message.get(name, "")) > limit


def _lacks_content(message: Mapping[str, str]) -> bool:
    if message.get("type") == "binary":
        return not message.get("body") or not _HEX.fullmatch(message["body"] + message.get("udh", ""))
    return not message.get("text")


_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[0-9]{3,15}|(?=.*[^0-9]).{1,11}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_RULES: tuple[tuple[str, str, Callable[[Mapping[str, str]], bool]], ...] = (
    ("3", "Invalid type", lambda message: message.get("type", "text") not in ("text", "unicode", "binary")),
    ("2", "Missing text param", _lacks_content),
    ("3", "Invalid to param", lambda message: not _NUMBER.fullmatch(message["to"])),
    ("15", "Invalid sender address", lambda message: not _SENDER.fullmatch(message["from"])),
    ("3", "Invalid ttl", _is_out_of_range("ttl", 20_000, 604_800_000)),
    ("3", "Invalid message-class", _is_out_of_range("message-class", 0, 3)),
    ("3", "Invalid protocol-id", _is_out_of_range("protocol-id", 0, 255)),
    ("22", "Invalid client-ref", _is_longer("client-ref", MAX_PARAMETERS)),
    ("3", "Invalid callback", _is_longer("callback", MAX_PARAMETERS)),
    ("12", "Message too long", _is_longer("text", 3200)),
)


def find_problem(message: Mapping[str, Any]) -> str | None:
    """Return what the Messages API calls invalid; None if all is well."""
    channel, kind = str(message.get("channel")), str(message.get("message_type"))
    if channel not in _TYPES or kind not in _TYPES[channel]:
        return "channel or message_type"
    for name in ("to", "from"):
        if not isinstance(message.get(name), str) or not message[name]:
            return name
    if channel == "rcs":
        return find_rcs_problem(message, kind)
    reference = message.get("client_ref", "")
    if not isinstance(reference, str) or len(reference) > MAX_PARAMETERS:
        return "client_ref"
    return (
        _party_problem(message, channel)
        or _ttl_problem(message, channel)
        or _content_problem(message, channel, kind)
    )


def _party_problem(message: Mapping[str, Any], channel: str) -> str | None:
    is_user = channel == "whatsapp" and _USER_ID.fullmatch(message["to"])
    if not (is_user or _NUMBER.fullmatch(message["to"])):
        return "to"
    return None if channel == "sms" or _NUMBER.fullmatch(message["from"]) else "from"


def _ttl_problem(message: Mapping[str, Any], channel: str) -> str | None:
    ttl, (low, high) = message.get("ttl"), _TTL.get(channel, (20, 604_800))
    return None if ttl is None or (type(ttl) is int and low <= ttl <= high) else "ttl"


def _content_problem(message: Mapping[str, Any], channel: str, kind: str) -> str | None:
    content = message.get("whatsapp" if kind == "template" and "template" not in message else kind)
    if kind == "text":
        return None if isinstance(content, str) and 1 <= len(content) <= _LONGEST[channel] else kind
    if kind == "content":
        return None if isinstance(content, list) and content else kind
    well = isinstance(content, dict) and _CONTENTS.get(kind, _is_file)(cast("dict[str, Any]", content))
    return None if well else kind


def _is_file(content: Mapping[str, Any]) -> bool:
    return bool(content.get("url") or content.get("id"))


def _is_template(content: Mapping[str, Any]) -> bool:
    return bool(content.get("name")) and _has_good_gaps(content)


def _is_custom(content: Mapping[str, Any]) -> bool:
    """Whether it is an object in WhatsApp's own form: the word for its type, and the content of that name."""
    kind = content.get("type")
    return isinstance(kind, str) and bool(content.get(kind))


def _has_good_gaps(template: Mapping[str, Any]) -> bool:
    gaps = template.get("parameters", [])
    return isinstance(gaps, list) and all(
        isinstance(one, str) and one.strip() and not _UNFIT.search(one) for one in gaps
    )


_UNFIT = re.compile(r"[\r\n\t]| {5}")
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_LONGEST = {"sms": 3200, "mms": 5000, "whatsapp": 4096}
_TTL = {"mms": (300, 259_200)}
_CONTENTS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "custom": _is_custom,
    "reaction": bool,
    "template": _is_template,
}
_FILES = frozenset({"image", "audio", "video", "file"})
_TYPES: Mapping[str, frozenset[str]] = {
    "sms": frozenset({"text"}),
    "mms": frozenset({"text", "vcard", "content"}) | _FILES,
    "rcs": frozenset({"text", "image", "video", "file", "card", "carousel", "custom"}),
    "whatsapp": frozenset({"text", "template", "custom", "sticker", "reaction"}) | _FILES,
}
