"""Nothing is lost or sent twice without a word: a first program is refused, or somebody is warned."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    MessagingError,
    Sandbox,
    Sms,
    WhatsAppText,
)
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.messages.fallback import Fallback
from messaging_channels.testing import ControlledClock
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator

TO = "+447700900123"
PARCEL = Sms("Your parcel comes today")


@contextmanager
def _heard(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Collect what is said meanwhile: warnings, log records of a warning or worse, and refusals, which end it."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        try:
            yield told
        except MessagingError as refusal:
            told.append(str(refusal))
    told += [str(one.message) for one in warned]
    told += [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def _enqueue_in_threads() -> None:
    with Dispatcher([Sandbox()]) as dispatcher:
        dispatcher.enqueue(PARCEL, to=TO)


def _enqueue_in_tasks() -> None:
    async def enqueue() -> None:
        async with AsyncDispatcher([Sandbox()]) as dispatcher:
            await dispatcher.enqueue(PARCEL, to=TO)

    asyncio.run(enqueue())


@pytest.mark.parametrize("enqueue", [_enqueue_in_threads, _enqueue_in_tasks])
def test_what_is_enqueued_into_memory_alone_is_refused_or_warned_about(
    enqueue: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with _heard(caplog) as told:
        enqueue()

    assert any("ledger" in one for one in told)


def test_a_fallback_that_can_hear_of_no_delivery_is_refused_or_warned_about_or_looks(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    clock = ControlledClock()
    message = Fallback([WhatsAppText("Order 1"), Sms("Order 1")], after=60)

    with TwilioEmulator() as vendor:
        twilio = Twilio(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            sender=OUR_NUMBER,
            whatsapp_sender=OUR_NUMBER,
            base_url=vendor.url,
        )
        with (
            _heard(caplog) as told,
            Dispatcher([twilio], ledger=SqliteLedger(tmp_path / "ledger.db"), clock=clock) as dispatcher,
        ):
            dispatcher.enqueue(message, to=TO)
            worker = Worker(dispatcher)
            worker.drain()
            for one in vendor.messages.values():
                one["status"] = "read"
            for _ in range(4):
                clock.advance(61.0)
                worker.drain()
        sent = len(vendor.messages)

    assert told or sent == 1


def _fault_of_enqueueing_beside(table: str, columns: str, file: Path) -> str:
    """Enqueue in a transaction of an application that has such a table; return what is wrong with that, or nothing."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY, {columns})')
        connection.commit()
        with Dispatcher([Sandbox()], ledger=SqliteLedger(file)) as dispatcher:
            try:
                connection.execute("BEGIN")
                connection.execute(f'INSERT INTO "{table}" DEFAULT VALUES')
                dispatcher.enqueue(PARCEL, to=TO, transaction=connection)
                connection.commit()
                sent = Worker(dispatcher).drain()
            except (MessagingError, ValueError) as refusal:
                return "" if table in str(refusal) else str(refusal)
            except sqlite3.Error as fault:
                return str(fault)
        rows = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    return "" if (sent, rows) == (1, 1) else f"{sent} sent, {rows} rows"


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("message", "body TEXT, sent_at TEXT"),
        ("event", "title TEXT"),
        ("queue", "place INTEGER"),
        ("attempt", "answer TEXT"),
    ],
)
def test_an_applications_table_of_a_common_name_does_not_collide_with_the_ledger(
    table: str, columns: str, tmp_path: Path
) -> None:
    fault = _fault_of_enqueueing_beside(table, columns, tmp_path / "shop.db")

    assert fault == ""
