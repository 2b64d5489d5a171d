"""Rules on the calls a vendor makes to us (MC3xx)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Self, TypeAlias, cast, get_args
from urllib.parse import parse_qsl, urlencode

from hypothesis import strategies as st

from messaging_channels._model import events
from messaging_channels._model.errors import WebhookVerificationError
from messaging_channels._model.status import StatusGroup
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import Provider, SupportsWebhooks
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.malformed import (
    UNREADABLE_BODIES,
    bodies,
    parse_json,
    to_json,
)
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.side_effects import called_functions
from messaging_channels.testing.fixtures import Webhook, sign_at

SignWebhook: TypeAlias = (
    "Callable[[bytes, str], WebhookRequest] | Callable[[bytes, str, float], WebhookRequest]"
)
"""Makes the vendor's call of a body, a secret and, where it signs one, a time."""
_REFUSED = "it was refused"
RAISED = " was raised"
"""How a call ends, in words, that was neither taken nor refused."""


class Refusal(str):
    """That a call was refused, with the reason that was given; all refusals are equal."""

    __slots__ = ("why",)
    why: str

    def __new__(cls, refusal: WebhookVerificationError) -> Self:
        """Keep what the refusal says."""
        made = super().__new__(cls, _REFUSED)
        made.why = str(refusal)
        return made

    def __format__(self, spec: str) -> str:
        """Say why."""
        return f"{_REFUSED}: {self.why}"


_EVENT_TYPES: tuple[type[Any], ...] = get_args(events.Event)
_SHORT, _CUT = 16, 8
"""Below how many characters a header is no proof, and how many are taken off the beginning of one."""
_SEARCHES = 4
"""In how many searches the bodies of all samples are spoilt."""
_FIELD_COUNT = 20_000
_MAX_SECONDS = 10.0


def webhooks_are_parsed(context: ConformanceContext) -> Iterator[str]:
    """MC301."""
    for number, webhook in enumerate(samples(context)):
        told = handle(context.provider, _signed_request(context, webhook))
        if not isinstance(told, WebhookResult):
            yield f"call {number}: {told}"
            continue
        kinds = tuple(type(event) for event in told.events)
        if kinds != webhook.event_types:
            yield f"call {number} tells {_named(kinds)}, and not {_named(webhook.event_types)}"
        if any(event.provider != context.provider.name for event in told.events):
            yield f"an event of call {number} names another provider"


def other_key_is_refused(context: ConformanceContext) -> Iterator[str]:
    """MC302."""
    for number, webhook in enumerate(samples(context)):
        call = sign_at(context.fixtures, webhook.body, canaries.OTHER_SECRET, NOW)
        if handle(context.provider, call) != _REFUSED:
            yield f"call {number}, proved with another key: {_describe(handle(context.provider, call))}"
    webhook = samples(context)[0]
    for secret in canaries.SIMILAR_SECRETS:
        told = handle(context.provider, sign_at(context.fixtures, webhook.body, secret, NOW))
        if told != _REFUSED:
            yield f"a call proved with a key that differs in one character: {_describe(told)}"
            return


def tampered_body_is_refused(context: ConformanceContext) -> Iterator[str]:
    """MC303."""
    given = samples(context)
    if not context.fixtures.signature_covers_body:
        why = "the vendor's signature does not cover the body: the rule applies unless the fixtures say `signature_covers_body=False`"
        raise NotApplicable(why)

    def problem(drawn: tuple[Webhook, float, int]) -> str:
        webhook, place, bit = drawn
        call = _signed_request(context, webhook)
        flipped = bytearray(call.body)
        flipped[int(place * len(flipped))] ^= 1 << bit
        told = handle(context.provider, replace(call, body=bytes(flipped)))
        if told == _REFUSED or (
            isinstance(told, WebhookResult) and event_keys(told) == event_keys(handle(context.provider, call))
        ):
            return ""
        return f"with one bit flipped: {_describe(told)}"

    places = st.floats(0, 1, exclude_max=True)
    bodied = [webhook for webhook in given if webhook.body]
    if bodied:
        yield from context.find_counterexample(
            st.tuples(st.sampled_from(bodied), places, st.integers(0, 7)), problem
        )


