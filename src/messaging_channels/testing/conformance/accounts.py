"""Rules on what outlives a send: what belongs to one account, and what is kept (MC507, MC508)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from weakref import ReferenceType

from messaging_channels.plugins.provider import Provider
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.rules import NotApplicable

_ROUND, _SLACK = 40, 20
_TOO_MANY = 200_000


def accounts_do_not_mix(context: ConformanceContext) -> Iterator[str]:
    """MC507."""
    if not context.successful_send.exchanges:
        why = "it exchanges nothing with a vendor: the rule applies once it does"
        raise NotApplicable(why)
    alone = context.send(provider=context.build())
    first = context.build()
    other = context.build(secret="1" * 32, url=None if context.vendor else "http://127.0.0.1:19")
    context.send(context.envelope(number=1), provider=other)
    beside = context.send(provider=first)
    if context.differences(alone, beside):
        yield "with a second account of the vendor in the process, the first makes other requests"


def nothing_is_kept(context: ConformanceContext) -> Iterator[str]:
    """MC508."""
    provider = context.build()
    _ = context.successful_send
    sizes: list[int] = []
    for start in (0, _ROUND, 2 * _ROUND):
        for number in range(start, start + _ROUND):
            context.send(context.envelope(number=number + 1), provider=provider)
        context.send(provider=provider)
        sizes.append(_held(provider, type(provider)))
    grown = sizes[2] - sizes[1]
    if sizes[1] - sizes[0] >= _SLACK and grown >= _SLACK:
        yield f"after {_ROUND} more messages it holds {grown} objects more: something is kept of each"


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
