"""Whether events of other messages and people are told apart, and carry what the call holds (parts of MC313, MC319, MC320 and MC322)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from messaging_channels._model import events
from messaging_channels.plugins.webhooks import WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.malformed import (
    Path,
    leaf_paths,
    parse_json,
    value_at,
    with_value,
)
from messaging_channels.testing.conformance.webhook_bodies import (
    ID_NAME,
    NO_IDS,
    body_of,
    is_id,
    is_time,
    tree_of,
)
from messaging_channels.testing.conformance.webhooks import handle, samples, told_by
from messaging_channels.testing.fixtures import sign_at

_WITH_OFFSET = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?[+-][0-9]{2}:?[0-9]{2}"
)
_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
_SHORTEST_ID = 4
_LAST_DIGIT, _LAST_CHARACTER = re.compile(r"[0-9](?=[^0-9]*$)"), re.compile(r"[0-9a-fA-F](?=[^0-9a-fA-F]*$)")
_OF_MESSAGE = (
    events.StatusChanged,
    events.EngagementReceived,
    events.MessageReceived,
    events.MessageEdited,
)
_OF_PERSON = (events.OptedOut, events.OptedIn, events.HelpRequested)


def same_keys_of_other_messages(context: ConformanceContext) -> Iterator[str]:
    """Give each call of the fixtures other ids, and then another person too: its events are others, and need other keys."""
    for number, webhook in enumerate(samples(context)):
        usual = told_by(context, webhook.body)
        others = _of_others(webhook.body, usual) if isinstance(usual, WebhookResult) else ()
        found = (_problem_of_other(context, usual, webhook.body, body) for body in others)
        if words := next((one for one in found if one), ""):
            yield f"call {number} {words}"
            return


def _problem_of_other(
    context: ConformanceContext, usual: WebhookResult | str, body: bytes, other_body: bytes
) -> str:
    for event, other in _pairs(usual, told_by(context, other_body)):
        if _is_of_nobody(event, other, body, other_body):
            return (
                "and the same one of another person tell of the same person: who is told is not who is named"
            )
        if _is_of_another(event, other) and event.key == other.key and not _is_kept(event, other_body):
            return f"and the same one with other ids tell a {type(event).__name__} each, of different messages or people, under one key"
    return ""


def _pairs(
    usual: WebhookResult | str, told: WebhookResult | str
) -> Iterator[tuple[events.Event, events.Event]]:
    if isinstance(usual, WebhookResult) and isinstance(told, WebhookResult):
        yield from zip(usual.events, told.events, strict=False)


def _is_of_nobody(event: events.Event, other: events.Event, body: bytes, other_body: bytes) -> bool:
    """Whether an event has the address that only the first call names."""
    address, told = (getattr(one, "address", None) for one in (event, other))  # of statements about consent
    plain = getattr(address, "plain", "").encode()
    return bool(plain) and address == told and plain in body and plain not in other_body


def calls_remembered(context: ConformanceContext) -> Iterator[str]:
    """Let one provider handle calls of several people, and say of the first that tells something else than to a provider which has handled none before."""
    provider = context.build()
    for number, webhook in enumerate(samples(context)):
        usual = told_by(context, webhook.body)
        if not isinstance(usual, WebhookResult):
            continue
        for body in (webhook.body, *_of_others(webhook.body, usual)):
            call = sign_at(context.fixtures, body, canaries.SECRET, NOW)
            if _told(handle(provider, call)) != _told(handle(context.build(), call)):
                yield f"call {number} tells something else after others, of other messages and people, than before them"
                return


def _told(told: WebhookResult | str) -> object:
    return told if isinstance(told, str) else [replace(one, raw=None, source=None) for one in told.events]


def _of_others(body: bytes, usual: WebhookResult) -> Iterator[bytes]:
    """Return a call with other ids, and with other ids of another person."""
    yield _renumbered(body)
    people = {
        getattr(one, name).plain
        for one in usual.events
        for name in ("address", "sender", "recipient")
        if hasattr(getattr(one, name, None), "plain")
    }
    for plain in sorted(people):
        other = (
            f"canary@{plain.partition('@')[2]}" if "@" in plain else _LAST_DIGIT.sub(_next_character, plain)
        )
        yield _renumbered(body.replace(plain.encode(), other.encode()))


def _renumbered(body: bytes) -> bytes:
    tree = tree_of(body)
    for path in leaf_paths(tree, (str, int)) if tree is not None else ():
        value = value_at(tree, path)
        if not _is_name_of_form(body, path) and not is_time(value):
            tree = with_value(tree, path, _other_id(value, _name_of(tree, path)))
    return body if tree is None else body_of(body, tree)


def _other_id(value: Any, name: str) -> Any:  # noqa: ANN401  a leaf of JSON
    """Return another id of the same form; the value itself where it is none."""
    text = str(value)
    if ID_NAME.search(name) and (len(text) >= _SHORTEST_ID or text.isdigit()):
        changed = _LAST_CHARACTER.sub(_next_character, text)
        return changed if isinstance(value, str) else int(changed)
    return _LAST_DIGIT.sub(_next_character, text) if isinstance(value, str) and is_id(text) else value


def _next_character(found: re.Match[str]) -> str:
    """Return another character of the same kind: the digits and the letters of hexadecimal numbers go round."""
    return found[0].translate(str.maketrans("0123456789abcdefABCDEF", "1234567890bcdefaBCDEFA"))


def _is_name_of_form(body: bytes, path: Path) -> bool:
    return parse_json(body) is None and path[-1] == 0


def _name_of(tree: Any, path: Path) -> str:  # noqa: ANN401  a tree of JSON or of a form
    return str(path[-1]) if isinstance(path[-1], str) else str(value_at(tree, (*path[:-1], 0)))


def _is_of_another(event: events.Event, other: events.Event) -> bool:
    if type(event) is not type(other):
        return False
    if isinstance(event, _OF_PERSON) and isinstance(other, _OF_PERSON):
        return event.address != other.address
    return isinstance(event, _OF_MESSAGE) and _ids(event) != _ids(other)


def _ids(event: events.Event) -> tuple[Any, Any]:
    return getattr(event, "message_id", None), getattr(event, "provider_id", None)


def _is_kept(event: events.Event, body: bytes) -> bool:
    """Whether the event's id is one that the other call holds too, as it stands there: then the kit has not changed all ids."""
    if event.event_id is None:
        return False
    tree, people = tree_of(body), (getattr(event, name, None) for name in ("sender", "address", "recipient"))
    known = {getattr(one, "plain", "") for one in people} | {getattr(event, "text", None)}
    values = {value_at(tree, path) for path in leaf_paths(tree, (str, int))}
    return any(
        len(text) >= _SHORTEST_ID and text in event.event_id and text.removeprefix("+") not in known
        for text in (str(value) for value in values if not is_time(value))
        if re.search(r"[0-9]", text)
    )


