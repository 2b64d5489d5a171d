"""Rules on calls with something new in them, and on calls that tell different things (MC314, MC322)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from messaging_channels._model import events
from messaging_channels._model.status import StatusGroup
from messaging_channels.plugins.webhooks import WebhookResult
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.event_identity import same_keys_of_other_messages
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.malformed import Path, leaf_paths, parse_json, value_at
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.webhook_bodies import (
    all_unheard,
    is_id,
    spoilt_bodies,
    tree_of,
    unheard_at,
)
from messaging_channels.testing.conformance.webhook_repetitions import same_keys_of_one_message
from messaging_channels.testing.conformance.webhooks import event_keys, samples, told_by
from messaging_channels.testing.fixtures import InboundText

_FINAL = (StatusGroup.DELIVERED, StatusGroup.UNDELIVERABLE, StatusGroup.REJECTED, StatusGroup.EXPIRED)
_ID_LENGTH = 6
_YEAR = 365 * 86400.0


def unheard_of_values_are_kept(context: ConformanceContext) -> Iterator[str]:
    """MC314."""
    for number, webhook in enumerate(samples(context)):
        usual = told_by(context, webhook.body)
        if not isinstance(usual, WebhookResult):
            continue
        if words := _problem_of_spoilt(context, webhook.body, usual):
            yield f"call {number} {words}"
            return
        if _is_told_as_delivered(context, webhook.body):
            yield f"call {number} with all of its words unheard of is told as delivered"


def different_events_have_different_keys(context: ConformanceContext) -> Iterator[str]:
    """MC322."""
    samples(context)
    reports = [(one.body, event) for one in samples(context) for event in _events(context, one.body)]
    made = [(body, event) for body in _made_bodies(context) for event in _events(context, body)]
    pairs = [pair for pair in combinations(reports, 2) if _are_reports(*pair)] + list(combinations(made, 2))
    yield from same_keys_of_one_message(context)
    yield from same_keys_of_other_messages(context)
    if not pairs:
        why = (
            "no two calls of the fixtures tell different things: give `delivered_body` and `inbound_message`"
        )
        raise NotApplicable(why)
    for one, another in pairs:
        (body, event), (other_body, other) = one, another
        is_repetition = (
            event.key == other.key and _is_another(event, other) and _ids(body) != _ids(other_body)
        )
        if is_repetition and not _has_id_of_fixtures(one, another):
            yield f"two calls with ids of their own tell {_said(event)} and {_said(other)} under the same key: the second is taken for a repetition"
            return


def _has_id_of_fixtures(one: tuple[bytes, events.Event], other: tuple[bytes, events.Event]) -> bool:
    """Whether two calls about different messages hold the same id of the event: then the fixtures have only one, which is no fault of the provider."""
    given = one[1].event_id
    if given is None or not is_id(given) or _message_ids(one[1]) == _message_ids(other[1]):
        return False
    return all(_holds(body, given) for body, _ in (one, other))


def _message_ids(event: events.Event) -> tuple[Any, Any]:
    return getattr(event, "message_id", None), getattr(event, "provider_id", None)


def _are_reports(one: tuple[bytes, events.Event], other: tuple[bytes, events.Event]) -> bool:
    return all(isinstance(event, events.StatusChanged) for _, event in (one, other))


def _problem_of_spoilt(context: ConformanceContext, body: bytes, usual: WebhookResult) -> str:
    """Put something unheard of into each place in turn, and say what is wrong with what is told then."""
    for path, spoilt in spoilt_bodies(body):
        told = told_by(context, spoilt)
        if isinstance(told, str) and not told.startswith("it was refused"):
            return f"with something unheard of at {_named(path)}: {told}"
        is_collection = isinstance(
            value_at(tree_of(body), path), (dict, list)
        )  # one that is empty may tell nothing
        if isinstance(told, WebhookResult) and usual.events and not told.events and not is_collection:
            return f"with something unheard of at {_named(path)} tells nothing: keep it as an UnknownEvent"
        if isinstance(told, WebhookResult) and any(map(_has_no_time, told.events)):
            return f"with something unheard of at {_named(path)} happened in 1970: give `request.received_at`"
    return _problem_of_words(context, body, usual)


def _has_no_time(event: events.Event) -> bool:
    return isinstance(event, events.UnknownEvent) and event.occurred_at < _YEAR


def _problem_of_words(context: ConformanceContext, body: bytes, usual: WebhookResult) -> str:
    """Put a word that nobody has heard of into the place of each word in turn: what ends a message must be known."""
    for path in _word_paths(body):
        told = told_by(context, unheard_at(body, path))
        new = _groups(told) - _groups(usual)
        ended = [one.name.lower() for one in _FINAL if one in new]
        if ended:
            return f"with an unheard-of word at {_named(path)} is told as {', '.join(ended)}: an UnknownEvent keeps it"
    return ""


def _word_paths(body: bytes) -> list[Path]:
    """Return where in a call a single word stands, such as a status."""
    tree = tree_of(body)
    is_form = parse_json(body) is None
    paths = leaf_paths(tree, (str,))
    return [
        path
        for path in paths
        if re.fullmatch(r"[A-Za-z_.-]{2,40}", str(value_at(tree, path))) and not (is_form and path[-1] == 0)
    ]


def _groups(told: WebhookResult | str) -> set[StatusGroup | None]:
    found = () if isinstance(told, str) else told.events
    return {one.status.group for one in found if isinstance(one, events.StatusChanged)}


def _is_told_as_delivered(context: ConformanceContext, body: bytes) -> bool:
    """Whether a call is one of delivery with all of its words unheard of; never where none of them can be replaced, as in a mail."""
    other = all_unheard(body)
    told = told_by(context, other) if other != body else ""
    return StatusGroup.DELIVERED in _groups(told)


def _made_bodies(context: ConformanceContext) -> Iterator[bytes]:
    """Return two calls of each kind that differ in their ids."""
    given = context.fixtures
    if given.delivered_body is not None:
        yield from (given.delivered_body(f"ours-{one * 1111}", f"theirs-{one * 1111}") for one in (3, 4))
    if given.inbound_message is not None:
        sender = context.envelope().to.plain
        to = "desk@example.org" if "@" in sender else "447700900000"
        for number in (3, 4):
            yield given.inbound_message(InboundText(sender, to, f"zq {number}", number, NOW - number))


def _events(context: ConformanceContext, body: bytes) -> Sequence[events.Event]:
    told = told_by(context, body)
    known = event_keys(told)
    return [] if isinstance(told, str) or len(set(known)) < len(known) else told.events


def _is_another(event: events.Event, other: events.Event) -> bool:
    """Whether two events tell something else, whatever is in the reports as they came."""
    return replace(event, raw=None, source=None) != replace(other, raw=None, source=None)


def _holds(body: bytes, text: str) -> bool:
    """Whether a call holds that value somewhere."""
    tree = tree_of(body)
    return text in {str(value_at(tree, path)) for path in leaf_paths(tree, (str, int))}


def _ids(body: bytes) -> Mapping[Path, Any]:
    """Return what in a call may be an id, by place."""
    tree = tree_of(body)
    values = {path: str(value_at(tree, path)) for path in leaf_paths(tree, (str, int))}
    return {path: text for path, text in values.items() if len(text) >= _ID_LENGTH and is_id(text)}


def _said(event: events.Event) -> str:
    status = getattr(event, "status", None)
    return type(event).__name__ if status is None else status.name


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "the top"
