"""What could never be kept or followed is refused where it is asked for, and the error shows what to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from messaging_channels import Dispatcher, Sms, SqliteLedger
from messaging_channels.errors import ConfigurationError
from messaging_channels.messages import Fallback
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    LookupRequest,
    Reason,
)

TO = "+447700900123"
HELLO = Sms("hello")


class _Mute:
    """Takes messages, reports nothing and cannot be asked."""

    name: ClassVar[str] = "mute"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=one.id) for one in batch]


class _Asked(_Mute):
    def look_up(self, _: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        return None


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.enqueue(HELLO, to=TO),
        lambda one: one.enqueue(Fallback([HELLO, HELLO]), to=TO),
        lambda one: list(one.enqueue_each(HELLO, to=[TO])),
    ],
)
def test_without_a_ledger_nothing_is_taken_in_and_the_line_to_add_is_shown(
    call: Callable[[Dispatcher], Any],
) -> None:
    with Dispatcher([_Mute()]) as dispatcher, pytest.raises(ConfigurationError, match=r"ledger=SqliteLedger"):
        call(dispatcher)


def test_without_a_ledger_a_callers_transaction_gets_no_tables() -> None:
    theirs = sqlite3.connect(":memory:")
    with Dispatcher([_Mute()]) as dispatcher, pytest.raises(ConfigurationError, match=r"ledger=SqliteLedger"):
        dispatcher.enqueue(HELLO, to=TO, transaction=theirs)
    assert theirs.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    theirs.close()


def test_a_fallback_whose_first_step_nobody_can_tell_of_is_refused() -> None:
    with Dispatcher([_Mute()], ledger=SqliteLedger(owned=True)) as dispatcher:
        with pytest.raises(ConfigurationError, match="mute neither reports deliveries nor can be asked"):
            dispatcher.enqueue(Fallback([HELLO, HELLO]), to=TO)
        assert dispatcher.enqueue(Fallback([HELLO]), to=TO).id
    with Dispatcher([_Asked()], ledger=SqliteLedger(owned=True)) as dispatcher:
        assert dispatcher.enqueue(Fallback([HELLO, HELLO]), to=TO).id
