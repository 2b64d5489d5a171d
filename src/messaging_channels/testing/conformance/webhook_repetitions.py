"""Whether two events of one message, such as `sent` and `delivered`, are told apart (a part of MC322)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, TypeAlias

from messaging_channels._model import events
from messaging_channels.plugins.webhooks import WebhookResult
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.malformed import leaf_paths, value_at
from messaging_channels.testing.conformance.webhook_bodies import later, tree_of, with_word
from messaging_channels.testing.conformance.webhooks import samples, told_by

_Report: TypeAlias = "events.StatusChanged | events.EngagementReceived"
_WORDS = (
    "sent",
    "delivered",
    "failed",
    "read",
    "undelivered",
    "delivery_failed",
    "rejected",
    "Open",
    "Click",
)
_MOST_PLACES = 4


def same_keys_of_one_message(context: ConformanceContext) -> Iterator[str]:
    """Say of the first two reports on one message that mean something else and have the same key, made an hour apart with other ids of the event."""
    for bodies in _groups(context):
        for one, other in combinations(bodies, 2):
            if words := _problem(context, one, other):
                yield words
                return


def _groups(context: ConformanceContext) -> Iterator[list[bytes]]:
    """Return calls about one message each: those of the fixtures that have both ids in common, and the report of delivery with other words in it."""
    by_ids: dict[tuple[Any, ...], list[bytes]] = {}
    for webhook in samples(context):
        if (report := _report(context, webhook.body)) is not None:
            by_ids.setdefault((report.message_id, report.provider_id), []).append(webhook.body)
    yield from by_ids.values()
    if context.fixtures.delivered_body is not None:
        yield list(_variants(context, context.fixtures.delivered_body("ours-7101", "theirs-7102")))


def _variants(context: ConformanceContext, body: bytes) -> Iterator[bytes]:
    """Return a report with each of some words in the place of the one that decides."""
    yield body
    tree = tree_of(body)
    paths = [path for path in leaf_paths(tree, (str,)) if str(value_at(tree, path)).lower() == "delivered"]
    for path in paths[:_MOST_PLACES]:
        for word in _WORDS:
            changed = with_word(body, path, word)
            if _report(context, changed) is not None:
                yield changed


def _problem(context: ConformanceContext, one: bytes, other: bytes) -> str:
    first, second = _report(context, one), _report(context, later(other, _own_ids(context, other)))
    if (
        first is None
        or second is None
        or _meaning(first) == _meaning(second)
        or type(first) is not type(second)
    ):
        return ""
    if (first.message_id, first.provider_id) != (
        second.message_id,
        second.provider_id,
    ) or first.key != second.key:
        return ""
    return (
        f"two reports on one message, {_said(first)} and {_said(second)}, with other ids and times of their own, "
        "have the same key: the second is taken for a repetition"
    )


def _report(context: ConformanceContext, body: bytes) -> _Report | None:
    """Return the only event of a call, where it is a report on a message."""
    told = told_by(context, body)
    found: Sequence[events.Event] = told.events if isinstance(told, WebhookResult) else ()
    event = found[0] if len(found) == 1 else None
    return event if isinstance(event, (events.StatusChanged, events.EngagementReceived)) else None


def _own_ids(context: ConformanceContext, body: bytes) -> frozenset[str]:
    report = _report(context, body)
    return frozenset() if report is None else frozenset({report.message_id, report.provider_id or ""})


def _meaning(report: _Report) -> object:
    return report.status if isinstance(report, events.StatusChanged) else report.engagement_type


def _said(report: _Report) -> str:
    return report.status.name if isinstance(report, events.StatusChanged) else str(report.engagement_type)
