"""A message is a value: what the caller changes afterwards changes nothing in it, and half a character is refused before it is sent."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from messaging_channels import (
    Attachment,
    Dispatcher,
    Email,
    Sandbox,
    Sms,
    SqliteLedger,
    WhatsAppTemplate,
    WhatsAppText,
)
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages import (
    CarouselCard,
    ImageHeader,
    ListRow,
    ListSection,
    Media,
    Message,
    Mms,
    ReplyButton,
    WhatsAppButtons,
    WhatsAppList,
)

HALF = "half \ud83d"
PICTURE = ImageHeader(Media(url="https://files.example.com/a"))
MADE: dict[str, Callable[[list[Any]], Message]] = {
    "media": lambda given: Mms(given, "text"),  # type: ignore[arg-type]
    "parameters": lambda given: WhatsAppTemplate("order", "en", given),  # type: ignore[arg-type]
    "buttons": lambda given: WhatsAppButtons(text="choose", buttons=given),  # type: ignore[arg-type]
    "rows": lambda given: WhatsAppList(text="choose", button="open", sections=(ListSection(given, "one"),)),  # type: ignore[arg-type]
    "attachments": lambda given: Email("Hi", "text", attachments=given),
    "copies": lambda given: Email("Hi", "text", cc=given),
}
GIVEN: dict[str, list[Any]] = {
    "media": ["https://files.example.com/a"],
    "parameters": ["Ann"],
    "buttons": [ReplyButton("1", "Yes")],
    "rows": [ListRow("1", "Yes")],
    "attachments": [Attachment(b"a", "a.txt", "text/plain")],
    "copies": ["zoe@example.com"],
}


@pytest.mark.parametrize("name", MADE)
def test_a_list_that_is_changed_afterwards_changes_no_message(name: str) -> None:
    given = list(GIVEN[name])
    message, same = MADE[name](given), MADE[name](list(given))
    given.append(given[0])

    assert message == same
    assert hash(message) == hash(same)


def test_a_mapping_of_a_message_cannot_be_changed_but_copied() -> None:
    given = {"name": "Ann"}
    message = WhatsAppTemplate("order", "en", given)
    given["name"] = "Eve"

    assert message.parameters == {"name": "Ann"}
    with pytest.raises(TypeError, match="another one"):
        message.parameters["name"] = "Eve"  # type: ignore[index]
    for again in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
        assert again == message


def test_a_generator_is_drawn_once() -> None:
    message = WhatsAppTemplate("order", "en", (name for name in ("Ann", "Zoe")))  # type: ignore[arg-type]

    assert message.parameters == ("Ann", "Zoe")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sms(HALF),
        lambda: Sms("x", sender=HALF),
        lambda: Mms(("https://files.example.com/a",), HALF),
        lambda: WhatsAppText(HALF),
        lambda: WhatsAppTemplate("order", "en", {"name": HALF}),
        lambda: WhatsAppTemplate("order", "en", cards=(CarouselCard(PICTURE, (HALF,)),)),
        lambda: WhatsAppButtons(text="choose", buttons=(ReplyButton("1", HALF),)),
        lambda: Email("Hi", HALF),
        lambda: Email(HALF, "text"),
        lambda: Email("Hi", "text", headers={"X-Shop": HALF}),
    ],
)
def test_half_a_character_is_refused_in_whatever_field_by_every_door(make: Callable[[], Message]) -> None:
    sandbox = Sandbox()
    with Dispatcher([sandbox], ledger=SqliteLedger(owned=True)) as dispatcher:
        for call in (dispatcher.send, dispatcher.enqueue):
            message = make()
            to = "zoe@example.com" if isinstance(message, Email) else "+447700900123"
            with pytest.raises(InvalidMessage, match="unpaired surrogate"):
                call(message, to=to)

    assert sandbox.outbox.messages() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: WhatsAppTemplate("order", "en", "Ann"),  # type: ignore[arg-type]
        lambda: Mms("https://files.example.com/a"),  # type: ignore[arg-type]
    ],
)
def test_one_text_where_several_are_meant_is_refused(make: Callable[[], Message]) -> None:
    with pytest.raises(InvalidMessage, match="must be a list"):
        make()
