"""Suggestions under a message or on a card, which a person can tap: replies, and actions of the phone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels_rcs import limits


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. What was tapped comes back as `MessageReceived` with its words and `payload`, the postback."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    """At most 25 characters."""
    postback: str = field(default="", repr=False)
    """At most 2048 characters; the text itself without it."""
    type: Literal["reply"] = field(default="reply", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Check the lengths."""
        _require_label(self)


@dataclass(frozen=True, slots=True)
class OpenUrl:
    """Opens a page, in the browser or over the chat."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    url: str = field(repr=False)
    postback: str = field(default="", repr=False)
    view: Literal["full", "half", "tall"] | None = None
    """How much of the screen the page takes over the chat (a webview). None for the browser."""
    description: str = field(default="", repr=False)
    """Description of the page for people who can't see it: at most 500 characters. Default: the label."""
    type: Literal["open_url"] = field(default="open_url", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Check the URL and the lengths."""
        _require_label(self)
        limits.require_url(self.url, "OpenUrl.url")
        limits.require_length(self.description, "OpenUrl.description", limits.EVENT_DESCRIPTION, at_least=0)


@dataclass(frozen=True, slots=True)
class Dial:
    """Calls a number."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    number: str = field(repr=False)
    """International, with or without the plus."""
    postback: str = field(default="", repr=False)
    type: Literal["dial"] = field(default="dial", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Check the number."""
        _require_label(self)
        if not _NUMBER.fullmatch(self.number):
            raise InvalidMessage(
                "must be a phone number", field="Dial.number", hint="write it as +447700900000"
            )


@dataclass(frozen=True, slots=True)
class ShowLocation:
    """Shows a place on a map."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    latitude: float
    longitude: float
    label: str = field(default="", repr=False)
    """At most 100 characters."""
    postback: str = field(default="", repr=False)
    type: Literal["show_location"] = field(default="show_location", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Check the place."""
        _require_label(self)
        limits.require_place(self.latitude, self.longitude, "ShowLocation.latitude and longitude")
        limits.require_length(self.label, "ShowLocation.label", limits.LOCATION_LABEL, at_least=0)


@dataclass(frozen=True, slots=True)
class LocationRequest:
    """Has the person share a place."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    postback: str = field(default="", repr=False)
    type: Literal["location_request"] = field(default="location_request", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Check the lengths."""
        _require_label(self)


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """Puts an event into the person's calendar."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    title: str = field(repr=False)
    """At most 100 characters."""
    start: datetime
    """With a zone."""
    end: datetime
    description: str = field(default="", repr=False)
    """At most 500 characters."""
    postback: str = field(default="", repr=False)
    type: Literal["calendar_event"] = field(default="calendar_event", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Check the times."""
        _require_label(self)
        limits.require_length(self.title, "CalendarEvent.title", limits.EVENT_TITLE)
        limits.require_length(
            self.description, "CalendarEvent.description", limits.EVENT_DESCRIPTION, at_least=0
        )
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidMessage(
                "has a time without a time zone", field="CalendarEvent", hint="give tzinfo, such as UTC"
            )
        if self.start >= self.end:
            raise InvalidMessage(
                "must be after the start", field="CalendarEvent.end", hint="give a later time"
            )


Suggestion: TypeAlias = Reply | OpenUrl | Dial | ShowLocation | LocationRequest | CalendarEvent


def _require_label(suggestion: Suggestion) -> None:
    name = type(suggestion).__name__
    limits.require_length(suggestion.text, f"{name}.text", limits.LABEL)
    limits.require_length(suggestion.postback, f"{name}.postback", limits.POSTBACK, at_least=0)


_NUMBER = re.compile(r"\+?[0-9]{2,15}", re.ASCII)
