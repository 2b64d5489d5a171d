"""Rules on the calls a vendor makes to us (MC3xx)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, urlencode

from hypothesis import strategies as st

from messaging_channels._model import events
from messaging_channels._model.errors import WebhookVerificationError
from messaging_channels._model.status import StatusGroup
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import Provider, SupportsWebhooks
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.malformed import bodies, parsed, written
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.side_effects import called
from messaging_channels.testing.fixtures import Webhook

Sign: TypeAlias = Callable[[bytes, str], WebhookRequest]

_KINDS = (
    events.StatusChanged,
    events.EngagementReceived,
    events.MessageReceived,
    events.OptedOut,
    events.OptedIn,
    events.UnknownEvent,
)
_MANY = 20_000
_IN_TIME = 10.0


def read(case: Case) -> Iterator[str]:
    """MC301."""
    for number, webhook in enumerate(_samples(case)):
        told = heard(case.provider, _call(case, webhook))
        if not isinstance(told, WebhookResult):
            yield f"call {number}: {told}"
            continue
        kinds = tuple(type(event) for event in told.events)
        if kinds != webhook.event_types:
            yield f"call {number} tells {_named(kinds)}, and not {_named(webhook.event_types)}"
        if any(event.provider != case.provider.name for event in told.events):
            yield f"an event of call {number} names another provider"


def other_key(case: Case) -> Iterator[str]:
    """MC302."""
    for number, webhook in enumerate(_samples(case)):
        call = replace(_sign(case)(webhook.body, canaries.OTHER_SECRET), received_at=NOW)
        if heard(case.provider, call) != _REFUSED:
            yield f"call {number}, proved with another key: {_outcome(heard(case.provider, call))}"


def tampered(case: Case) -> Iterator[str]:
    """MC303."""
    samples = _samples(case)
    if not case.vectors.signature_covers_body:
        why = "the vendor's proof does not cover the body"
        raise NotApplicable(why)

    def problem(drawn: tuple[Webhook, float, int]) -> str:
        webhook, place, bit = drawn
        call = _call(case, webhook)
        flipped = bytearray(call.body)
        flipped[int(place * len(flipped))] ^= 1 << bit
        told = heard(case.provider, replace(call, body=bytes(flipped)))
        if told == _REFUSED or (
            isinstance(told, WebhookResult) and keys(told) == keys(heard(case.provider, call))
        ):
            return ""
        return f"with one bit flipped: {_outcome(told)}"

    places = st.floats(0, 1, exclude_max=True)
    bodied = [webhook for webhook in samples if webhook.body]
    if bodied:
        yield from case.explored(st.tuples(st.sampled_from(bodied), places, st.integers(0, 7)), problem)


def unproved(case: Case) -> Iterator[str]:
    """MC304."""
    for webhook in _samples(case):
        call = _call(case, webhook)
        bare = replace(call, headers={}, url=call.url.partition("?")[0])
        for body in (webhook.body, b"", b"[" * 5000, b"\xff"):
            if heard(case.provider, replace(bare, body=body)) != _REFUSED:
                yield f"without header and parameter: {_outcome(heard(case.provider, replace(bare, body=body)))}"
                return
        for name in call.headers:
            for value in ("", "canary", "sha256=", "\xe9\x00", "0" * 10_000):
                spoilt = replace(call, headers={**call.headers, name: value})
                told = heard(case.provider, spoilt)
                if isinstance(told, str) and told != _REFUSED:
                    yield f"with a strange header {name!r}: {told}"
                    return


def repeated(case: Case) -> Iterator[str]:
    """MC305."""
    for number, webhook in enumerate(_samples(case)):
        call = _call(case, webhook)
        first = heard(case.provider, call)
        later = heard(case.build(), replace(_sign(case)(webhook.body, canaries.SECRET), received_at=NOW + 60))
        if isinstance(first, WebhookResult) and keys(first) != keys(later):
            yield f"call {number}, repeated a minute later, tells other events"


def reordered(case: Case) -> Iterator[str]:
    """MC306."""
    for number, webhook in enumerate(_samples(case)):
        first = heard(case.provider, _call(case, webhook))
        turned = _turned(webhook.body)
        if turned is None or not isinstance(first, WebhookResult):
            continue
        told = heard(case.provider, _call(case, replace(webhook, body=turned)))
        if _meaning(told) != _meaning(first):
            yield f"call {number}, with its fields in reverse, tells something else"


def any_call(case: Case) -> Iterator[str]:
    """MC307."""
    samples = _samples(case)

    def problem(body: bytes) -> str:
        told = heard(case.provider, replace(_sign(case)(body, canaries.SECRET), received_at=NOW))
        return (
            ""
            if isinstance(told, WebhookResult) or told == _REFUSED
            else f"with the body {body[:80]!r}: {told}"
        )

    for webhook in samples:
        yield from case.explored(bodies(webhook.body), problem)


def unknown_kind(case: Case) -> Iterator[str]:
    """MC308."""
    samples = _samples(case)
    jsonlike = parsed(samples[0].body) is not None
    body = written({"canary": "unheard of"}) if jsonlike else b"canary=unheard+of"
    told = heard(case.provider, replace(_sign(case)(body, canaries.SECRET), received_at=NOW))
    if not isinstance(told, WebhookResult):
        yield f"a proved call of an unknown kind: {told}"
    elif [type(event) for event in told.events] != [events.UnknownEvent]:
        yield "a proved call of an unknown kind is no UnknownEvent"
    elif told.events[0].raw is None:
        yield "the UnknownEvent has no `raw`"


def constant_time(case: Case) -> Iterator[str]:
    """MC309."""
    call = _call(case, _samples(case)[0])
    heard(case.provider, call)
    names = called(lambda: heard(case.provider, call))
    if not names & {"_compare_digest", "compare_digest", "verify"}:
        yield "neither `compare_digest` nor a `verify` was called"


def huge(case: Case) -> Iterator[str]:
    """MC310."""
    for webhook in _samples(case)[:1]:
        for body in (webhook.body + b" " * 5_000_000, _many(webhook.body)):
            call = replace(_sign(case)(body, canaries.SECRET), received_at=NOW)
            began = time.monotonic()
            told = heard(case.provider, call)
            if time.monotonic() - began > _IN_TIME:
                yield f"a call of {len(body)} bytes took longer than {_IN_TIME:g} s"
            if isinstance(told, str) and told != _REFUSED:
                yield f"a call of {len(body)} bytes: {told}"


def calls_for_tests(case: Case) -> Iterator[str]:
    """MC311."""
    _samples(case)
    if case.vectors.delivered_body is None and case.vectors.inbound_body is None:
        why = "the vectors give no `delivered_body` and `inbound_body`"
        raise NotApplicable(why)
    if case.vectors.delivered_body is not None:
        report = _only(case, case.vectors.delivered_body("ours-1", "theirs-1"))
        if not isinstance(report, events.StatusChanged) or report.status.group is not StatusGroup.DELIVERED:
            yield f"`delivered_body` is read as {report if isinstance(report, str) else type(report).__name__}"
        elif report.message_id != "ours-1" and report.provider_id != "theirs-1":
            yield "what `delivered_body` reports carries neither of the ids"
    if case.vectors.inbound_body is not None:
        sender = case.envelope().to.plain
        to = "desk@example.org" if "@" in sender else "447700900000"
        brought = _only(case, case.vectors.inbound_body(sender, to, canaries.TEXT))
        if not isinstance(brought, events.MessageReceived):
            yield f"`inbound_body` is read as {brought if isinstance(brought, str) else type(brought).__name__}"
        elif (brought.sender.plain, (brought.text or "").strip()) != (sender, canaries.TEXT):
            yield "what `inbound_body` brings has another sender or text"


def _only(case: Case, body: bytes) -> events.Event | str:
    told = heard(case.provider, replace(_sign(case)(body, canaries.SECRET), received_at=NOW))
    return told if isinstance(told, str) else told.events[0] if told.events else "nothing"


def heard(provider: Provider, call: WebhookRequest) -> WebhookResult | str:
    """Return what a call tells, or in words how it was not taken."""
    assert isinstance(provider, SupportsWebhooks)  # noqa: S101  for the type checkers: the samples were asked for
    try:
        told: Any = provider.handle_webhook(call)
    except WebhookVerificationError:
        return _REFUSED
    except Exception as fault:  # noqa: BLE001  what a provider may raise is what the rules are about
        return f"{type(fault).__name__} was raised"
    if not isinstance(told, WebhookResult) or not all(
        isinstance(cast("Any", event), _KINDS) for event in told.events
    ):
        return f"a {type(told).__name__} was returned, or what it holds are no events"
    return told if isinstance(cast("Any", told.response), HttpResponse) else "its answer is no HttpResponse"


def keys(told: WebhookResult | str) -> list[str]:
    """Return the keys of the events, of which none is told if the call was not taken."""
    return [event.key for event in told.events] if isinstance(told, WebhookResult) else []


def _samples(case: Case) -> list[Webhook]:
    if not isinstance(case.provider, SupportsWebhooks):
        why = "it takes no calls"
        raise NotApplicable(why)
    if case.vectors.sign_webhook is None or not case.vectors.webhooks:
        why = "the vectors give no `sign_webhook` and `webhooks`"
        raise NotApplicable(why)
    return list(case.vectors.webhooks)


def _sign(case: Case) -> Sign:
    assert case.vectors.sign_webhook is not None  # noqa: S101  for the type checkers: the samples were asked for
    return case.vectors.sign_webhook


def _call(case: Case, webhook: Webhook) -> WebhookRequest:
    return replace(_sign(case)(webhook.body, canaries.SECRET), received_at=NOW)


def _outcome(told: WebhookResult | str) -> str:
    return told if isinstance(told, str) else f"{len(told.events)} events were believed"


def _meaning(told: WebhookResult | str) -> list[Any]:
    """Return the events without the raw report, whose own order may show."""
    return [replace(event, raw=None) for event in told.events] if isinstance(told, WebhookResult) else []


def _named(kinds: tuple[type, ...]) -> str:
    return ", ".join(kind.__name__ for kind in kinds) or "nothing"


def _turned(body: bytes) -> bytes | None:
    """Return the body with its fields in reverse: of JSON at every level, of a form; None for another body."""
    tree = parsed(body)
    if isinstance(tree, (dict, list)):
        return written(_reversed(tree))
    pairs = [] if b"\n" in body else parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return urlencode(pairs[::-1], encoding="latin-1").encode() if pairs else None


def _reversed(tree: Any) -> Any:  # noqa: ANN401  a tree of JSON
    if isinstance(tree, Mapping):
        fields = cast("Mapping[str, Any]", tree)
        return {name: _reversed(fields[name]) for name in reversed(list(fields))}
    return [_reversed(one) for one in cast("list[Any]", tree)] if isinstance(tree, list) else tree


def _many(body: bytes) -> bytes:
    """Return the body with its lists made very long, or of very many fields."""
    tree = parsed(body)
    if isinstance(tree, dict):
        return written({name: _longer(value) for name, value in cast("dict[str, Any]", tree).items()})
    return body + b"".join(b"&x%d=1" % number for number in range(_MANY))


def _longer(value: Any) -> Any:  # noqa: ANN401  a tree of JSON
    return cast("list[Any]", value) * _MANY if isinstance(value, list) else value


_REFUSED = "it was refused"
