"""Many operations of one kind as one statement over sets, for PostgreSQL. See `postgres_group`, which decides what goes into them.

A set does the usual case only. What it does not confirm has changed nothing that matters, and is done by the operation's own statements (`sql`, `sql_queue`).
Locks are taken in the order that those keep to: the names of reports, the queue's rows, the messages'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

from messaging_channels._ledger.postgres_arrays import column
from messaging_channels._ledger.sql import CLAIM_SLACK
from messaging_channels._ledger.sql_accounts import PAUSED_ACCOUNTS
from messaging_channels._ledger.sql_insert import key_expiry
from messaging_channels._ledger.sql_list import created_at
from messaging_channels._ledger.sql_types import status_to_json, status_values
from messaging_channels._ledger.tables import ORIGIN_CHECK_POSTGRES
from messaging_channels._model.status import PENDING_NOT_SENT, PENDING_QUEUED
from messaging_channels.plugins.ledger import FinishAttempt, ReserveMessage, StartAttempt
from messaging_channels.plugins.ledger_queue import NEVER, QUEUE_OWNER, Enqueue, State, UpdateJob

Set: TypeAlias = "tuple[bytes, list[list[Any]]]"
"""A statement, and its parameters: a list for each column."""


def set_of(text: bytes, rows: Sequence[tuple[Any, ...]]) -> Set:
    """Return a statement with rows as its columns."""
    columns = zip(*rows, strict=True)
    return text, [column(name, values) for name, values in zip(_column_types(text), columns, strict=True)]


@cache
def _column_types(text: bytes) -> tuple[bytes, ...]:
    """Return the names of the types of a statement's parameters."""
    return tuple(re.findall(rb"%b::(\w+)\[\]", text))


def message_row(new: Enqueue | ReserveMessage) -> tuple[Any, ...]:
    """Return what `INSERT_MESSAGES` takes of an operation."""
    own = (new.id, new.channel, new.message_type, new.account, new.address)
    begun = float(new.at if isinstance(new, Enqueue) else new.first_attempt.started_at)
    expires = float(key_expiry(new, begun))
    key = (new.scope, new.idempotency_key, expires, new.fingerprint, new.digest, new.recipient)
    if isinstance(new, Enqueue):
        return (*own, created_at(new.id, begun), *_QUEUED, *key, QUEUE_OWNER, NEVER, None, "")
    lease, at = float(new.lease), created_at(new.id, begun)
    return (*own, at, *_NOT_SENT, *key, new.lease_owner, lease, lease, consent_keys(new))


def queue_row(new: Enqueue) -> tuple[Any, ...]:
    """Return what `INSERT_QUEUE` takes."""
    times = float(new.at), float(new.due), None if new.deadline is None else float(new.deadline)
    return (new.id, new.steps, *times, new.priority, new.payload)


def recipient_rows(new: Enqueue) -> list[tuple[Any, ...]]:
    """Return what `INSERT_RECIPIENTS` takes: nothing where there is only one."""
    digests = new.recipient_digests.split()
    return [(digest, new.id) for digest in digests] if len(digests) > 1 else []


def attempt_row(new: ReserveMessage | StartAttempt) -> tuple[Any, ...]:
    """Return what `INSERT_FIRST_ATTEMPTS` and `INSERT_ATTEMPTS` take."""
    intent = new.first_attempt if isinstance(new, ReserveMessage) else new.intent
    begun = float(intent.started_at), float(intent.delay)
    name = (intent.message_id, intent.number, intent.provider, intent.account)
    return (*name, *begun, new.lease_owner, float(new.lease))


def start_row(one: StartAttempt) -> tuple[Any, ...]:
    """Return what `HOLD_MESSAGES` takes."""
    key, lease = one.intent.message_id, float(one.lease)
    return (key, one.lease_owner, lease, QUEUE_OWNER if one.queued else one.lease_owner, consent_keys(one))


def renewal_row(one: StartAttempt) -> tuple[Any, ...]:
    """Return what `RENEW_CLAIMS` takes: a claim that lasts nearly as long as the attempt's lease need not be written again."""
    lease, begun = float(one.lease), float(one.intent.started_at)
    return one.intent.message_id, one.lease_owner, lease, lease - (lease - begun) * CLAIM_SLACK


