"""Read a request that sends RCS messages, as Infobip does.

Source: https://www.infobip.com/docs/api/channels/rcs/outbound-rcs/send-rcs-messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from messaging_channels.messages import Message
from messaging_channels.testing import ReadMessage
from messaging_channels_infobip.request_reading.validity import read_validity
from messaging_channels_rcs import (
    CalendarEvent,
    CardMedia,
    Dial,
    LocationRequest,
    OpenUrl,
    RcsCard,
    RcsCarousel,
    RcsFile,
    RcsText,
    Reply,
    RichCard,
    ShowLocation,
    SmsFallback,
    Suggestion,
)


def read_rcs(told: Mapping[str, Any]) -> list[ReadMessage]:
    """Return the messages of a request."""
    return [_read(one, place) for one in told["messages"] for place in one["destinations"]]


def _read(told: Mapping[str, Any], place: Mapping[str, Any]) -> ReadMessage:
    content, options = told["content"], told.get("options", {})
    kind, read = _READERS[content["type"]]
    held = {
        "sender": told["sender"],
        "validity_period": read_validity(options),
        "sms_fallback": _fallback(options["smsFailover"]) if "smsFailover" in options else None,
        "suggestions": _suggestions(content),
        **read(content),
    }
    return ReadMessage(to=place["to"], message=held, kind=kind, reference=place["messageId"])


def _fallback(told: Mapping[str, Any]) -> SmsFallback:
    return SmsFallback(told["text"], told.get("sender"), read_validity(told))


def _text(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": content["text"]}


def _file(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": content["file"]["url"], "thumbnail": content.get("thumbnail", {}).get("url")}


def _single_card(content: Mapping[str, Any]) -> dict[str, Any]:
    place = {name: content[name].lower() for name in ("orientation", "alignment")}
    return {"card": _card(content["content"]), **place}


def _carousel(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"cards": tuple(map(_card, content["contents"])), "width": content["cardWidth"].lower()}


def _card(told: Mapping[str, Any]) -> RichCard:
    media = _media(told["media"]) if "media" in told else None
    return RichCard(told.get("title", ""), told.get("description", ""), media, _suggestions(told))


def _media(told: Mapping[str, Any]) -> CardMedia:
    return CardMedia(told["file"]["url"], told["height"].lower(), told.get("thumbnail", {}).get("url"))


def _suggestions(told: Mapping[str, Any]) -> tuple[Suggestion, ...]:
    given: Sequence[Mapping[str, Any]] = told.get("suggestions", ())
    return tuple(_SUGGESTIONS[one["type"]](one["text"], one, _postback(one)) for one in given)


def _postback(told: Mapping[str, Any]) -> str:
    """Return what comes back; a provider writes the words themselves where the message leaves it to them."""
    return "" if told["postbackData"] == told["text"] else told["postbackData"]


def _page(text: str, told: Mapping[str, Any], postback: str) -> OpenUrl:
    view: Any = told["webviewViewMode"].lower() if told["application"] == "WEBVIEW" else None
    return OpenUrl(text, told["url"], postback, view)


def _map(text: str, told: Mapping[str, Any], postback: str) -> ShowLocation:
    return ShowLocation(text, told["latitude"], told["longitude"], told.get("label", ""), postback)


def _event(text: str, told: Mapping[str, Any], postback: str) -> CalendarEvent:
    start, end = (datetime.fromisoformat(told[name]) for name in ("startTime", "endTime"))
    return CalendarEvent(text, told["title"], start, end, told.get("description", ""), postback)


_SUGGESTIONS: Mapping[str, Callable[[str, Mapping[str, Any], str], Suggestion]] = {
    "REPLY": lambda text, _, postback: Reply(text, postback),
    "OPEN_URL": _page,
    "DIAL_PHONE": lambda text, told, postback: Dial(text, told["phoneNumber"], postback),
    "SHOW_LOCATION": _map,
    "REQUEST_LOCATION": lambda text, _, postback: LocationRequest(text, postback),
    "CREATE_CALENDAR_EVENT": _event,
}
_READERS: Mapping[str, tuple[type[Message], Callable[[Any], dict[str, Any]]]] = {
    "TEXT": (RcsText, _text),
    "FILE": (RcsFile, _file),
    "CARD": (RcsCard, _single_card),
    "CAROUSEL": (RcsCarousel, _carousel),
}
