"""The operations on accounts that are paused, in SQL. See `_ledger.sql`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from messaging_channels._ledger.sql_types import Dialect, Rows, StatementFlow
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins import ledger_queue as q


def _pause_account(operation: q.PauseAccount, _: Dialect) -> StatementFlow[bool]:
    ((probes,),) = yield (
        (
            "INSERT INTO messaging_channels_paused_account (provider, account, reason, detail, since, next_probe_at, probes)"
            " VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (provider, account) DO UPDATE SET reason = excluded.reason,"
            " detail = excluded.detail, next_probe_at = excluded.next_probe_at, probes = messaging_channels_paused_account.probes + 1"
            " RETURNING probes"
        ),
        (
            operation.provider,
            operation.account or "",
            operation.reason,
            operation.detail,
            operation.at,
            operation.next_probe_at,
        ),
    )
    return bool(probes == 1)


def _resume_account(operation: q.ResumeAccount, _: Dialect) -> StatementFlow[bool]:
    gone = yield (
        "DELETE FROM messaging_channels_paused_account WHERE provider = ? AND account = ? RETURNING next_probe_at",
        (operation.provider, operation.account or ""),
    )
    for (due,) in gone:  # what waited for the probe waits no longer
        yield (
            "UPDATE messaging_channels_queue SET due = ? WHERE state = 'waiting' AND holder = '' AND due = ?",
            (operation.at, due),
        )
        # and what had tried before it was paused, and was to follow the probe
        account = operation.account or ""
        yield _WAKE_TRIED, (operation.at, operation.at, due + _SPREAD, operation.provider, account)
    return bool(gone)


def _acquire_probe(operation: q.AcquireProbe, _: Dialect) -> StatementFlow[bool]:
    taken = yield (
        (
            "UPDATE messaging_channels_paused_account SET next_probe_at = ? WHERE provider = ? AND account = ? AND next_probe_at <= ?"
            " RETURNING provider"
        ),
        (operation.next_probe_at, operation.provider, operation.account or "", operation.at),
    )
    return bool(taken)


def _list_paused_accounts(_: q.ListPausedAccounts, __: Dialect) -> StatementFlow[Sequence[q.PausedAccount]]:
    return (yield from load_paused_accounts())


def load_paused_accounts() -> StatementFlow[tuple[q.PausedAccount, ...]]:
    """Return all of them."""
    return paused_accounts((yield PAUSED_ACCOUNTS, ()))


def paused_accounts(rows: Rows) -> tuple[q.PausedAccount, ...]:
    """Return the accounts of rows that `PAUSED_ACCOUNTS` selected."""
    return tuple(q.PausedAccount(provider, account or None, *more) for provider, account, *more in rows)


_SPREAD = 300.0
"""Seconds after a probe in which those are due that follow it."""
_FAULTS = ", ".join(f"'{one.value}'" for one in Reason if one.policy.is_account_fault)
_WAKE_TRIED = (
    "UPDATE messaging_channels_queue SET due = ? WHERE state = 'waiting' AND holder = '' AND due > ? AND due <= ?"  # noqa: S608
    " AND EXISTS (SELECT 1 FROM messaging_channels_attempt AS last WHERE last.message_id = messaging_channels_queue.message_id"
    f" AND last.provider = ? AND coalesce(last.account, '') = ? AND last.reason IN ({_FAULTS})"
    " AND last.number = (SELECT max(number) FROM messaging_channels_attempt AS other WHERE other.message_id = last.message_id))"
)
PAUSED_ACCOUNTS = "SELECT provider, account, reason, detail, since, next_probe_at, probes FROM messaging_channels_paused_account ORDER BY since"


HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    q.PauseAccount: _pause_account,
    q.ResumeAccount: _resume_account,
    q.AcquireProbe: _acquire_probe,
    q.ListPausedAccounts: _list_paused_accounts,
}