def unsigned_request_is_refused(context: ConformanceContext) -> Iterator[str]:
    """MC304."""
    for webhook in samples(context):
        call = _signed_request(context, webhook)
        if words := next(_unproved(context, call, webhook.body), ""):
            yield words
            return


def _unproved(context: ConformanceContext, call: WebhookRequest, unsigned: bytes) -> Iterator[str]:
    """Say which calls without a proof, or with what is none, are believed or raise something else than a refusal."""
    bare = replace(call, headers={}, url=call.url.partition("?")[0])
    for body in (unsigned, b"", b"[" * 5000, b"\xff"):
        told = handle(context.provider, replace(bare, body=body))
        if told != _REFUSED:
            yield f"without header and parameter: {_describe(told)}"
    plain = {name: value for name, value in call.headers.items() if name.lower() == "content-type"}
    told = handle(context.provider, replace(bare, headers=plain, body=unsigned))
    if told != _REFUSED:
        yield f"with nothing but its content type: {_describe(told)}"
    for name in call.headers:
        yield from _with_strange_header(context, call, name)


def _with_strange_header(context: ConformanceContext, call: WebhookRequest, name: str) -> Iterator[str]:
    left = {key: one for key, one in call.headers.items() if key != name}
    is_refused = handle(context.provider, replace(call, headers=left)) == _REFUSED
    is_proof = is_refused and name.lower() != "content-type"
    strange = ("", "canary", "sha256=", "\xe9\x00", "0" * 10_000, *_near_misses(call.headers[name]))
    for given in strange:
        told = handle(context.provider, replace(call, headers={**left, name: given}))
        if told != _REFUSED and (is_proof or isinstance(told, str)):
            yield f"with a strange header {name!r}: {_describe(told)}, with {given[:20]!r} in it"


def _near_misses(value: str) -> Iterator[str]:
    """Return a proof in part: its first half, its scheme alone, the rest without its beginning; and, for base64, in another case."""
    scheme, proof = re.fullmatch(r"(.* |\w+=(?=.)|)(.*)", value, re.DOTALL).groups()  # type: ignore[union-attr]  # it matches any text
    if len(proof) < _SHORT:
        return
    yield f"{scheme}{proof[: len(proof) // 2]}"
    yield scheme
    yield f"{scheme}{proof[_CUT:]}"
    yield f"{scheme}x{proof}"
    if re.fullmatch(
        r"[\w-]+\.[\w-]+\.[\w-]+", proof
    ):  # a token (RFC 7519), which says of itself that nothing proves it
        yield f"{scheme}eyJhbGciOiJub25lIn0.{proof.split('.')[1]}."
    if re.fullmatch(r"[A-Za-z0-9+/=_-]+", proof) and not re.fullmatch(r"[0-9A-Fa-f-]+", proof):
        yield f"{scheme}{proof.swapcase()}"


def repetition_has_same_keys(context: ConformanceContext) -> Iterator[str]:
    """MC305."""
    for number, webhook in enumerate(samples(context)):
        call = _signed_request(context, webhook)
        first = handle(context.provider, call)
        later = handle(context.build(), sign_at(context.fixtures, webhook.body, canaries.SECRET, NOW + 60))
        if isinstance(first, WebhookResult) and event_keys(first) != event_keys(later):
            yield f"call {number}, repeated a minute later, tells other events"


def field_order_is_irrelevant(context: ConformanceContext) -> Iterator[str]:
    """MC306."""
    for number, webhook in enumerate(samples(context)):
        first = handle(context.provider, _signed_request(context, webhook))
        turned = _with_reversed_fields(webhook.body)
        if turned is None or not isinstance(first, WebhookResult):
            continue
        told = handle(context.provider, _signed_request(context, replace(webhook, body=turned)))
        if _events_without_raw(told) != _events_without_raw(first):
            yield f"call {number}, with its fields in reverse, tells something else"