def finish_row(one: FinishAttempt) -> tuple[Any, ...]:
    """Return what `FINISH_ATTEMPTS` takes of one with a certain result."""
    result, over = one.result, float(one.at) if one.stop_reason else None
    now = status_values(result.status) if one.stop_reason else _NOT_SENT
    wait = None if result.retry_after is None else float(result.retry_after)
    said = (result.reason.value, result.outcome.value, status_to_json(result.status))
    return (
        one.message_id,
        *said,
        result.provider_id,
        result.detail,
        wait,
        float(one.at),
        *now,
        one.stop_reason,
        over,
    )


def job_row(one: UpdateJob) -> tuple[Any, ...]:
    """Return what `DELETE_JOBS` takes."""
    return one.message_id, one.lease_owner


def consent_keys(one: ReserveMessage | StartAttempt) -> str:
    """Return under which digests of a person something may have been said."""
    return "" if one.consent is None else " ".join(one.consent.recipients)


_QUEUED, _NOT_SENT = status_values(PENDING_QUEUED), status_values(PENDING_NOT_SENT)
_MAY_BE_SUPPRESSED = (
    "n.people <> '' AND (EXISTS (SELECT 1 FROM messaging_channels_consent_statement AS said WHERE said.recipient ="
    " ANY (string_to_array(n.people, ' ')) AND said.kind NOT IN ('opted_in', 'lifted')) OR EXISTS (SELECT 1"
    " FROM messaging_channels_consent_link AS link WHERE link.recipient = ANY (string_to_array(n.people, ' '))))"
)
"""What was said is weighed by the operation's own statements."""
_IS_ORIGINAL = (
    "(SELECT NOT EXISTS (SELECT 1 FROM messaging_channels_clock WHERE name = 'restored')"  # noqa: S608  our own words
    f" AND NOT EXISTS ({ORIGIN_CHECK_POSTGRES}))"
)
"""Whether the database is no copy: see `sql_pause`."""
INSERT_HOUR = (
    b"INSERT INTO messaging_channels_hour (hour, place) SELECT %s, coalesce(max(place), 0) + 1 FROM messaging_channels_hour"
    b" WHERE true ON CONFLICT DO NOTHING"
)
INSERT_MESSAGES = (
    "INSERT INTO messaging_channels_message (id, channel, kind, account, address, created, status, status_group, status_id,"  # noqa: S608
    " status_name, scope, idempotency_key, expires, fingerprint, digest, recipient, holder, lease, next_check_at, version,"
    " stopped, checks, event_count)"
    " SELECT id, channel, kind, account, address, created, status, status_group, status_id, status_name, scope, ikey,"
    " expires, fingerprint, digest, recipient, holder, lease, next_check_at, 0, '', 0, 0"
    " FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::float8[], %b::text[], %b::int[], %b::int[],"
    " %b::text[], %b::text[], %b::text[], %b::float8[], %b::text[], %b::text[], %b::text[], %b::text[], %b::float8[],"
    " %b::float8[], %b::text[]) AS n(id, channel, kind, account, address, created, status, status_group, status_id,"
    " status_name, scope, ikey, expires, fingerprint, digest, recipient, holder, lease, next_check_at, people)"
    f" WHERE NOT ({_MAY_BE_SUPPRESSED}) AND (ikey IS NULL OR {_IS_ORIGINAL}) ORDER BY scope, ikey ON CONFLICT DO NOTHING RETURNING id"
).encode()
"""In one order for all writers, so that two of them never wait for each other's keys."""
INSERT_KEYS = (
    b"INSERT INTO messaging_channels_key (message_id, place) SELECT n.id, (SELECT max(place) FROM messaging_channels_hour)"
    b" FROM unnest(%b::text[], %b::text[]) AS n(id, holder) JOIN messaging_channels_message AS message"
    b" ON message.id = n.id AND message.holder = n.holder ON CONFLICT DO NOTHING"
)
INSERT_QUEUE = (
    "INSERT INTO messaging_channels_queue (message_id, state, step, steps, base, tries, created, due, priority, deadline,"  # noqa: S608
    f" holder, payload, ready_at) SELECT n.id, '{State.WAITING.value}', 1, n.steps, 0, 0, n.created, n.due, n.priority,"
    " n.deadline, '', n.payload, n.due FROM unnest(%b::text[], %b::int[], %b::float8[], %b::float8[], %b::float8[],"
    " %b::int[], %b::text[]) AS n(id, steps, created, due, deadline, priority, payload)"
    f" JOIN messaging_channels_message AS message ON message.id = n.id AND message.holder = '{QUEUE_OWNER}'"
    " AND message.version = 0 ON CONFLICT DO NOTHING RETURNING message_id"
).encode()
INSERT_RECIPIENTS = (
    f"INSERT INTO messaging_channels_fallback_recipient (recipient, message_id) SELECT n.recipient, n.id"  # noqa: S608
    " FROM unnest(%b::text[], %b::text[]) AS n(recipient, id) JOIN messaging_channels_message AS message"
    f" ON message.id = n.id AND message.holder = '{QUEUE_OWNER}' ON CONFLICT DO NOTHING"
).encode()
_ATTEMPTS = (
    "INSERT INTO messaging_channels_attempt (message_id, number, provider, account, started, waited)"
    " SELECT n.id, n.number, n.provider, n.account, n.started, n.waited"
    " FROM unnest(%b::text[], %b::int[], %b::text[], %b::text[], %b::float8[], %b::float8[], %b::text[], %b::float8[])"
    " AS n(id, number, provider, account, started, waited, holder, lease) JOIN messaging_channels_message AS message"
    " ON message.id = n.id AND message.holder = n.holder AND message.lease = n.lease"
)
INSERT_FIRST_ATTEMPTS = f"{_ATTEMPTS} ON CONFLICT DO NOTHING RETURNING message_id".encode()
INSERT_ATTEMPTS = (
    f"{_ATTEMPTS} WHERE NOT EXISTS (SELECT 1 FROM messaging_channels_attempt AS other WHERE other.message_id = n.id"  # noqa: S608
    " AND (other.outcome IS NULL OR other.outcome = 'accepted' AND other.number >"
    " coalesce((SELECT max(base) FROM messaging_channels_step AS step WHERE step.message_id = n.id), 0)))"
    " ON CONFLICT DO NOTHING RETURNING message_id"
).encode()
"""A statement of its own, once the rows are locked: a report may have settled an attempt just now."""
RENEW_CLAIMS = (
    b"UPDATE messaging_channels_queue AS queue SET due = n.lease"
    b" FROM unnest(%b::text[], %b::text[], %b::float8[], %b::float8[])"
    b" AS n(id, holder, lease, enough) WHERE queue.message_id = n.id AND queue.holder = n.holder AND queue.due < n.enough"
)
HOLD_MESSAGES = (
    "UPDATE messaging_channels_message AS message SET holder = n.holder, lease = n.lease, next_check_at = n.lease"  # noqa: S608
    " FROM unnest(%b::text[], %b::text[], %b::float8[], %b::text[], %b::text[]) AS n(id, holder, lease, owner, people)"
    " WHERE message.id = n.id AND message.holder IN (n.holder, n.owner)"
    f" AND (n.owner <> '{QUEUE_OWNER}' OR EXISTS (SELECT 1 FROM messaging_channels_queue AS queue"
    f" WHERE queue.message_id = n.id AND queue.holder = n.holder)) AND NOT ({_MAY_BE_SUPPRESSED})"
).encode()
LOCK_PROVIDER_IDS = (
    b"SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) FROM (SELECT (SELECT provider"
    b" FROM messaging_channels_attempt AS attempt WHERE attempt.message_id = n.id AND attempt.number = 1) || chr(31)"
    b" || n.provider_id AS name FROM unnest(%b::text[], %b::text[]) AS n(id, provider_id) ORDER BY 1) AS sorted"
)
"""As an early report takes them by itself: whoever comes second finds what the first wrote."""
LOCK_MESSAGES = (
    b"SELECT id FROM messaging_channels_message WHERE id = ANY (%b::text[]) ORDER BY id FOR UPDATE"
)
FINISH_ATTEMPTS = (
    b"WITH ended AS (UPDATE messaging_channels_attempt AS attempt SET reason = n.reason, outcome = n.outcome,"
    b" status = n.status, provider_id = coalesce(n.provider_id, attempt.provider_id), detail = n.detail,"
    b" retry_after = n.retry_after, duration = n.at - started FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[],"
    b" %b::text[], %b::text[], %b::float8[], %b::float8[], %b::text[], %b::int[], %b::int[], %b::text[], %b::text[],"
    b" %b::float8[]) AS n(id, reason, outcome, status, provider_id, detail, retry_after, at, known, status_group, status_id,"
    b" status_name, stopped, over)"
    b" WHERE attempt.message_id = n.id AND attempt.number = 1 AND attempt.outcome IS NULL"
    b" AND (SELECT event_count FROM messaging_channels_message AS message WHERE message.id = n.id) = 0"
    b" AND (SELECT count(*) FROM messaging_channels_event AS event WHERE event.provider = attempt.provider"
    b" AND event.provider_id = n.provider_id AND event.message_id IS NULL) = 0"
    b" AND (SELECT count(*) FROM messaging_channels_attempt AS other WHERE other.message_id = n.id) = 1"
    b" RETURNING attempt.message_id, n.known, n.status_group, n.status_id, n.status_name, n.stopped, n.over)"
    b" UPDATE messaging_channels_message AS message SET status = ended.known, status_group = ended.status_group,"
    b" status_id = ended.status_id, status_name = ended.status_name, version = version + 1, stopped = ended.stopped,"
    b" next_check_at = NULL, lease = coalesce(ended.over, lease) FROM ended WHERE message.id = ended.message_id"
    b" RETURNING message.id"
)
"""First attempts of which nothing was heard, nearly always. The messages are locked."""
DELETE_JOBS = (
    b"DELETE FROM messaging_channels_queue AS queue USING unnest(%b::text[], %b::text[]) AS n(id, holder)"
    b" WHERE queue.message_id = n.id AND queue.holder = n.holder RETURNING queue.message_id"
)
RELEASE_JOBS = (
    b"UPDATE messaging_channels_queue AS queue SET holder = '', due = COALESCE(n.due, queue.created)"
    b" FROM unnest(%b::text[], %b::text[], %b::float8[]) AS n(id, holder, due)"
    b" WHERE queue.message_id = n.id AND queue.holder = n.holder"
)
FIND_KEYS = (
    b"SELECT message.scope, message.idempotency_key FROM unnest(%b::text[], %b::text[]) AS n(scope, ikey)"
    b" JOIN messaging_channels_message AS message ON message.scope = n.scope AND message.idempotency_key = n.ikey"
)
ADD_TO_COUNTERS = (
    b"INSERT INTO messaging_channels_counter AS counter (minute, worker, what, number)"
    b" SELECT * FROM unnest(%b::int[], %b::text[], %b::text[], %b::int[])"
    b" ON CONFLICT (minute, worker, what) DO UPDATE SET number = counter.number + excluded.number"
)
CLAIM = (
    b"WITH clock AS MATERIALIZED (SELECT coalesce((SELECT at FROM messaging_channels_clock WHERE name = 'queue')"
    b" BETWEEN %(now)s - 60 AND %(now)s + 300, false)"
    b" AND coalesce((SELECT max(created) FROM messaging_channels_queue), 0) <= %(now)s + 300 AND "
    + _IS_ORIGINAL.encode()
    + b" AS is_right),"
    b" due AS MATERIALIZED (SELECT one.message_id, one.holder, one.due, row_number() OVER () AS place FROM clock,"
    b" (VALUES (0), (1), (2)) AS level(priority), LATERAL (SELECT message_id, holder, due FROM messaging_channels_queue AS queue"
    b" WHERE queue.priority = level.priority AND queue.due <= %(now)s ORDER BY queue.due LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS one"
    b" WHERE clock.is_right LIMIT %(limit)s),"
    b" doubt AS MATERIALIZED (SELECT 1 FROM due WHERE holder <> '' LIMIT 1),"
    b" claimed AS (UPDATE messaging_channels_queue AS queue SET holder = %(holder)s, due = %(lease)s FROM due"
    b" WHERE queue.message_id = due.message_id AND NOT EXISTS (SELECT 1 FROM doubt)"
    b" RETURNING due.place, EXISTS (SELECT 1 FROM messaging_channels_attempt AS attempt"
    b" WHERE attempt.message_id = queue.message_id), queue.message_id, state,"
    b" step, base, tries, queue.created, deadline, payload, due.due)"
    b" SELECT * FROM claimed UNION ALL SELECT -1, true, '', '', 0, 0, 0, 0, NULL, '', 0 FROM clock"
    b" WHERE NOT is_right OR EXISTS (SELECT 1 FROM doubt)"
)
"""Nothing where a clock was set, the database is a copy, or a worker died with one of them: a row then says so."""
SELECT_PAUSED_ACCOUNTS = PAUSED_ACCOUNTS.encode()
PREPARE = (
    b"SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),"
    b" set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    b" set_config('random_page_cost', '0.01', true), set_config('enable_bitmapscan', 'off', true),"
    b" set_config('lock_timeout', '200ms', true), set_config('jit', 'off', true)"
)
"""For this transaction: by primary key, whatever the statistics of an empty table say; and nobody waits for a lock that a caller holds for long.

A scan that is switched off counts as so expensive that the server would compile each statement that has one: a quarter of a second, for two rows.
"""
COMMIT_LATER = b"SET LOCAL synchronous_commit = off"
"""For what may be lost with the server: a claim, which is due again then. The flush of a later intent covers it."""
