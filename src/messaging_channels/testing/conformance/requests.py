"""Rules on what a provider declares and asks for (MC1xx)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, cast

from hypothesis import strategies as st

from messaging_channels._model.errors import BadInput
from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels.messages import Message, ProviderOptions
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.testing.conformance.comparison import described, differing, may_vary
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.samples import example

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def declarations_are_well_formed(context: ConformanceContext) -> Iterator[str]:
    """MC101."""
    provider: Any = context.provider
    if not _NAME.fullmatch(provider.name) or provider.name != context.spec.name:
        yield f"its name is {provider.name!r}, its spec's {context.spec.name!r}"
    if not isinstance(provider.executors, Mapping):
        yield "`executors` is no mapping"
    if not isinstance(provider.capabilities, Capabilities) or not provider.capabilities.message_types:
        yield "`capabilities` declare no message"
        return
    if provider.capabilities.max_batch_size < 1:
        yield f"`max_batch_size` is {provider.capabilities.max_batch_size}"
    for kind, names in provider.capabilities.message_types.items():
        if unknown := names - {one.name for one in fields(cast("Any", kind))}:
            yield f"{kind.__name__} has no field {', '.join(sorted(unknown))}"
    for extra in provider.capabilities.provider_options:
        if not issubclass(cast("type", extra), ProviderOptions) or extra.provider != provider.name:
            yield f"the extra {extra.__name__} names another provider"


def declared_fields_change_request(context: ConformanceContext) -> Iterator[str]:
    """MC102."""
    for kind, names in context.provider.capabilities.message_types.items():
        for name in sorted(names & set(context.optional_fields(kind))):
            if _field_has_effect(context, kind, name) is False:
                yield f"{kind.__name__}.{name} is declared, and changes nothing"
    for extra in context.fixtures.provider_options:
        if not any(_has_effect(context, message, extra) for message in context.messages.values()):
            yield f"{type(extra).__name__} is declared, and changes nothing in any message"


def undeclared_fields_change_nothing(context: ConformanceContext) -> Iterator[str]:
    """MC103."""
    for kind, names in context.provider.capabilities.message_types.items():
        for name in context.optional_fields(kind):
            if name not in names and _field_has_effect(context, kind, name) is True:
                yield f"{kind.__name__}.{name} changes the request, and is not declared"


def request_is_deterministic(context: ConformanceContext) -> Iterator[str]:
    """MC104."""
    for message in context.messages.values():
        envelope = context.envelope(message)
        provider = context.build()
        first, again, anew = (
            context.send(envelope, provider=one).sending for one in (provider, provider, context.build())
        )
        if changed := {place for place in differing(first, again) if not may_vary(place)}:
            yield f"a {type(message).__name__} asked for twice gives two requests, which differ in the {described(changed)}"
        elif changed := {place for place in differing(first, anew) if not may_vary(place)}:
            yield f"two providers built alike make two requests of one {type(message).__name__}, which differ in the {described(changed)}"


def client_reference_is_sent(context: ConformanceContext) -> Iterator[str]:
    """MC105."""
    if not context.provider.capabilities.deduplicates:
        why = "it does not deduplicate: the rule applies once `Capabilities.deduplicates` is true"
        raise NotApplicable(why)
    one = context.envelope()
    other = Envelope("f" * 32, one.channel, one.message, one.to)
    if not context.successful_send.exchanges:
        why = "it exchanges nothing with a vendor: the rule applies once it does"
        raise NotApplicable(why)
    if not context.differences(context.send(one), context.send(other)):
        yield "two envelopes with different ids give the same request"


def whole_batch_is_described(context: ConformanceContext) -> Iterator[str]:
    """MC106."""
    batch = context.batch()
    played = context.send(*batch)
    outcomes: Any = played.result
    if played.exception is not None:
        yield f"of a batch of {len(batch)}: {played.problem}"
    elif len(outcomes) != len(batch):
        yield f"{len(outcomes)} outcomes for {len(batch)} envelopes"
    elif not all(isinstance(one, AttemptResult) and one.outcome is Outcome.ACCEPTED for one in outcomes):
        yield f"of {len(batch)} envelopes in one answer that accepts them all, some are not accepted"


def any_text_is_described_or_refused(context: ConformanceContext) -> Iterator[str]:
    """MC107."""
    for kind, message in context.messages.items():
        plain = {one.name for one in fields(cast("Any", kind))}
        if "text" in plain:
            yield from context.find_counterexample(
                st.text(min_size=1, max_size=200), _text_problem(context, message)
            )


def every_message_type_is_sendable(context: ConformanceContext) -> Iterator[str]:
    """MC108."""
    for kind in context.provider.capabilities.message_types:
        message = context.messages.get(kind)
        if message is None:
            yield f"the kit knows no example of a {kind.__name__}: give one in `messages` of the fixtures"
            continue
        lack = context.provider.capabilities.unsupported(message)
        played = context.send(context.envelope(message))
        if lack is not None:
            yield f"its own example needs {lack}, which is not declared"
        elif played.exception is not None:
            yield f"a {kind.__name__} cannot be sent: {played.problem}: {_describe(played.exception)}"


def _has_effect(context: ConformanceContext, message: Message, extra: ProviderOptions) -> bool:
    if not hasattr(message, "provider_options"):
        return False
    before, after = (
        context.send(context.envelope(one))
        for one in (message, replace(cast("Any", message), provider_options=(extra,)))
    )
    return isinstance(after.exception, BadInput) or bool(context.differences(before, after))


def _describe(fault: BaseException) -> str:
    return str(fault) if isinstance(fault, BadInput) else type(fault).__name__


def _text_problem(context: ConformanceContext, message: Message) -> Any:  # noqa: ANN401  a predicate
    def problem(text: str) -> str:
        try:
            worded = replace(cast("Any", message), text=text)
        except BadInput:
            return ""
        fault = context.send(context.envelope(worded)).exception
        if fault is None or isinstance(fault, BadInput):
            return ""
        return f"with the text {text!r}: {type(fault).__name__} was raised"

    return problem


def _field_has_effect(context: ConformanceContext, message_type: type[Message], name: str) -> bool | None:
    """Whether the field makes a difference, a refusal included; None where that cannot be told."""
    plain = context.messages.get(message_type) or example(message_type)
    changed = None if plain is None else context.with_field(plain, name)
    if plain is None or changed is None:
        return None
    before, after = context.send(context.envelope(plain)), context.send(context.envelope(changed))
    if after.exception is not None and isinstance(after.exception, BadInput):
        return None if name not in context.provider.capabilities.message_types[message_type] else True
    if before.exception is not None or after.exception is not None or not before.exchanges:
        return None
    return bool(context.differences(before, after))
