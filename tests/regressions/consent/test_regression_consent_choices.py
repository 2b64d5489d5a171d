"""Which choice stands, what it is about, and in whose hours a mail goes."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from regression_consent import PERSON, guarded, vetoed

from messaging_channels import Dispatcher, Email, PhoneNumber, Sandbox, Sms, WhatsAppText
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import BadInput
from messaging_channels._model.events import OptedIn, OptedOut
from messaging_channels.policies.checks import SuppressionList
from messaging_channels.policies.windows import SendWindow

WHO = PhoneNumber.parse(PERSON)


def _stop(at: float, **more: Any) -> OptedOut:
    return OptedOut(
        provider="twilio", occurred_at=at, channel="sms", address=WHO, reason="keyword STOP", **more
    )


def _start(at: float, **more: Any) -> OptedIn:
    return OptedIn(
        provider="twilio", occurred_at=at, channel="sms", address=WHO, reason="keyword START", **more
    )


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        pytest.param((_stop(200.0), _start(100.0)), True, id="the START comes late"),
        pytest.param((_start(200.0), _stop(100.0)), False, id="the STOP comes late"),
        pytest.param((_start(100.0), _stop(200.0)), True, id="STOP last, in order"),
        pytest.param((_stop(100.0), _start(200.0)), False, id="START last, in order"),
    ],
)
@pytest.mark.parametrize("kept_in", ["memory", "file"])
def test_the_last_choice_that_was_made_stands_in_whatever_order_they_are_heard(
    heard: tuple[OptedOut | OptedIn, ...], right: bool, kept_in: str, tmp_path: Path
) -> None:
    choices = SuppressionList(tmp_path / "choices.sqlite3") if kept_in == "file" else SuppressionList()

    for choice in heard:
        choices.event_received(choice)

    with guarded(choices) as dispatcher:
        assert vetoed(dispatcher, Sms("News"), f"+{PERSON}") is right
    choices.close()


def _name_of_purpose() -> tuple[str, bool]:
    """Return what a message's purpose is called, and whether it is a field of the message."""
    names = ("about", "purpose", "category", "topic", "consent")
    of_messages = {one.name for one in fields(WhatsAppText)}
    of_sending = set(inspect.signature(Dispatcher.send).parameters)
    told = [(name, name in of_messages) for name in names if name in of_messages | of_sending]
    assert told, "nothing says what a message is for"
    return told[0]


@pytest.mark.parametrize(("purpose", "right"), [("marketing", True), ("transactional", False)])
def test_who_stopped_marketing_gets_no_marketing_and_still_gets_codes(purpose: str, right: bool) -> None:
    choices = SuppressionList()
    choices.event_received(
        OptedOut(
            provider="whatsapp-cloud", occurred_at=1.0, channel="whatsapp", address=WHO, category="marketing"
        )
    )
    name, of_message = _name_of_purpose()
    told: dict[str, Any] = {name: purpose}
    message = WhatsAppText("Words")

    with guarded(choices) as dispatcher:
        seen = (
            vetoed(dispatcher, replace(message, **told), f"+{PERSON}")
            if of_message
            else vetoed(dispatcher, message, f"+{PERSON}", **told)
        )

    assert seen is right


@pytest.mark.parametrize(
    "to",
    [
        "zoe@example.com",
        "44zoe@example.com",
        "1.zoe@example.com",
    ],
)
def test_office_hours_without_a_zone_are_refused_for_every_mail_address(to: str, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")

    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        try:
            dispatcher.enqueue(Email("News", "text"), to=to, window=SendWindow("09:00", "20:00"))
        except BadInput:
            refused = True
        else:
            refused = False

    assert refused
