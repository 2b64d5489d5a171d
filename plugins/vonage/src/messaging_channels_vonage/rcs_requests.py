"""From an RCS message to the object of the Messages API, with the SMS that follows where it cannot be delivered.

Sources: https://developer.vonage.com/en/api/messages and https://developer.vonage.com/en/messages/guides/failover-message
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Message
from messaging_channels.plugins import Envelope
from messaging_channels_rcs import (
    CalendarEvent,
    Dial,
    LocationRequest,
    OpenUrl,
    RcsCard,
    RcsCarousel,
    RcsFile,
    RcsMessage,
    RcsText,
    Reply,
    RichCard,
    ShowLocation,
    SmsFallback,
    Suggestion,
)
from messaging_channels_vonage.senders import SENDERS
from messaging_channels_vonage.sms_requests import require_text

_MIN_TTL, _MAX_TTL = 20, 259_200
"""Seconds."""
_MAX_SMS_TTL = 604_800
_CATEGORIES: Mapping[str, str] = {
    "authentication": "authentication",
    "transactional": "transaction",
    "utility": "transaction",
    "marketing": "promotion",
    "promotion": "promotion",
}
"""Vonage's words for what a message is for."""
STEP = "-rcs"
"""What stands behind our id in the reference of an RCS message that an SMS may follow, so that its failure is not read as the end."""


def describe_rcs(
    envelope: Envelope, message: RcsMessage, sender: str, sms_sender: Callable[[SmsFallback], str]
) -> dict[str, Any]:
    """Return the object that sends this message.

    Raises:
        InvalidMessage: Vonage would refuse it whatever the account.
    """
    fallback = message.sms_fallback
    described = {
        "channel": "rcs",
        "to": envelope.to.plain,
        "from": sender,
        "client_ref": envelope.id + (STEP if fallback else ""),
        "ttl": _ttl(message.validity, f"{type(message).__name__}.validity_period", _MAX_TTL),
        **_WRITERS[type(message)](message),
    }
    rcs = {**_category(message), **described.pop("rcs", {})}
    if rcs:
        described["rcs"] = rcs
    if fallback is not None:
        described["failover"] = [_sms(envelope, fallback, sms_sender(fallback))]
    return described


def _sms(envelope: Envelope, fallback: SmsFallback, sender: str) -> dict[str, Any]:
    period = fallback.validity_period
    ttl = {} if period is None else {"ttl": _ttl(period, "SmsFallback.validity_period", _MAX_SMS_TTL)}
    return {
        "channel": "sms",
        "message_type": "text",
        "to": envelope.to.plain,
        "from": SENDERS.format(sender, "SmsFallback.sender"),
        "text": require_text(fallback.text, "SmsFallback.text"),
        "client_ref": envelope.id,
        **ttl,
    }


def _ttl(period: timedelta, field: str, at_most: int) -> int:
    seconds = int(period.total_seconds())
    if not _MIN_TTL <= seconds <= at_most:
        raise InvalidMessage(
            f"Vonage takes {_MIN_TTL} to {at_most} seconds", field=field, hint="choose one within"
        )
    return seconds


def _category(message: RcsMessage) -> dict[str, str]:
    word = _CATEGORIES.get((message.category or "").lower())
    return {"category": word} if word else {}


def _text(message: RcsText) -> dict[str, Any]:
    return {"message_type": "text", "text": message.text, **_suggestions(message.suggestions)}


def _file(message: RcsFile) -> dict[str, Any]:
    family = message.family
    kind = family if family in ("image", "video") else "file"
    return {"message_type": kind, kind: {"url": message.url}}


def _card(message: RcsCard) -> dict[str, Any]:
    place = {
        "card_orientation": message.orientation.upper(),
        "image_alignment": message.alignment.upper(),
    }
    return {"message_type": "card", "card": _card_content(message.card), "rcs": place}


def _carousel(message: RcsCarousel) -> dict[str, Any]:
    return {
        "message_type": "carousel",
        "carousel": {"cards": [_card_content(one) for one in message.cards]},
        "rcs": {"card_width": message.width.upper()},
        **_suggestions(message.suggestions),
    }


def _card_content(card: RichCard) -> dict[str, Any]:
    if not card.title or not card.description or card.media is None:
        raise InvalidMessage(
            "Vonage takes cards with a title, words and media only", field="RichCard", hint="give all three"
        )
    thumbnail = {"thumbnail_url": card.media.thumbnail} if card.media.thumbnail else {}
    return {
        "title": card.title,
        "text": card.description,
        "media_url": card.media.url,
        "media_height": card.media.height.upper(),
        **thumbnail,
        **_suggestions(card.suggestions),
    }


def _suggestions(given: Sequence[Suggestion]) -> dict[str, Any]:
    return {"suggestions": [_suggestion(one) for one in given]} if given else {}


def _suggestion(one: Suggestion) -> dict[str, Any]:
    kind, more = _action(one)
    return {"type": kind, "text": one.text, "postback_data": one.postback or one.text, **more}


def _action(one: Suggestion) -> tuple[str, dict[str, Any]]:  # noqa: PLR0911  one for each
    match one:
        case Reply():
            return "reply", {}
        case OpenUrl():
            page = {"url": one.url, "description": one.description or one.text}
            if one.view is None:
                return "open_url", page
            return "open_url_in_webview", {**page, "view_mode": one.view.upper()}
        case Dial():
            return "dial", {"phone_number": one.number.removeprefix("+")}
        case ShowLocation():
            place = {"latitude": f"{one.latitude:.6f}", "longitude": f"{one.longitude:.6f}"}
            return "view_location", {**place, "pin_label": one.label or one.text}
        case LocationRequest():
            return "share_location", {}
        case CalendarEvent():
            times = {"start_time": one.start.isoformat(), "end_time": one.end.isoformat()}
            words = {"title": one.title, "description": one.description or one.title}
            return "create_calendar_event", {**times, **words}


_WRITERS: Mapping[type[Message], Callable[[Any], dict[str, Any]]] = {
    RcsText: _text,
    RcsFile: _file,
    RcsCard: _card,
    RcsCarousel: _carousel,
}
