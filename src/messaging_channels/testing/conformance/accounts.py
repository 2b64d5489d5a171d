"""Rules on what belongs to one account, and on what outlives a send (MC113, MC507, MC508)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from weakref import ReferenceType

from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.plugins.provider import Envelope, Provider, SupportsWebhooks
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import URL, ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW, FlowTrace
from messaging_channels.testing.conformance.malformed import parse_json, to_json, with_value
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.webhook_secrets import built_or_none
from messaging_channels.testing.conformance.webhooks import handle
from messaging_channels.testing.fixtures import sign_at

_ROUND, _SLACK = 40, 20
_OTHER_URL = "https://127.0.0.1:19"
_URL_WITH_PATH = f"{_OTHER_URL}/canary/base"
_TOO_MANY = 200_000


def configured_host_is_asked(context: ConformanceContext) -> Iterator[str]:
    """MC113."""
    context.require_http()
    own, other = (dict(context.fixtures.settings(url, "0" * 32)) for url in (URL, _OTHER_URL))
    if own == other:
        why = "its settings take no URL: the rule applies once a test can say where the vendor is"
        raise NotApplicable(why)
    if context.vendor is not None:
        why = "its exchanges are made by a blocking SDK, which asked the host of the kit"
        raise NotApplicable(why)
    for url in (_OTHER_URL, _URL_WITH_PATH):
        if asked := _asked_elsewhere(context, url):
            yield f"with the URL {url} in its settings it asks {asked}"
            return


def _asked_elsewhere(context: ConformanceContext, url: str) -> str:
    """Return what else a provider asks than the URL in its settings; empty where the settings do not take it."""
    given = dict(context.fixtures.settings(url, canaries.SECRET))
    provider = built_or_none(context, given) if url in given.values() or url == _OTHER_URL else None
    played = context.send(provider=provider) if provider is not None else FlowTrace()
    asked = [one.url for one in played.exchanges if isinstance(one, HttpRequest)]
    return next((one.split("?")[0] for one in asked if not one.startswith(url)), "")


def accounts_do_not_mix(context: ConformanceContext) -> Iterator[str]:
    """MC507."""
    if not context.successful_send.exchanges:
        why = "it exchanges nothing with a vendor: the rule applies once it does"
        raise NotApplicable(why)
    alone = [context.send(one, provider=context.build()) for one in _each_message(context)]
    url = None if context.vendor else "http://127.0.0.1:19"
    found = (_mixed_up(context, alone, make) for make in _other_accounts(context, url))
    if words := next(filter(None, found), ""):
        yield f"with a second account of the vendor in the process, {words}"


def _mixed_up(
    context: ConformanceContext, alone: Sequence[FlowTrace], make: Callable[[], Provider | None]
) -> str:
    """Say how an account acts otherwise once another one is built and used; empty where it does not."""
    first = context.build()
    other = make()
    if other is None:
        return ""
    context.send(context.envelope(number=1), provider=other)
    beside = [context.send(one, provider=first) for one in _each_message(context)]
    if any(_differ(context, *pair) for pair in zip(alone, beside, strict=True)):
        return "the first makes other requests"
    return _wrong_webhook(context, first)


def _each_message(context: ConformanceContext) -> list[Envelope]:
    return [context.envelope(message) for message in context.messages.values()]


def _other_accounts(context: ConformanceContext, url: str | None) -> Iterator[Callable[[], Provider | None]]:
    """Return how second accounts are built: one with another secret and another URL, and one without each setting that may be left out."""
    given = dict(context.fixtures.settings(url or context.url, canaries.OTHER_SECRET))
    for name in ("", *given):
        left = {key: value for key, value in given.items() if key != name}
        yield lambda left=left: built_or_none(context, left)  # type: ignore[misc]


def _differ(context: ConformanceContext, one: FlowTrace, other: FlowTrace) -> bool:
    return bool(context.differences(one, other)) or type(one.exception) is not type(other.exception)


def _wrong_webhook(context: ConformanceContext, first: Provider) -> str:
    """Say whether a provider believes the calls to another account, or no longer its own."""
    given = context.fixtures
    if not isinstance(first, SupportsWebhooks) or given.sign_webhook is None or not given.webhooks:
        return ""
    body, secrets = given.webhooks[0].body, (canaries.SECRET, canaries.OTHER_SECRET)
    calls = [sign_at(given, body, secret, NOW) for secret in secrets]
    beside = [isinstance(handle(first, call), str) for call in calls]
    alone = context.build()  # not before: it may change what the first one sees
    for call, is_refused, whose in zip(calls, beside, ("its own account", "the other"), strict=True):
        if is_refused is not isinstance(handle(alone, call), str):
            return f"the first takes calls of {whose} otherwise"
    return ""


def nothing_is_kept(context: ConformanceContext) -> Iterator[str]:
    """MC508."""
    yield from _nothing_is_left_for_the_next(context)
    provider = context.build()
    _ = context.successful_send
    sizes: list[int] = []
    for start in (0, _ROUND, 2 * _ROUND):
        for number in range(start, start + _ROUND):
            context.send(context.envelope(number=number + 1), provider=provider)
        _fail(context, provider)
        context.send(provider=provider)
        sizes.append(_held(provider, type(provider)))
    grown = sizes[2] - sizes[1]
    if sizes[1] - sizes[0] >= _SLACK and grown >= _SLACK:
        yield f"after {_ROUND} more messages it holds {grown} objects more: something is kept of each"
    else:
        yield from _kept_of_calls(context)


def _nothing_is_left_for_the_next(context: ConformanceContext) -> Iterator[str]:
    """Send each message after one of its type that sets a field: that makes no other request than after one that sets none."""
    for kind, message in context.messages.items():
        plain = context.envelope(message)
        usual = _after(context, plain, plain)
        declared = context.provider.capabilities.message_types[kind]
        for name in sorted(declared.intersection(context.optional_fields(kind))):
            other = context.with_field(message, name)
            if other is None or context.provider.capabilities.unsupported(other) is not None:
                continue
            if context.differences(usual, _after(context, plain, context.envelope(other, number=1))):
                yield f"a {kind.__name__} makes another request after one with `{name}`: something of that one is left"
                return


def _after(context: ConformanceContext, envelope: Envelope, earlier: Envelope) -> FlowTrace:
    provider = context.build()
    context.send(earlier, provider=provider)
    return context.send(envelope, provider=provider)


def _fail(context: ConformanceContext, provider: Provider) -> None:
    """Let as many sends fail."""
    index = context.message_index
    if context.vendor is None and index >= 0:
        reply = HttpResponse(500, {}, b"")
        is_http = isinstance(context.successful_send.replies[index], HttpResponse)
        for number in range(_ROUND if is_http else 0):
            context.send(context.envelope(number=number + 1), provider=provider, replies_at={index: reply})


def _kept_of_calls(context: ConformanceContext) -> Iterator[str]:
    """Let the vendor call many times, each time with something else in the body."""
    provider, given = context.build(), context.fixtures
    if not isinstance(provider, SupportsWebhooks) or given.sign_webhook is None or not given.webhooks:
        return
    sizes: list[int] = []
    for start in (0, _ROUND, 2 * _ROUND):
        for number in range(start, start + _ROUND):
            body = _numbered_call(given.webhooks[number % len(given.webhooks)].body, number)
            handle(provider, sign_at(given, body, canaries.SECRET, NOW))
        sizes.append(_held(provider, type(provider)))
    if sizes[1] - sizes[0] >= _SLACK and sizes[2] - sizes[1] >= _SLACK:
        yield f"after {_ROUND} more calls it holds {sizes[2] - sizes[1]} objects more: something is kept of each"


def _numbered_call(body: bytes, number: int) -> bytes:
    """Return a call with a field more."""
    tree = parse_json(body)
    if isinstance(tree, dict):
        return to_json(with_value(tree, ("canary",), number))
    return body if tree is not None or b"\n" in body else body + b"&canary=%d" % number


def _held(provider: Provider, kind: type) -> int:
    """Return how many objects can be reached from a provider and the attributes and modules of its class."""
    seen: set[int] = set()
    pending: list[Any] = [provider]
    for one in kind.__mro__:
        if one.__module__.startswith("messaging_channels.") or one is object:
            continue
        pending += [value for value in vars(one).values() if isinstance(value, (list, dict, set))]
    while pending and len(seen) < _TOO_MANY:
        value = pending.pop()
        if id(value) in seen or isinstance(value, _UNRELATED):
            continue
        seen.add(id(value))
        pending += gc.get_referents(value)
    return len(seen)


_UNRELATED = (type, ModuleType, FunctionType, BuiltinFunctionType, ReferenceType)
