"""What the emulator refuses, as Telnyx would; written from Telnyx's reference, apart from the code that builds requests.

Source: https://developers.telnyx.com/api-reference/messages/send-a-message and .../send-a-whatsapp-message
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

Refusal: TypeAlias = "tuple[int, str, str] | None"
"""The status of HTTP, the code and its title; None if all is well."""

REFUSED_NUMBERS: Mapping[str, tuple[int, str, str]] = {
    "+447700900001": (403, "40300", "Blocked due to STOP message"),
    "+447700900002": (429, "10011", "Too many requests"),
    "+447700900003": (403, "20100", "Insufficient Funds"),
}
"""Numbers that are refused: opted out, too fast, no funds."""

_SHARED = frozenset({"to", "from", "messaging_profile_id", "type", "webhook_url"})
_TEXT_FIELDS = _SHARED | {
    "text",
    "media_urls",
    "subject",
    "auto_detect",
    "encoding",
    "send_at",
    "use_profile_webhooks",
    "webhook_failover_url",
}
_WHATSAPP_FIELDS = _SHARED | {"whatsapp_message"}
_CONTENTS = frozenset(
    [
        "text",
        "image",
        "video",
        "document",
        "audio",
        "sticker",
        "location",
        "reaction",
        "template",
        "interactive",
        "contacts",
    ]
)
_MAX_MEDIA = 10
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]+", re.ASCII)


def find_refusal(message: Mapping[str, Any], *, whatsapp: bool) -> Refusal:
    """Return why Telnyx refuses this object at that address."""
    known = _WHATSAPP_FIELDS if whatsapp else _TEXT_FIELDS
    if unknown := sorted(set(message) - known):
        return 422, "10015", f"Bad Request: unknown {unknown[0]}"
    if "to" not in message:
        return 422, "10004", "Missing required parameter"
    to = str(message["to"])
    if not _E164.fullmatch(to) and not (whatsapp and _USER_ID.fullmatch(to)):
        return 422, "40310", "Invalid 'to' address"
    found = _find_whatsapp_refusal(message) if whatsapp else _find_text_refusal(message)
    return found or REFUSED_NUMBERS.get(to)


def _find_text_refusal(message: Mapping[str, Any]) -> Refusal:
    sender, media = str(message.get("from", "")), message.get("media_urls", [])
    by_name = bool(sender) and not sender.removeprefix("+").isdigit()
    if (not sender or by_name) and not message.get("messaging_profile_id"):
        return 422, "40305", "Invalid 'from' address"
    if not message.get("text") and not media:
        return 422, "40316", "No content provided for message"
    if len(media) > _MAX_MEDIA or (message.get("type") == "MMS" and not media):
        return 422, "40317", "Invalid MMS content"
    if message.get("type") == "SMS" and media:
        return 422, "40304", "Invalid combination of message content arguments"
    return None


def _find_whatsapp_refusal(message: Mapping[str, Any]) -> Refusal:
    given: object = message.get("whatsapp_message")
    content = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    kind = content.get("type")
    if not _E164.fullmatch(str(message.get("from", ""))):
        return 422, "40305", "Invalid 'from' address"
    if message.get("type", "WHATSAPP") != "WHATSAPP" or kind not in _CONTENTS or kind not in content:
        return 422, "10004", "Missing required parameter"
    return None