def times_in_another_zone(context: ConformanceContext, body: bytes, usual: WebhookResult) -> str:
    """Write the times of a call that name their offset with another one: they are the same moments. Say what is told otherwise."""
    tree = tree_of(body)
    paths = [path for path in leaf_paths(tree, (str,)) if _WITH_OFFSET.fullmatch(str(value_at(tree, path)))]
    for path in paths:
        tree = with_value(tree, path, _written_elsewhere(value_at(tree, path)))
    told = told_by(context, body_of(body, tree)) if paths else ""
    found = zip(usual.events, told.events, strict=False) if isinstance(told, WebhookResult) else ()
    for event, other in found:
        if type(event) is type(other) and abs(event.occurred_at - other.occurred_at) >= 1:
            return f"with its times written with the offset +05:30, its {type(event).__name__} has {other.occurred_at!r} instead of {event.occurred_at!r}"
    return ""


def _written_elsewhere(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(_ELSEWHERE)
    fraction = re.search(r"\.[0-9]+", text)
    offset = "+05:30" if text[-3] == ":" else "+0530"
    return f"{at:%Y-%m-%d}{text[10]}{at:%H:%M:%S}{fraction[0] if fraction else ''}{offset}"


def no_values(told: WebhookResult, body: bytes) -> Iterator[str]:
    """Say which events have a word for nothing as an id, or something else than the call as `raw`."""
    for event in told.events:
        for name in ("event_id", "message_id", "provider_id"):
            if getattr(event, name, None) in NO_IDS:
                yield f"its {type(event).__name__} has the {name} {getattr(event, name)!r}, which is no id"
        if event.raw is not None and tree_of(body) is not None and not _holds_the_call(event, body):
            yield f"the `raw` of its {type(event).__name__} does not hold what the call says"


def _holds_the_call(event: events.Event, body: bytes) -> bool:
    """Whether the ids of an event that stand in the call stand in its `raw` too."""
    shown = repr(event.raw)
    ids = [one for one in _ids(event) if isinstance(one, str) and len(one) >= _SHORTEST_ID]
    return event.raw not in ({}, [], "", b"", ()) and all(
        one in shown for one in ids if re.fullmatch(r"[\w-]+", one) and one.encode() in body
    )
