"""Declared content on every channel: what is lost is told exactly, and everything else is in the message."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Adaptive, Codec, Content, Link
from messaging_channels.plugins import BUILT_IN, ChannelSpec
from messaging_channels_rcs import RCS, RcsCard, RcsText

CHANNELS = (*BUILT_IN, RCS)
PICTURE, FILE, PAGE = "https://f.example/p.jpg", "https://f.example/f.pdf", "https://s.example/page"
WORDS = st.text(st.sampled_from("abcdeé 😀"), min_size=1, max_size=40).filter(str.strip).map(str.strip)
CONTENTS = st.builds(
    Content,
    st.one_of(WORDS, WORDS.map(lambda one: one * 60)).map(lambda one: f"text {one}"),
    st.one_of(st.just(""), WORDS.map(lambda one: f"title {one}"), st.just("title " + "t" * 210)),
    st.sampled_from([None, PICTURE]),
    st.lists(WORDS.map(lambda one: f"b {one}"[:30]), max_size=10, unique=True).map(tuple),
    st.one_of(st.none(), st.builds(Link, st.just(PAGE), st.sampled_from(["", "Show", "S" * 30]))),
    st.sampled_from([None, FILE]),
)


def _written(spec: ChannelSpec, message: object) -> str:
    """Return everything a message says, in JSON."""
    return json.dumps(Codec((spec.address_type, *spec.message_types)).encode(message), ensure_ascii=False)


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


@pytest.mark.parametrize("spec", CHANNELS, ids=lambda one: one.name)
@given(content=CONTENTS)
def test_every_part_is_in_the_message_or_told_to_be_lost(spec: ChannelSpec, content: Content) -> None:
    try:
        rendering = Adaptive(content).report(spec)
    except InvalidMessage:
        return
    written = _written(spec, rendering.message)
    shown: dict[str, Sequence[str | None]] = {
        "text": [content.text],
        "title": [content.title],
        "picture": [content.picture],
        "buttons": content.buttons,
        "link": [content.link.url] if content.link else [],
        "file": [content.file],
    }

    assert rendering.lost | rendering.reduced <= content.parts
    assert not rendering.lost & rendering.reduced
    for part in content.parts:
        there = all(_in_json(one) in written for one in shown[part] if one)
        assert there == (part not in rendering.lost), part


@pytest.mark.parametrize("spec", CHANNELS, ids=lambda one: one.name)
@given(content=CONTENTS)
def test_a_loss_is_refused_unless_it_is_allowed(spec: ChannelSpec, content: Content) -> None:
    try:
        lost = Adaptive(content).report(spec).lost
    except InvalidMessage:
        return
    allowed = Adaptive(content, allow_loss=lost).render(spec)
    assert allowed.lost == lost
    for part in lost:
        with pytest.raises(InvalidMessage, match=part):
            Adaptive(content, allow_loss=lost - {part}).render(spec)


def test_ten_buttons_a_page_and_a_file_are_all_there() -> None:
    buttons = tuple(f"b{number}" for number in range(10))
    content = Content("words", "Title", buttons=buttons, link=Link(PAGE, "Show"), file=FILE)
    rendering = Adaptive(content).render(RCS)

    assert isinstance(rendering.message, RcsCard)
    assert len(rendering.message.suggestions) == 11
    assert FILE in rendering.message.card.description
    assert (rendering.lost, rendering.reduced) == (frozenset(), frozenset({"file"}))


def test_a_label_that_is_too_long_is_told_to_be_in_a_plainer_form() -> None:
    rendering = Adaptive(Content("words", link=Link(PAGE, "S" * 26))).render(RCS)

    assert isinstance(rendering.message, RcsText)
    assert (rendering.message.suggestions[0].text, rendering.reduced) == (
        "Open",
        frozenset({"link"}),
    )


def test_a_title_beside_a_picture_on_whatsapp_is_told_to_be_in_a_plainer_form() -> None:
    (whatsapp,) = (one for one in BUILT_IN if one.name == "whatsapp")
    pressed = Content("words", "Title", PICTURE, ("Yes",))
    header = Content("words", "Title", buttons=("Yes",))

    assert Adaptive(pressed).render(whatsapp).reduced == {"title"}
    assert Adaptive(header).render(whatsapp).reduced == frozenset()