def any_body_is_handled(context: ConformanceContext) -> Iterator[str]:
    """MC307."""
    given = samples(context)

    def problem(body: bytes) -> str:
        told = handle(context.provider, sign_at(context.fixtures, body, canaries.SECRET, NOW))
        return (
            ""
            if isinstance(told, WebhookResult) or told == _REFUSED
            else f"with the body {body[:80]!r}: {told}"
        )

    for body in UNREADABLE_BODIES:
        if words := problem(body):
            yield words
            return
    for number in range(min(_SEARCHES, len(given))):
        drawn = st.one_of(*(bodies(webhook.body) for webhook in given[number::_SEARCHES]))
        yield from context.find_counterexample(drawn, problem)


def unknown_type_becomes_unknown_event(context: ConformanceContext) -> Iterator[str]:
    """MC308."""
    given = samples(context)
    jsonlike = parse_json(given[0].body) is not None
    body = to_json({"canary": "unheard of"}) if jsonlike else b"canary=unheard+of"
    told = handle(context.provider, sign_at(context.fixtures, body, canaries.SECRET, NOW))
    if not isinstance(told, WebhookResult):
        yield f"a proved call of an unknown kind: {told}"
    elif [type(event) for event in told.events] != [events.UnknownEvent]:
        yield "a proved call of an unknown kind is no UnknownEvent"
    elif told.events[0].raw is None:
        yield "the UnknownEvent has no `raw`"
    elif not told.response.ok:
        yield f"a proved call of an unknown kind is answered with HTTP {told.response.status}: the vendor repeats it for days"


def comparison_is_constant_time(context: ConformanceContext) -> Iterator[str]:
    """MC309."""
    call = _signed_request(context, samples(context)[0])
    handle(context.provider, call)
    names = called_functions(lambda: handle(context.provider, call))
    if not names & {"_compare_digest", "compare_digest", "verify"}:
        yield "neither `compare_digest` nor a `verify` was called"


def huge_body_is_handled(context: ConformanceContext) -> Iterator[str]:
    """MC310."""
    for webhook in samples(context)[:1]:
        for body in (webhook.body + b" " * 5_000_000, _with_many_fields(webhook.body)):
            call = sign_at(context.fixtures, body, canaries.SECRET, NOW)
            began = time.monotonic()
            told = handle(context.provider, call)
            if time.monotonic() - began > _MAX_SECONDS:
                yield f"a call of {len(body)} bytes took longer than {_MAX_SECONDS:g} s"
            if isinstance(told, str) and told != _REFUSED:
                yield f"a call of {len(body)} bytes: {told}"


def fixture_webhooks_are_parsed(context: ConformanceContext) -> Iterator[str]:
    """MC311."""
    samples(context)
    if context.fixtures.delivered_body is None and context.fixtures.inbound_body is None:
        why = "the fixtures give no `delivered_body` and `inbound_body`: give them if the vendor reports"
        raise NotApplicable(why)
    if context.fixtures.delivered_body is not None:
        yield from _problems_of_delivered(
            single_event(context, context.fixtures.delivered_body("ours-1", "theirs-1"))
        )
    if context.fixtures.inbound_body is not None:
        yield from _problems_of_inbound(context, context.fixtures.inbound_body)


def _problems_of_delivered(report: events.Event | str) -> Iterator[str]:
    if not isinstance(report, events.StatusChanged) or report.status.group is not StatusGroup.DELIVERED:
        yield f"`delivered_body` is read as {report if isinstance(report, str) else type(report).__name__}"
    elif report.message_id != "ours-1" and report.provider_id != "theirs-1":
        yield "what `delivered_body` reports carries neither of the ids"


def _problems_of_inbound(
    context: ConformanceContext, inbound_body: Callable[[str, str, str], bytes]
) -> Iterator[str]:
    sender = context.envelope().to.plain
    to = "desk@example.org" if "@" in sender else "447700900000"
    brought = single_event(context, inbound_body(sender, to, canaries.TEXT))
    if not isinstance(brought, events.MessageReceived):
        yield f"`inbound_body` is read as {brought if isinstance(brought, str) else type(brought).__name__}"
    elif (brought.sender.plain, (brought.text or "").strip()) != (sender, canaries.TEXT):
        yield "what `inbound_body` brings has another sender or text"


