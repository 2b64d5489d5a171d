"""The age of the queue counts from when a message could first have gone out: nothing that is tried again hides an outage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from queue_setup import QueueSetup
from scripted import Scripted

from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins.ledger import Ledger

OUTAGES = [Reason.UNREACHABLE, Reason.THROTTLED, Reason.CREDENTIALS, Reason.INSUFFICIENT_CREDIT]


@pytest.fixture(params=["sync", "async"])
def out(request: pytest.FixtureRequest, ledger: Ledger) -> Iterator[Callable[[Reason], QueueSetup]]:
    made: list[QueueSetup] = []

    def make(reason: Reason) -> QueueSetup:
        made.append(QueueSetup(ledger, request.param, Scripted("acme-sms", reason)))
        return made[0]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("reason", OUTAGES)
def test_retries_and_pauses_do_not_begin_the_age_anew(
    reason: Reason, out: Callable[[Reason], QueueSetup]
) -> None:
    setup = out(reason)
    setup.enqueue()
    setup.drain()
    setup.drain(ahead=100)
    setup.clock.time += 100

    assert setup.stats().oldest_age_seconds == pytest.approx(200, abs=20)


def test_a_message_for_later_has_an_age_from_its_time_on(ledger: Ledger) -> None:
    with closing(QueueSetup(ledger, "sync", Scripted("acme-sms", Reason.UNREACHABLE))) as setup:
        setup.enqueue(send_at=datetime.fromtimestamp(setup.clock.time + 1000, UTC))
        setup.clock.time += 900
        assert setup.stats().oldest_age_seconds == 0
        setup.drain(ahead=200)
        setup.clock.time += 50

        assert setup.stats().oldest_age_seconds == pytest.approx(150, abs=20)


def test_the_oldest_counts_and_what_was_sent_does_not(ledger: Ledger) -> None:
    provider = Scripted("acme-sms", Reason.UNREACHABLE, Reason.ACCEPTED)
    with closing(QueueSetup(ledger, "sync", provider)) as setup:
        setup.enqueue()
        setup.clock.time += 10
        setup.drain()
        setup.clock.time += 90
        setup.enqueue()
        assert setup.stats().oldest_age_seconds == pytest.approx(100, abs=5)
        for _ in range(5):
            setup.drain(ahead=60)

        assert setup.stats().oldest_age_seconds == 0
