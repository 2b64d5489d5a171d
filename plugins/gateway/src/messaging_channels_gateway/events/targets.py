"""Which deliveries are made now: bounds and circuits of each target, so that one that hangs delays nobody else.

A target is one endpoint of a tenant, or all callback URLs of a tenant at one host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from messaging_channels_gateway.store.state import Connection, Rows

MAX_PER_TARGET = 4
"""Calls that are under way to one target at once, for each process."""
MAX_PER_TENANT = 24
MAX_CONCURRENT = 200
OPEN_AFTER = 5
"""Failures in a row, without one success, after which a target is only probed."""
_FIRST_PAUSE, _MAX_PAUSE = 30.0, 600.0
LEASE = 60.0
"""Seconds after which a delivery whose process died is made again."""


def target_of(tenant: str, endpoint: str | None, url: str) -> str:
    """Return the target of a delivery; it begins with the tenant and a space."""
    parts = urlsplit(url)
    return f"{tenant} {endpoint or f'{parts.scheme}://{parts.netloc}'.lower()}"


def tenant_of(target: str) -> str:
    """Return whose target that is."""
    return target.partition(" ")[0]


def label_of(target: str) -> str:
    """Return a name for metrics: the id of an endpoint; for callback URLs a digest, because a host may be somebody's name."""
    name = target.partition(" ")[2]
    return f"callback_{sha256(target.encode()).hexdigest()[:12]}" if "://" in name else name


@dataclass(frozen=True, slots=True)
class DueDeliveries:
    """Work of a transaction that claims what is due, as far as the bounds allow. It returns a row for each delivery."""

    now: float
    holder: str
    under_way: Iterable[str]
    """The target of each call that this process makes at the moment."""

    def __call__(self, database: Connection) -> Rows:
        """See the class."""
        busy = Counter(self.under_way)
        tenants: Counter[str] = Counter()
        for target, count in busy.items():
            tenants[tenant_of(target)] += count
        claimed: Rows = []
        for target, failures, open_until in database.execute(_DUE_TARGETS, (self.now,)):
            tenant = tenant_of(target)
            room = min(
                _room_of(busy[target], failures, open_until, self.now),
                MAX_PER_TENANT - tenants[tenant],
                MAX_CONCURRENT - busy.total() - len(claimed),
            )
            if room > 0 and failures >= OPEN_AFTER:
                room = self._begin_probe(database, target)
            rows = self._claim(database, target, room) if room > 0 else []
            tenants[tenant] += len(rows)
            claimed += sorted(rows)  # RETURNING keeps no order
        return claimed

    def _begin_probe(self, database: Connection, target: str) -> int:
        """Return 1 if this process is the one that probes a target whose circuit is open."""
        begun = database.execute(
            "UPDATE messaging_channels_gateway_target SET open_until = ? WHERE target = ? AND open_until <= ? RETURNING target",
            (self.now + LEASE, target, self.now),
        )
        return len(begun)

    def _claim(self, database: Connection, target: str, room: int) -> Rows:
        return database.execute(
            "UPDATE messaging_channels_gateway_delivery SET due = ?, holder = ?, attempts = attempts + 1 WHERE id IN"  # noqa: S608
            " (SELECT id FROM messaging_channels_gateway_delivery WHERE target = ? AND due <= ? ORDER BY due, id LIMIT ?"
            f"{database.skip_locked}) RETURNING id, tenant, endpoint, url, attempts, event_id, target",
            (self.now + LEASE, self.holder, target, self.now, room),
        )


def _room_of(busy: int, failures: int, open_until: float, now: float) -> int:
    """Return how many more calls may be made to a target."""
    if failures < OPEN_AFTER:
        return MAX_PER_TARGET - busy
    return 0 if open_until > now or busy else 1


def record_reached(database: Connection, target: str, now: float) -> None:
    """Close the circuit of a target. What waits because of the outage is due at once; what the target itself refused keeps its time."""
    rows = database.execute(
        "DELETE FROM messaging_channels_gateway_target WHERE target = ? RETURNING failures", (target,)
    )
    if rows and rows[0][0] >= OPEN_AFTER:
        database.execute(
            "UPDATE messaging_channels_gateway_delivery SET due = ? WHERE target = ? AND due > ? AND holder = ''"
            " AND problem NOT LIKE 'HTTP 4%'",
            (now, target, now),
        )


def record_unreached(database: Connection, target: str, now: float) -> None:
    """Count a failure; open the circuit after some in a row, and for longer after each probe."""
    rows = database.execute(
        "INSERT INTO messaging_channels_gateway_target (target, failures, open_until, seen) VALUES (?, 1, 0, ?)"
        " ON CONFLICT (target) DO UPDATE SET failures = messaging_channels_gateway_target.failures + 1, seen = excluded.seen"
        " RETURNING failures",
        (target, now),
    )
    beyond = rows[0][0] - OPEN_AFTER
    if beyond >= 0:
        pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2.0 ** min(beyond, 10))
        database.execute(
            "UPDATE messaging_channels_gateway_target SET open_until = ? WHERE target = ?",
            (now + pause, target),
        )


def retry_now(database: Connection, where: str, values: tuple[object, ...], now: float) -> Rows:
    """Have deliveries made at once that wait or are dead letters; return their ids. Their target is tried although its circuit is open."""
    rows = database.execute(
        "UPDATE messaging_channels_gateway_delivery SET state = 'waiting', due = CASE WHEN holder <> '' AND due > ? THEN due ELSE 0 END,"  # noqa: S608
        f" attempts = 0 WHERE state IN ('waiting', 'dead') AND {where} RETURNING id, target",
        (now, *values),
    )
    for target in {target for _, target in rows}:
        database.execute(
            "UPDATE messaging_channels_gateway_target SET open_until = 0 WHERE target = ?", (target,)
        )
    return rows


_DUE_TARGETS = (
    "WITH RECURSIVE waiting (target) AS (SELECT min(target) FROM messaging_channels_gateway_delivery WHERE due IS NOT NULL"
    " UNION ALL SELECT (SELECT min(target) FROM messaging_channels_gateway_delivery AS delivery"
    " WHERE due IS NOT NULL AND delivery.target > waiting.target) FROM waiting WHERE waiting.target IS NOT NULL)"
    " SELECT found.target, coalesce(circuit.failures, 0), coalesce(circuit.open_until, 0) FROM (SELECT target,"
    " (SELECT min(due) FROM messaging_channels_gateway_delivery AS delivery WHERE delivery.due IS NOT NULL"
    " AND delivery.target = waiting.target) AS due FROM waiting WHERE target IS NOT NULL) AS found"
    " LEFT JOIN messaging_channels_gateway_target AS circuit ON circuit.target = found.target WHERE found.due <= ? ORDER BY found.due"
)
"""Each target with something due, the longest due first. It reads one row of the index for each target, however much waits there."""
