"""What is shown of a message, of a receipt and of a method: what helps, and nothing private."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    Email,
    PhoneNumber,
    Sandbox,
    Sms,
    WhatsAppTemplate,
    messages,
)
from messaging_channels._sending import send_options
from messaging_channels.errors import NotSent, Rejected
from messaging_channels.messages import Message
from messaging_channels.testing.canaries import TEXT
from messaging_channels.testing.conformance import samples

EXAMPLES: tuple[Message, ...] = samples._EXAMPLES  # noqa: SLF001  one of each type
PRIVATE = (TEXT, "Canary subject", "Zoe", "https://files.example.com/a")


def test_there_is_an_example_of_every_public_message() -> None:
    kinds = {
        kind
        for name in messages.__all__
        if isinstance(kind := getattr(messages, name), type) and issubclass(kind, Message)
    }

    assert {*kinds} - {type(one) for one in EXAMPLES} - {Message, messages.Interactive} == set()


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: type(one).__name__)
def test_a_message_shows_its_type_and_how_much_there_is_in_one_line_but_no_content(message: Message) -> None:
    shown = repr(message)

    assert shown.startswith(f"{type(message).__name__}(")
    assert "\n" not in shown
    assert len(shown) < 300
    assert [one for one in PRIVATE if one in shown] == []


def test_what_helps_is_shown() -> None:
    assert repr(Sms("Your code is 4821", sender="Shop")) == "Sms(text=<17 characters>, sender='Shop')"
    assert "name='order'" in repr(WhatsAppTemplate("order", "en", ("81",)))
    assert "81" not in repr(WhatsAppTemplate("order", "en", ("81",)))
    assert "text=<4 characters>" in repr(Email("Hi", "Text"))


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("447700900123", "accepted by sandbox"),
        ("447700900001", "rejected"),
        ("447700900003", "unknown"),
    ],
)
def test_a_receipt_is_one_short_line_with_a_masked_address(number: str, outcome: str) -> None:
    with Dispatcher([Sandbox(hang=0.01)]) as dispatcher:
        try:
            receipt = dispatcher.send(Sms(TEXT), to=PhoneNumber(number), timeout=0.1)
        except (NotSent, Rejected) as failed:
            receipt = failed.receipt

    shown = str(receipt)

    assert re.match(rf"sms {receipt.id} to \+44•+{number[-3:]}: ", shown)
    assert outcome.split(maxsplit=1)[0] in shown
    assert "\n" not in shown
    assert len(shown) < 200
    assert number not in shown
    assert TEXT not in shown + repr(receipt)


def _described(method: Callable[..., Any]) -> dict[str, str]:
    """Return what the help says of each argument."""
    text = inspect.getdoc(method) or ""
    args = re.search(r"Args:\n(.*?)(?:\n\n|\Z)", text, re.DOTALL)
    entries = re.findall(
        r"^    (\w+): (.*?)(?=^    \w+:|\Z)", args[1] if args else "", re.DOTALL | re.MULTILINE
    )
    return dict(entries)


@pytest.mark.parametrize("kind", [Dispatcher, AsyncDispatcher])
def test_the_help_of_send_says_what_each_option_means_its_unit_and_its_default(kind: type[Any]) -> None:
    method = Dispatcher.send if not (inspect.getdoc(kind.send) or "").count("Args:") else kind.send
    described = _described(method)
    options = set(send_options.SendKeywords.__annotations__)

    assert options | {"message", "to", "via"} <= {*described}
    for name in options & {"timeout", "in_progress_timeout"}:
        assert "seconds" in described[name]
        assert "timedelta" in described[name]
    for name in options - {"confirms", "idempotency_key"}:
        assert "default" in described[name], name


def test_the_help_of_enqueue_says_it_too() -> None:
    described = _described(Dispatcher.enqueue)

    for name in ("send_at", "expires_in"):
        assert "seconds" in described[name]
    for name in ("send_at", "expires_in", "window", "priority"):
        assert "default" in described[name]


def test_every_public_method_of_a_dispatcher_has_a_help() -> None:
    for kind in (Dispatcher, AsyncDispatcher):
        for name, method in inspect.getmembers(kind):
            if not name.startswith("_"):
                assert inspect.getdoc(method), f"{kind.__name__}.{name}"
