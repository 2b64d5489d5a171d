"""Messages within transactions of Django's: committed with them, or never there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.test import override_settings

from messaging_channels import Sms, Worker
from messaging_channels.testing import Outbox
from messaging_channels_django import enqueue, get_dispatcher, send_on_commit, use_dispatcher
from messaging_channels_django.ledgers import build_ledger

TO = "+447700900123"
WOKEN: list[str] = []


class Notifier:
    def notify(self, message_id: str, not_before: float) -> None:
        assert not_before > 0
        WOKEN.append(message_id)

    async def notify_async(self, message_id: str, not_before: float) -> None: ...


class Failing(Notifier):
    def notify(self, message_id: str, not_before: float) -> None:
        raise OSError(message_id, not_before)


@pytest.fixture(params=["sqlite_alias", "postgres_alias"])
def alias(request: pytest.FixtureRequest) -> Iterator[str]:
    """A project whose ledger lies in its own database."""
    WOKEN.clear()
    name: str = request.getfixturevalue(request.param)
    notifiers = [f"{__name__}.{one}" for one in ("Failing", "Notifier")]
    settings = {"LEDGER_DATABASE": name, "SANDBOX": True, "NOTIFIERS": notifiers}
    with override_settings(MESSAGING_CHANNELS=settings):
        with connections[name].cursor() as cursor:
            cursor.execute("CREATE TABLE purchase (id INTEGER PRIMARY KEY)")
        yield name


def _purchases(alias: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM purchase")
        return int(cursor.fetchone()[0])


def _buy(alias: str, number: int) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("INSERT INTO purchase VALUES (%s)", [number])
    return enqueue(Sms(f"We have your order {number}"), to=TO, idempotency_key=f"order-{number}").id


def test_an_order_and_its_message_are_committed_together(alias: str) -> None:
    with transaction.atomic(using=alias):
        message_id = _buy(alias, 81)
        assert WOKEN == []

    assert [message_id] == WOKEN
    assert Worker(get_dispatcher()).drain() == 1
    assert get_dispatcher().get_message(message_id) is not None
    assert _purchases(alias) == 1


def test_neither_is_there_after_a_rollback(alias: str) -> None:
    with suppress(ZeroDivisionError), transaction.atomic(using=alias):
        _buy(alias, 81)
        _ = 1 / 0

    assert (WOKEN, _purchases(alias)) == ([], 0)
    assert Worker(get_dispatcher()).drain() == 0


def test_a_savepoint_takes_its_own_message_with_it(alias: str) -> None:
    with transaction.atomic(using=alias):
        kept = _buy(alias, 81)
        with suppress(ZeroDivisionError), transaction.atomic(using=alias):
            _buy(alias, 82)
            _ = 1 / 0

    assert [kept] == WOKEN
    assert Worker(get_dispatcher()).drain() == 1


def test_outside_of_a_transaction_it_is_kept_at_once(alias: str) -> None:
    first = _buy(alias, 81)

    assert [first] == WOKEN  # by the dispatcher's own notifiers
    with transaction.atomic(using=alias):
        again = enqueue(Sms("We have your order 81"), to=TO, idempotency_key="order-81")
    assert (again.id, again.replayed, WOKEN) == (first, True, [first])
    assert Worker(get_dispatcher()).drain() == 1


def test_a_mail_of_djangos_is_a_part_of_the_transaction_too(alias: str) -> None:
    from django.core.mail import EmailMessage

    from messaging_channels_django.mail import EmailBackend

    message = EmailMessage("s", "t", "from@example.com", ["to@example.com"])
    with suppress(ZeroDivisionError), transaction.atomic(using=alias):
        assert EmailBackend(mode="enqueue").send_messages([message]) == 1
        _ = 1 / 0
    assert Worker(get_dispatcher()).drain() == 0
    with transaction.atomic(using=alias):
        assert EmailBackend(mode="enqueue").send_messages([message]) == 1
    assert Worker(get_dispatcher()).drain() == 1


def test_a_message_is_sent_after_the_commit_only(sqlite_alias: str) -> None:
    outbox = Outbox()
    with use_dispatcher(outbox.dispatcher):
        with suppress(ZeroDivisionError), transaction.atomic(using=sqlite_alias):
            send_on_commit(Sms("never"), to=TO, using=sqlite_alias)
            _ = 1 / 0
        with transaction.atomic(using=sqlite_alias):
            send_on_commit(Sms("hello"), to=TO, using=sqlite_alias)
            send_on_commit(Sms("malformed"), to="nobody", using=sqlite_alias)  # logged, and harms no other
            assert len(outbox) == 0
    assert [one.message for one in outbox.sent] == [Sms("hello")]
    outbox.close()


def test_a_ledger_elsewhere_takes_no_part_in_the_transaction(sqlite_alias: str) -> None:
    outbox = Outbox()
    with use_dispatcher(outbox.dispatcher), transaction.atomic(using=sqlite_alias):
        enqueue(Sms("hello"), to=TO)
        assert Worker(outbox.dispatcher).drain() == 1
    outbox.close()


def test_what_holds_no_ledger_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="not in DATABASES"):
        build_ledger("nowhere")
    connections["default"].vendor = "oracle"
    try:
        with pytest.raises(ImproperlyConfigured, match="SQLite or PostgreSQL"):
            build_ledger("default")
    finally:
        connections["default"].vendor = "sqlite"


def test_a_wrong_connection_is_refused(sqlite_alias: str) -> None:
    with (
        override_settings(MESSAGING_CHANNELS={"LEDGER_DATABASE": sqlite_alias, "SANDBOX": True}),
        sqlite3.connect(":memory:") as other,
    ):
        other.execute("BEGIN")
        receipt = enqueue(Sms("elsewhere"), to=TO, transaction=other)
        assert Worker(get_dispatcher()).drain() == 0  # it is in the other database, as was asked for
        assert receipt.id
    other.close()
