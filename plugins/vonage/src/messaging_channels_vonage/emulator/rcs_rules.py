"""What the emulator refuses of RCS messages; written from Vonage's pages, apart from the code that builds requests.

Source: https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

NOT_CAPABLE = frozenset({"447700900921", "447700900922"})
"""Numbers without RCS: the first gets the SMS of a failover, the second nothing."""
_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_AGENT = re.compile(r"[a-zA-Z0-9_&-]+")
_MAX_TEXT, _MAX_TITLE, _MAX_WORDS, _MAX_LABEL, _MAX_REFERENCE = 3072, 200, 2000, 25, 100
_MAX_SUGGESTIONS, _MAX_ON_CARD = 11, 4
_TTL = (20, 259_200)
_CARDS = (2, 10)
_FIELDS: Mapping[str, frozenset[str]] = {
    "reply": frozenset(),
    "open_url": frozenset({"url", "description"}),
    "open_url_in_webview": frozenset({"url", "description"}),
    "dial": frozenset({"phone_number"}),
    "view_location": frozenset({"latitude", "longitude", "pin_label"}),
    "share_location": frozenset(),
    "create_calendar_event": frozenset({"start_time", "end_time", "title", "description"}),
}


def find_rcs_problem(message: Mapping[str, Any], kind: str) -> str | None:
    """Return what the Messages API calls invalid; None if all is well."""
    if not _NUMBER.fullmatch(message["to"]):
        return "to"
    if not _AGENT.fullmatch(message["from"]):
        return "from"
    ttl, reference = message.get("ttl"), message.get("client_ref", "")
    if ttl is not None and not (type(ttl) is int and _TTL[0] <= ttl <= _TTL[1]):
        return "ttl"
    if not isinstance(reference, str) or len(reference) > _MAX_REFERENCE:
        return "client_ref"
    return _content_problem(message, kind) or _suggestions_problem(
        message.get("suggestions", []), _MAX_SUGGESTIONS
    )


def _content_problem(message: Mapping[str, Any], kind: str) -> str | None:  # noqa: PLR0911  one for each rule
    content = message.get(kind)
    if kind == "text":
        return None if isinstance(content, str) and 1 <= len(content) <= _MAX_TEXT else kind
    if not isinstance(content, dict):
        return kind
    told = cast("dict[str, Any]", content)
    if kind == "card":
        return _card_problem(told)
    if kind == "carousel":
        cards: Any = told.get("cards")
        if not isinstance(cards, list) or not _CARDS[0] <= len(cast("list[Any]", cards)) <= _CARDS[1]:
            return "carousel.cards"
        if message.get("rcs", {}).get("card_width") not in ("SMALL", "MEDIUM"):
            return "rcs.card_width"
        return next((wrong for one in cast("list[Any]", cards) if (wrong := _card_problem(one))), None)
    return None if kind == "custom" or told.get("url") else kind


def _card_problem(card: Mapping[str, Any]) -> str | None:
    for name, limit in (("title", _MAX_TITLE), ("text", _MAX_WORDS), ("media_url", 2048)):
        value = card.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= limit:
            return f"card.{name}"
    return _suggestions_problem(card.get("suggestions", []), _MAX_ON_CARD)


def _suggestions_problem(given: Any, at_most: int) -> str | None:  # noqa: ANN401  whatever came
    if not isinstance(given, list) or len(cast("list[Any]", given)) > at_most:
        return "suggestions"
    for one in cast("list[dict[str, Any]]", given):
        fields = _FIELDS.get(str(one.get("type")))
        if fields is None or not one.get("postback_data") or not 1 <= len(one.get("text", "")) <= _MAX_LABEL:
            return "suggestions"
        if missing := [name for name in fields if not isinstance(one.get(name), str) or not one[name]]:
            return f"suggestions.{missing[0]}"
    return None
