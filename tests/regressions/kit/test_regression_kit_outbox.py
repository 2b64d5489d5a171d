"""What an outbox holds: what was sent, whichever dispatcher and whatever the caller does afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from messaging_channels import Attachment, Email, Sms, WhatsAppTemplate
from messaging_channels.messages import Message, Mms
from messaging_channels.testing import Outbox

PHONE, MAIL = "+447700900123", "zoe@example.com"


def _change_list(given: list[Any]) -> None:
    given[0] = "Eve" if isinstance(given[0], str) else given[0]
    given.append("another")


def _change_headers(given: dict[str, str]) -> None:
    given["X-Shop"] = "2"


@pytest.mark.parametrize(
    ("given", "message", "to", "field", "change"),
    [
        pytest.param(
            ["Ann"],
            lambda it: WhatsAppTemplate("order_ready", "en", it),
            PHONE,
            "parameters",
            _change_list,
        ),
        pytest.param(["https://files.example.com/a"], Mms, PHONE, "media", _change_list),
        (
            [Attachment(b"a", "a.txt", "text/plain")],
            lambda it: Email("Hi", "text", attachments=it),
            MAIL,
            "attachments",
            _change_list,
        ),
        (
            {"X-Shop": "1"},
            lambda it: Email("Hi", "text", headers=it),
            MAIL,
            "headers",
            _change_headers,
        ),
    ],
    ids=["parameters of a template", "media", "attachments", "headers"],
)
def test_a_later_change_of_the_callers_list_does_not_change_what_was_sent(
    given: Any, message: Callable[[Any], Message], to: str, field: str, change: Callable[[Any], None]
) -> None:
    outbox = Outbox()
    before = type(given)(given)

    outbox.dispatcher.send(message(given), to=to)
    change(given)

    kept = getattr(outbox.only(), field)
    assert type(before)(kept) == before
    outbox.close()


@pytest.mark.parametrize("first", ["threads", "tasks"])
def test_a_key_lets_one_message_through_the_two_doors_of_an_outbox(first: str) -> None:
    outbox = Outbox()

    def by_threads() -> str:
        return outbox.dispatcher.send(Sms("Shipped"), to=PHONE, idempotency_key="order-81").id

    def by_tasks() -> str:
        async def send() -> str:
            receipt = await outbox.async_dispatcher.send(Sms("Shipped"), to=PHONE, idempotency_key="order-81")
            return receipt.id

        return asyncio.run(send())

    callers = (by_threads, by_tasks) if first == "threads" else (by_tasks, by_threads)

    ids = {send() for send in callers}

    assert (len(outbox), len(ids)) == (1, 1)
    outbox.close()
