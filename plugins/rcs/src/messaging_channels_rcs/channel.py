"""The channel `rcs`, as the entry point registers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from messaging_channels.messages import Message
from messaging_channels.plugins import ChannelSpec, CommandOption, PhoneNumber, hookimpl
from messaging_channels_rcs.cards import CardMedia, RcsCard, RcsCarousel, RichCard
from messaging_channels_rcs.messages import RcsFile, RcsText, SmsFallback
from messaging_channels_rcs.rendering import render
from messaging_channels_rcs.suggestions import (
    CalendarEvent,
    Dial,
    LocationRequest,
    OpenUrl,
    Reply,
    ShowLocation,
)

_URL = "https://files.example.com/a.jpg"
_SUGGESTIONS = (
    Reply("zq Yes", "zq-yes"),
    OpenUrl("zq Open", "https://shop.example.com/zq"),
    Dial("zq Call", "+447700900777"),
    ShowLocation("zq Map", 51.5, -0.125, "zq Tower"),
    LocationRequest("zq Where"),
    CalendarEvent(
        "zq Note",
        "zq Meal",
        datetime(2030, 5, 1, 18, tzinfo=UTC),
        datetime(2030, 5, 1, 20, tzinfo=UTC),
        "zq eat",
    ),
)


def _build(given: Mapping[str, Any]) -> Message:
    fallback = SmsFallback(given["sms-fallback"]) if given["sms-fallback"] else None
    suggestions = tuple(Reply(one) for one in given["reply"])
    if given["file"]:
        return RcsFile(given["file"], suggestions=suggestions, sender=given["sender"], sms_fallback=fallback)
    return RcsText(given["text"] or "", suggestions, sender=given["sender"], sms_fallback=fallback)


RCS = ChannelSpec(
    name="rcs",
    address_type=PhoneNumber,
    parse=PhoneNumber.parse,
    message_types=(RcsText, RcsFile, RcsCard, RcsCarousel),
    example="38598123456",
    title="an RCS message",
    family="sms",
    paths={"user": "channel.rcs", "person": "person.contactInformation.phone[0].number"},
    forms={"text": RcsText, "file": RcsFile, "card": RcsCard, "carousel": RcsCarousel},
    options=(
        CommandOption("text", group="content"),
        CommandOption("file", "the public URL of a file", group="content", metavar="URL"),
        CommandOption("reply", "an answer to tap; repeat it", repeatable=True, metavar="WORDS"),
        CommandOption(
            "sms-fallback", "what the vendor sends by SMS where RCS cannot be reached", metavar="TEXT"
        ),
    ),
    build=_build,
    render=render,
    samples=(
        RcsText("Canary words 7c1f"),
        RcsFile(_URL),
        RcsCard(RichCard("zq Title", "zq words", CardMedia(_URL))),
        RcsCarousel(
            (
                RichCard("zq One", "zq first", CardMedia(_URL)),
                RichCard("zq Two", "zq second", CardMedia(_URL)),
            )
        ),
    ),
    field_values={
        **{
            f"{kind}.{name}": value
            for kind in ("RcsText", "RcsFile", "RcsCard", "RcsCarousel")
            for name, value in (
                ("sender", "zqAgent"),
                ("validity_period", timedelta(hours=1)),
                ("suggestions", _SUGGESTIONS),
                ("sms_fallback", SmsFallback("Canary words 7c1f", "447700900009")),
            )
        },
        "RcsFile.thumbnail": "https://files.example.com/zq.jpg",
        "RcsFile.content_type": "video/mp4",
        "RcsCard.orientation": "horizontal",
        "RcsCard.alignment": "right",
        "RcsCarousel.width": "small",
    },
)


@hookimpl
def register_channels() -> Iterable[ChannelSpec]:
    """RCS."""
    return (RCS,)
