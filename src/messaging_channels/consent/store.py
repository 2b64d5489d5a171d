"""What can be done with the consent that a ledger keeps, as flows: read, add, lift, import and export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from messaging_channels._model.addresses import EmailAddress, PhoneNumber, WhatsAppUserId
from messaging_channels._model.consent import normal_category
from messaging_channels._model.errors import ConfigurationError
from messaging_channels._model.statements import ConsentQuery, ConsentStatement, StatementKind
from messaging_channels.plugins.channel_addresses import address_on
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_consent import (
    FindSuppression,
    LiftSuppressions,
    ListStatements,
    RecordStatements,
)

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels.consent.gate import ConsentGate

LIFTABLE = frozenset(
    {StatementKind.OPTED_OUT.value, StatementKind.UNDELIVERABLE.value, StatementKind.BLOCKED.value}
)
"""What an operator lifts without naming it: a complaint and a legal entry are lifted only by their kind."""


@dataclass(frozen=True, slots=True)
class ConsentStore:
    """The consent of one ledger. One serves all threads and tasks."""

    gate: ConsentGate
    clock: Callable[[], float]

    def show(self, channel: str, address: str | Address) -> Flow[Sequence[ConsentStatement]]:
        """Return all that was said about an address, in the order in which it was kept."""
        said = yield from self._ask_list(ListStatements(self._keys(channel, address)))
        return [one for one in said if one.channel in ("*", self.gate.keys.family(channel)) or channel == "*"]

    def find(
        self, channel: str, address: str | Address, category: str | None
    ) -> Flow[ConsentStatement | None]:
        """Return what forbids a message now."""
        self._require_kept()
        query = ConsentQuery(
            self._keys(channel, address),
            self.gate.keys.family(channel),
            normal_category(category) or "marketing",
            self.clock(),
        )
        return (yield from ask(FindSuppression(query)))

    def add(
        self,
        channel: str,
        address: str | Address,
        *,
        kind: StatementKind | str = StatementKind.OPTED_OUT,
        category: str = "",
        reason: str = "by hand",
        evidence: str = "",
        source: str = "operator",
        said_at: float | None = None,
        expires_at: float | None = None,
    ) -> Flow[ConsentStatement]:
        """Keep what was said. See `ConsentClient.add`."""
        person, now = address_on(channel, address, self.gate.channels), self.clock()
        one = ConsentStatement(
            id="",
            recipient=self.gate.keys.key(person),
            channel=self.gate.keys.family(channel),
            kind=StatementKind(kind),
            said_at=now if said_at is None else said_at,
            recorded_at=now,
            category=normal_category(category) or "",
            source=source,
            reason=reason,
            evidence=evidence,
            expires_at=expires_at,
            address=self.gate.keys.stored_address(person.plain, person.masked),
        )
        one = replace(one, id=statement_id(one))
        yield from self.record([one])
        return one

    def record(self, statements: Iterable[ConsentStatement]) -> Flow[int]:
        """Keep statements, each once. Return how many were new."""
        self._require_kept()
        self.gate.ask_unrecorded()
        return (yield from ask(RecordStatements(tuple(statements))))

    def remove(
        self, channel: str, address: str | Address, *, reason: str, kinds: frozenset[str]
    ) -> Flow[int]:
        """Lift what blocks an address. Return how many statements it was."""
        self._require_kept()
        keys = self._keys(channel, address)
        return (
            yield from ask(
                LiftSuppressions(
                    keys, self.gate.keys.family(channel), kinds or LIFTABLE, self.clock(), reason
                )
            )
        )

    def page(
        self, after: ConsentStatement | None = None, limit: int = 1000
    ) -> Flow[Sequence[ConsentStatement]]:
        """Return the statements that were kept after one of them."""
        start = None if after is None else (after.recorded_at, after.id)
        return (yield from self._ask_list(ListStatements(None, limit, start)))

    def _ask_list(self, operation: ListStatements) -> Flow[Sequence[ConsentStatement]]:
        self._require_kept()
        return (yield from ask(operation))

    def _keys(self, channel: str, address: str | Address) -> tuple[str, ...]:
        person = any_address(address) if channel == "*" else address_on(channel, address, self.gate.channels)
        return self.gate.keys.keys(person)

    def _require_kept(self) -> None:
        if not self.gate.is_kept:
            problem = "consent is not stored: use a ledger that supports it, and a ConsentPolicy that does not turn it off"
            raise ConfigurationError(problem)


def any_address(address: str | Address) -> Address:
    """Return an address whose channel is not told, by its looks.

    Raises:
        InvalidAddress: it looks like none.
    """
    if not isinstance(address, str):
        return address
    if "@" in address:
        return EmailAddress.parse(address)
    return WhatsAppUserId.parse(address) if address[2:3] == "." else PhoneNumber.parse(address)


def statement_id(one: ConsentStatement) -> str:
    """Return an id that is the same for the same statement, so that an import may be repeated."""
    told = (one.recipient, one.channel, one.kind.value, one.category, one.said_at, one.lifts, one.reason)
    return sha256(repr(told).encode(errors="surrogatepass")).hexdigest()[:32]
