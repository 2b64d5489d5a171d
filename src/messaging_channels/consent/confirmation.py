"""The one message that confirms an opt-out to the person who asked for it. Off by default."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from messaging_channels._model.consent import find_blocking
from messaging_channels._model.errors import MessagingError
from messaging_channels._model.events import OptedOut
from messaging_channels._model.statements import StatementKind
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_consent import ListStatements
from messaging_channels.plugins.recipients import ResolvedRecipient

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.statements import ConsentStatement
    from messaging_channels.consent.gate import ConsentGate

CONFIRMATION_SECONDS = 300.0
"""For how long after the opt-out it may go out (47 CFR 64.1200(a)(12))."""
SendConfirmation = Callable[[Message, ResolvedRecipient, "ConsentStatement", str], Flow[Any]]
"""Sends it: the message, to whom, what it confirms, and the key under which it goes out once."""


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Confirms opt-outs. One serves all threads and tasks."""

    gate: ConsentGate
    write: Callable[[OptedOut], Message | None]
    """Returns the message, without any marketing in it; None for an opt-out that is not to be confirmed."""
    send: SendConfirmation
    clock: Callable[[], float]

    def confirm(self, heard: Sequence[Event], account: str | None) -> Flow[None]:
        """Confirm the opt-outs among events that our own words understood and that are new. What goes wrong is logged: the opt-out holds all the same."""
        for event in heard:
            if not isinstance(event, OptedOut):
                continue
            try:
                yield from self._confirm(event, account)
            except MessagingError as error:
                _log.warning("an opt-out on %s could not be confirmed: %s", event.channel, error)
            except Exception:  # noqa: BLE001  whatever the application's function raises
                _log.exception("an opt-out on %s could not be confirmed", event.channel)

    def _confirm(self, event: OptedOut, account: str | None) -> Flow[None]:
        now, keys = self.clock(), self.gate.keys
        if now - event.occurred_at > CONFIRMATION_SECONDS:
            return
        said = yield from ask(ListStatements(keys.keys(event.address)))
        channel = keys.family(event.channel)
        entry = next((one for one in said if one.id == event.key), None)
        if entry is None:
            return
        place = entry.recorded_at, entry.id
        earlier = [
            one
            for one in said
            if (one.recorded_at, one.id) < place and one.kind is not StatementKind.UNDELIVERABLE
        ]
        if find_blocking(earlier, channel, entry.category or "marketing", now) is not None:
            return  # the person had opted out before, and was told then
        message = self.write(event)
        if message is not None:
            key = _key(entry, said)
            yield from self.send(message, ResolvedRecipient(event.address, account), entry, key)


def _key(entry: ConsentStatement, said: Sequence[ConsentStatement]) -> str:
    """Return a key that is the same for all opt-outs of a person on a channel until the next opt-in: two that come at once are confirmed once."""
    opened = sorted(one.id for one in said if one.kind in (StatementKind.OPTED_IN, StatementKind.LIFTED))
    told = repr((entry.recipient, entry.channel, entry.category, opened))
    return f"consent-confirmation/{sha256(told.encode(errors='surrogatepass')).hexdigest()}"


_log = logging.getLogger("messaging_channels.consent")