def single_event(context: ConformanceContext, body: bytes) -> events.Event | str:
    """Return the first event that a proved call with this body tells, or in words why there is none."""
    told = handle(context.provider, sign_at(context.fixtures, body, canaries.SECRET, NOW))
    return told if isinstance(told, str) else told.events[0] if told.events else "nothing"


def handle(provider: Provider, request: WebhookRequest) -> WebhookResult | str:
    """Return what a call tells, or in words how it was not taken."""
    assert isinstance(provider, SupportsWebhooks)  # noqa: S101  for the type checkers: the samples were asked for
    try:
        told: Any = provider.handle_webhook(request)
    except WebhookVerificationError as refusal:
        return Refusal(refusal)
    except Exception as fault:  # noqa: BLE001  what a provider may raise is what the rules are about
        return f"{type(fault).__name__}{RAISED}"
    if not isinstance(told, WebhookResult) or not all(
        isinstance(cast("Any", event), _EVENT_TYPES) for event in told.events
    ):
        return f"a {type(told).__name__} was returned, or what it holds are no events"
    return told if isinstance(cast("Any", told.response), HttpResponse) else "its answer is no HttpResponse"


def told_by(context: ConformanceContext, body: bytes) -> WebhookResult | str:
    """Return what a proved call with this body tells, or in words how it was not taken."""
    return handle(context.provider, sign_at(context.fixtures, body, canaries.SECRET, NOW))


def event_keys(result: WebhookResult | str) -> list[str]:
    """Return the keys of the events, of which none is told if the call was not taken."""
    return [event.key for event in result.events] if isinstance(result, WebhookResult) else []


def samples(context: ConformanceContext) -> list[Webhook]:
    """Return the vendor's calls that the fixtures give.

    Raises:
        NotApplicable: there are none.
    """
    if not isinstance(context.provider, SupportsWebhooks):
        why = "it has no `handle_webhook`: the rule applies once it has"
        raise NotApplicable(why)
    if context.fixtures.sign_webhook is None or not context.fixtures.webhooks:
        why = "the fixtures give no `sign_webhook` and `webhooks`: give them"
        raise NotApplicable(why)
    return list(context.fixtures.webhooks)


def _signed_request(context: ConformanceContext, webhook: Webhook) -> WebhookRequest:
    return sign_at(context.fixtures, webhook.body, canaries.SECRET, NOW)


def _describe(result: WebhookResult | str) -> str:
    return result if isinstance(result, str) else f"{len(result.events)} events were believed"


def _events_without_raw(result: WebhookResult | str) -> list[Any]:
    """Return the events without the raw report, whose own order may show."""
    return [replace(event, raw=None) for event in result.events] if isinstance(result, WebhookResult) else []


def _named(types: tuple[type, ...]) -> str:
    return ", ".join(kind.__name__ for kind in types) or "nothing"


def _with_reversed_fields(body: bytes) -> bytes | None:
    """Return the body with its fields in reverse: of JSON at every level, of a form; None for another body."""
    tree = parse_json(body)
    if isinstance(tree, (dict, list)):
        return to_json(_reverse_fields(tree))
    pairs = [] if b"\n" in body else parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return urlencode(pairs[::-1], encoding="latin-1").encode() if pairs else None


def _reverse_fields(tree: Any) -> Any:  # noqa: ANN401  a tree of JSON
    if isinstance(tree, Mapping):
        fields = cast("Mapping[str, Any]", tree)
        return {name: _reverse_fields(fields[name]) for name in reversed(list(fields))}
    return [_reverse_fields(one) for one in cast("list[Any]", tree)] if isinstance(tree, list) else tree


def _with_many_fields(body: bytes) -> bytes:
    """Return the body with its lists made very long, or of very many fields."""
    tree = parse_json(body)
    if isinstance(tree, dict):
        return to_json({name: _lengthen(value) for name, value in cast("dict[str, Any]", tree).items()})
    return body + b"".join(b"&x%d=1" % number for number in range(_FIELD_COUNT))


def _lengthen(value: Any) -> Any:  # noqa: ANN401  a tree of JSON
    return cast("list[Any]", value) * _FIELD_COUNT if isinstance(value, list) else value
