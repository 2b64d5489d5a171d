"""The operations on consent in SQL, written once for SQLite and PostgreSQL. See `ledger.sql`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels._ledger.tables import CONSENT_TABLE
from messaging_channels._model.consent import find_blocking
from messaging_channels._model.consent_rows import COLUMNS, insert_statement, statement_from_row
from messaging_channels._model.statements import ConsentQuery, ConsentStatement, StatementKind
from messaging_channels.plugins import ledger_consent as op


def find_suppression(query: ConsentQuery) -> StatementFlow[ConsentStatement | None]:
    """Return what forbids a message, by one look-up of the person."""
    rows = yield from _rows_of(query.recipients, with_links=query.channel == "whatsapp")
    if not rows:
        return None
    said = [statement_from_row(row) for row in rows]
    if query.confirms:
        said = _without_confirmed(said, query)
    return find_blocking(said, query.channel, query.category, query.now)


def _without_confirmed(said: list[ConsentStatement], query: ConsentQuery) -> list[ConsentStatement]:
    """Leave out the opt-out that the message confirms, in the time that 47 CFR 64.1200(a)(12) allows for it, and its repetitions."""
    fresh = {one.id: one for one in said if query.now <= one.recorded_at + _CONFIRMATION_SECONDS}
    confirmed = fresh.get(query.confirms)
    if confirmed is None:
        return said
    scope = confirmed.kind, confirmed.channel, confirmed.category
    return [one for one in said if one.id not in fresh or (one.kind, one.channel, one.category) != scope]


def _rows_of(recipients: Sequence[str], *, with_links: bool) -> StatementFlow[list[tuple[Any, ...]]]:
    text = _select(len(recipients), with_links=with_links)
    return (yield text, (*recipients, *recipients) if with_links else tuple(recipients))


@lru_cache(maxsize=32)
def _select(count: int, *, with_links: bool) -> str:
    """Return the query for that many keys of a person, and the keys that are linked to them."""
    marks = ", ".join("?" * count)
    text = f"SELECT {COLUMNS} FROM messaging_channels_consent_statement WHERE recipient IN ({marks})"  # noqa: S608
    linked = (
        f" UNION SELECT {COLUMNS} FROM messaging_channels_consent_statement WHERE recipient IN"  # noqa: S608
        f" (SELECT other FROM messaging_channels_consent_link WHERE recipient IN ({marks}))"
    )
    return text + linked if with_links else text


def _record_statements(operation: op.RecordStatements, _: Dialect) -> StatementFlow[int]:
    count = 0
    for one in operation.statements:
        count += len((yield insert_statement(one, CONSENT_TABLE)))
    return count


def _find_suppression(operation: op.FindSuppression, _: Dialect) -> StatementFlow[ConsentStatement | None]:
    return find_suppression(operation.consent)


def _list_statements(operation: op.ListStatements, _: Dialect) -> StatementFlow[Sequence[ConsentStatement]]:
    if operation.recipients is not None:
        rows = yield from _rows_of(operation.recipients, with_links=True)
        return sorted(map(statement_from_row, rows), key=lambda one: (one.recorded_at, one.id))
    at, key = operation.after or (-1.0, "")
    rows = yield (
        (
            f"SELECT {COLUMNS} FROM messaging_channels_consent_statement WHERE recorded_at > ? OR (recorded_at = ? AND id > ?)"  # noqa: S608
            " ORDER BY recorded_at, id LIMIT ?"
        ),
        (at, at, key, operation.limit),
    )
    return [statement_from_row(row) for row in rows]


def _lift_suppressions(operation: op.LiftSuppressions, _: Dialect) -> StatementFlow[int]:
    rows = yield from _rows_of(operation.recipients, with_links=True)
    said = [statement_from_row(row) for row in rows]
    done = {one.lifts for one in said}
    count = 0
    for one in said:
        if (
            one.kind.value in operation.kinds
            and one.id not in done
            and operation.channel in ("*", one.channel)
        ):
            yield insert_statement(_lifting(one, operation), CONSENT_TABLE)
            count += 1
    return count


def _lifting(one: ConsentStatement, operation: op.LiftSuppressions) -> ConsentStatement:
    return ConsentStatement(
        id=f"lift-{one.id}",
        recipient=one.recipient,
        channel=one.channel,
        kind=StatementKind.LIFTED,
        said_at=operation.at,
        recorded_at=operation.at,
        category=one.category,
        source="operator",
        reason=operation.reason,
        lifts=one.id,
        address=one.address,
    )


def _link_recipients(operation: op.LinkRecipients, _: Dialect) -> StatementFlow[None]:
    for one, other in operation.pairs:
        for pair in ((one, other), (other, one)):
            yield (
                "INSERT INTO messaging_channels_consent_link (recipient, other, linked_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (*pair, operation.at),
            )


_CONFIRMATION_SECONDS = 300.0
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    op.RecordStatements: _record_statements,
    op.FindSuppression: _find_suppression,
    op.ListStatements: _list_statements,
    op.LiftSuppressions: _lift_suppressions,
    op.LinkRecipients: _link_recipients,
}
