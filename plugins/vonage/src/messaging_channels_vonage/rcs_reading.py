"""What Vonage would understand of an RCS message, for the conformance kit: written from the reference, not from the provider.

Source: https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from messaging_channels.messages import Message
from messaging_channels.testing import ReadMessage
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


def read_rcs(told: Mapping[str, Any]) -> ReadMessage:
    """Return the message of an object of the channel `rcs`.

    Raises:
        ValueError: Vonage would refuse it.
    """
    word, reference = told["message_type"], told["client_ref"]
    kind: type[Message]
    held: dict[str, Any]
    if word == "text":
        kind, held = RcsText, {"text": told["text"]}
    elif word == "card":
        kind, held = RcsCard, {"card": _card(told["card"]), **_place(told["rcs"])}
    elif word == "carousel":
        cards = tuple(map(_card, told["carousel"]["cards"]))
        kind, held = RcsCarousel, {"cards": cards, "width": told["rcs"]["card_width"].lower()}
    else:
        kind, held = RcsFile, _file(word, told[word]["url"])
    fallback = [_fallback(one, told, reference) for one in told.get("failover", ())]
    return ReadMessage(
        to=told["to"],
        message={
            "sender": told["from"],
            "validity_period": timedelta(seconds=told["ttl"]),
            "suggestions": _suggestions(told),
            "sms_fallback": fallback[0] if fallback else None,
            **held,
        },
        kind=kind,
        reference=reference.removesuffix("-rcs"),
    )


def _file(word: str, url: str) -> dict[str, Any]:
    """Read a file. Of its MIME type the request tells the family only, which counts where the name of the file tells another."""
    from mimetypes import guess_type  # noqa: PLC0415  slow to import

    family = (guess_type(url.partition("?")[0])[0] or "").partition("/")[0]
    by_name = family if family in ("image", "video") else "file"
    return {"url": url} if word == by_name else {"url": url, "content_type": _CONTENT_TYPES[word]}


def _fallback(told: Mapping[str, Any], first: Mapping[str, Any], reference: str) -> SmsFallback:
    if told["to"] != first["to"] or told["client_ref"] != reference.removesuffix("-rcs"):
        message = "the SMS that follows has another recipient or reference"
        raise ValueError(message)
    seconds = told.get("ttl")
    return SmsFallback(told["text"], told["from"], None if seconds is None else timedelta(seconds=seconds))


def _place(told: Mapping[str, str]) -> dict[str, Any]:
    return {
        "orientation": told["card_orientation"].lower(),
        "alignment": told["image_alignment"].lower(),
    }


def _card(told: Mapping[str, Any]) -> RichCard:
    height: Any = told["media_height"].lower()
    media = CardMedia(told["media_url"], height, told.get("thumbnail_url"))
    return RichCard(told["title"], told["text"], media, _suggestions(told))


def _suggestions(told: Mapping[str, Any]) -> tuple[Suggestion, ...]:
    given: Sequence[Mapping[str, Any]] = told.get("suggestions", ())
    return tuple(_SUGGESTIONS[one["type"]](one["text"], one, _postback(one)) for one in given)


def _postback(told: Mapping[str, Any]) -> str:
    return "" if told["postback_data"] == told["text"] else told["postback_data"]


def _page(text: str, told: Mapping[str, Any], postback: str) -> OpenUrl:
    view: Any = told["view_mode"].lower() if told["type"] == "open_url_in_webview" else None
    words = "" if told["description"] == text else told["description"]
    return OpenUrl(text, told["url"], postback, view, words)


def _map(text: str, told: Mapping[str, Any], postback: str) -> ShowLocation:
    label = "" if told["pin_label"] == text else told["pin_label"]
    return ShowLocation(text, float(told["latitude"]), float(told["longitude"]), label, postback)


def _event(text: str, told: Mapping[str, Any], postback: str) -> CalendarEvent:
    start, end = (datetime.fromisoformat(told[name]) for name in ("start_time", "end_time"))
    words = "" if told["description"] == told["title"] else told["description"]
    return CalendarEvent(text, told["title"], start, end, words, postback)


_CONTENT_TYPES: Mapping[str, str] = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "file": "application/pdf",
}
_SUGGESTIONS: Mapping[str, Callable[[str, Mapping[str, Any], str], Suggestion]] = {
    "reply": lambda text, _, postback: Reply(text, postback),
    "open_url": _page,
    "open_url_in_webview": _page,
    "dial": lambda text, told, postback: Dial(text, f"+{told['phone_number']}", postback),
    "view_location": _map,
    "share_location": lambda text, _, postback: LocationRequest(text, postback),
    "create_calendar_event": _event,
}
