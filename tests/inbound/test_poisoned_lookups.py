"""One look-up that goes wrong keeps no other message from being settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from scripted import QuickClock

from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger
from messaging_channels.errors import Phase, TransportError
from messaging_channels.plugins import AttemptResult, Envelope, LookupRequest, Reason
from messaging_channels.plugins.exchange import Flow

GOOD, POISONED = "+447700900123", "+447700900124"


class _Asked(Sandbox):
    """Never says what became of a message, and when it is asked, does what the test says about the poisoned ones."""

    def __init__(self, poison: Callable[[], Any]) -> None:
        super().__init__()
        self.poison = poison
        self.poisoned: set[str] = set()

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        self.poisoned |= {one.id for one in batch if one.to.plain == POISONED[1:]}
        return [AttemptResult.of(Reason.TIMEOUT)] * len(batch)

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        if request.message_id in self.poisoned:
            return cast("AttemptResult | None", self.poison())
        return AttemptResult.of(Reason.ACCEPTED, provider_id=f"v-{request.message_id}")


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    "poison",
    [
        lambda: _raise(ValueError("a bug")),
        lambda: _raise(TransportError("away", phase=Phase.CONNECT)),
        lambda: _raise(KeyError("sid")),
        lambda: None,
        lambda: "accepted",
        lambda: {"status": "sent"},
        lambda: AttemptResult.of(Reason.ACCEPTED, provider_id=cast("str", 17)),
    ],
)
def test_a_look_up_that_goes_wrong_leaves_its_message_unknown_and_the_others_are_settled(
    tmp_path: Path, poison: Callable[[], Any]
) -> None:
    clock = QuickClock()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    with Dispatcher([_Asked(poison)], ledger=ledger, clock=clock) as dispatcher:
        sent = [dispatcher.send(Sms("hello"), to=to).id for to in (POISONED, GOOD, POISONED, GOOD)]
        clock.time += 3600
        dispatcher.reconcile()
        records = [dispatcher.get_message(one) for one in sent]
    assert [one and str(one.outcome) for one in records] == ["unknown", "accepted"] * 2
