"""RCS messages as values: within the limits of the platform or refused, and the same after a wait in the queue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Dispatcher, Sandbox
from messaging_channels.errors import BadInput, InvalidMessage
from messaging_channels.messages import Adaptive, Codec, Content, Link
from messaging_channels.plugins import PhoneNumber, message_from_json
from messaging_channels_rcs import (
    RCS,
    CalendarEvent,
    CapabilityCache,
    CardMedia,
    Dial,
    OpenUrl,
    RcsCapability,
    RcsCard,
    RcsCarousel,
    RcsFile,
    RcsText,
    Reply,
    RichCard,
    ShowLocation,
    SmsFallback,
)

URL = "https://files.example.com/a.jpg"
AT = datetime(2030, 5, 1, 18, tzinfo=UTC)
CARD = RichCard("Hats")


@pytest.mark.parametrize(
    "made",
    [
        lambda: RcsText("x" * 3072),
        lambda: RcsText("x", tuple(Reply(f"r{number}") for number in range(11))),
        lambda: RichCard(
            "t" * 200, "d" * 2000, suggestions=tuple(Reply(f"r{number}") for number in range(4))
        ),
        lambda: RcsCarousel((CARD,) * 10),
        lambda: Reply("x" * 25, "p" * 2048),
        lambda: ShowLocation("Map", -90, 180, "l" * 100),
        lambda: CalendarEvent("Note", "t" * 100, AT, AT + timedelta(hours=1), "d" * 500),
        lambda: Dial("Call", "+447700900000"),
        lambda: RichCard(media=CardMedia(URL)),
        lambda: RcsText("x", validity_period=timedelta(days=15)),
    ],
)
def test_what_is_at_a_limit_is_taken(made: Any) -> None:
    made()


@pytest.mark.parametrize(
    "made",
    [
        lambda: RcsText("x" * 3073),
        lambda: RcsText("  \n"),
        lambda: RcsText("x", tuple(Reply(f"r{number}") for number in range(12))),
        lambda: RichCard("t" * 201),
        lambda: RichCard("t", "d" * 2001),
        lambda: RichCard("t", suggestions=tuple(Reply(f"r{number}") for number in range(5))),
        lambda: RichCard(description="words alone"),
        lambda: RcsCarousel((CARD,)),
        lambda: RcsCarousel((CARD,) * 11),
        lambda: RcsCarousel((RichCard("t", media=CardMedia(URL, "tall")), CARD), width="small"),
        lambda: RcsCard(CARD, orientation="upright"),  # type: ignore[arg-type]
        lambda: Reply("x" * 26),
        lambda: Reply("x", "p" * 2049),
        lambda: Reply(""),
        lambda: OpenUrl("Open", "ftp://files.example.com/"),
        lambda: OpenUrl("Open", "https://files.example.com/" + "x" * 2048),
        lambda: OpenUrl("Open", "https://files example.com/"),
        lambda: Dial("Call", "call me"),
        lambda: ShowLocation("Map", 91, 0),
        lambda: ShowLocation("Map", float("nan"), 0),
        lambda: ShowLocation("Map", 0, 181),
        lambda: CalendarEvent("Note", "t", AT, AT),
        lambda: CalendarEvent("Note", "t", AT.replace(tzinfo=None), AT),
        lambda: RcsFile("files.example.com/a.jpg"),
        lambda: RcsText("x", validity_period=timedelta(0)),
        lambda: RcsText("x", validity_period=timedelta(days=16)),
        lambda: SmsFallback(" "),
    ],
)
def test_what_is_beyond_a_limit_is_refused_before_anything_leaves(made: Any) -> None:
    with pytest.raises(InvalidMessage):
        made()


def test_every_message_is_the_same_after_it_waited() -> None:
    codec = Codec((RCS.address_type, *RCS.message_types))
    messages = (
        *RCS.samples,
        *(RcsText("x", RCS.field_values["RcsText.suggestions"], sms_fallback=SmsFallback("y")),),
    )
    for message in messages:
        assert codec.decode(json.loads(json.dumps(codec.encode(message)))) == message


@pytest.mark.parametrize("message", RCS.samples, ids=lambda one: type(one).__name__)
def test_the_sandbox_takes_every_message(message: Any) -> None:
    with Dispatcher([Sandbox()], channels=[RCS]) as dispatcher:
        assert dispatcher.send(message, to="+447700900123").channel == "rcs"


def test_no_repr_shows_what_is_said() -> None:
    card = RcsCard(
        RichCard("secret title", "secret words", CardMedia(f"{URL}?secret")), suggestions=(Reply("secret"),)
    )

    assert "secret" not in repr(card)


def test_json_becomes_a_carousel_with_things_to_tap() -> None:
    told = {
        "type": "carousel",
        "cards": [
            {"title": "One", "suggestions": [{"text": "Yes"}]},
            {"title": "Two", "media": {"url": URL}},
        ],
        "suggestions": [
            {"type": "open_url", "text": "Open", "url": "https://shop.example.com/", "view": "full"}
        ],
        "validityPeriod": 600,
        "smsFallback": {"text": "One or Two?", "validityPeriod": 60},
    }

    assert message_from_json(RCS, told, "Agent") == RcsCarousel(
        (RichCard("One", suggestions=(Reply("Yes"),)), RichCard("Two", media=CardMedia(URL))),
        suggestions=(OpenUrl("Open", "https://shop.example.com/", view="full"),),
        validity_period=timedelta(minutes=10),
        sms_fallback=SmsFallback("One or Two?", validity_period=timedelta(minutes=1)),
        sender="Agent",
    )


@pytest.mark.parametrize(
    "told",
    [
        {"type": "carousel", "cards": []},
        {"type": "card", "card": {"title": "x", "colour": "red"}},
        {"text": "x", "suggestions": [{"type": "fly", "text": "x"}]},
        {"text": "x", "suggestions": [{"text": "x" * 26}]},
        {"type": "song", "text": "x"},
    ],
)
def test_json_that_is_no_rcs_message_is_refused(told: object) -> None:
    with pytest.raises(BadInput):
        message_from_json(RCS, told)


def test_content_becomes_a_card_and_loses_nothing() -> None:
    content = Content("words", "Title", URL, ("Yes", "No"), Link("https://shop.example.com/", "Open"))

    rendering = Adaptive(content).render(RCS)

    assert rendering.message == RcsCard(
        RichCard(
            "Title",
            "words",
            CardMedia(URL),
            (Reply("Yes", "Yes"), Reply("No", "No"), OpenUrl("Open", "https://shop.example.com/")),
        )
    )
    assert rendering.lost == frozenset()


def test_buttons_that_are_too_long_are_lost_only_where_that_is_allowed() -> None:
    content = Content("words", buttons=("x" * 26,))

    with pytest.raises(InvalidMessage, match="buttons"):
        Adaptive(content).render(RCS)
    assert Adaptive(content, allow_loss="buttons").render(RCS).lost == {"buttons"}


@given(
    text=st.text(min_size=1, max_size=4000).filter(str.strip),
    title=st.text(max_size=300),
    buttons=st.lists(st.text(min_size=1, max_size=30).filter(str.strip), max_size=10, unique=True),
    picture=st.sampled_from([None, URL]),
)
def test_content_of_any_size_is_written_whole_or_refused(
    text: str, title: str, buttons: list[str], picture: str | None
) -> None:
    content = Content(text, title, picture, tuple(buttons))
    try:
        rendering = Adaptive(content, allow_loss={"buttons"}).render(RCS)
    except InvalidMessage:
        return
    message = rendering.message
    said = message.text if isinstance(message, RcsText) else message.card.description  # type: ignore[attr-defined]
    assert text in said
    assert len(said) <= 3072


def test_a_capability_is_of_a_number_and_a_sender_and_passes() -> None:
    cache = CapabilityCache(
        capable_for=timedelta(seconds=100), not_capable_for=timedelta(seconds=10), max_size=2
    )
    cache.keep(
        "A", [("1", RcsCapability.CAPABLE), ("2", RcsCapability.NOT_CAPABLE), ("3", RcsCapability.UNKNOWN)], 0
    )

    assert cache.find("A", "1", 99) is RcsCapability.CAPABLE
    assert cache.find("B", "1", 0) is None
    assert (cache.find("A", "2", 9), cache.find("A", "2", 10)) == (RcsCapability.NOT_CAPABLE, None)
    assert cache.find("A", "3", 0) is None
    cache.keep("A", [("4", RcsCapability.CAPABLE)], 0)
    assert cache.find("A", "1", 0) is None


def test_an_rcs_address_is_a_phone_number() -> None:
    assert RCS.parse("+44 7700 900123") == PhoneNumber("447700900123")
    assert RCS.family == "sms"
