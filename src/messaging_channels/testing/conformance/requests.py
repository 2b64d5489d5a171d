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
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import Played, shown
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.samples import example

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def declarations(case: Case) -> Iterator[str]:
    """MC101."""
    provider: Any = case.provider
    if not _NAME.fullmatch(provider.name) or provider.name != case.spec.name:
        yield f"its name is {provider.name!r}, its spec's {case.spec.name!r}"
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


def declared_fields(case: Case) -> Iterator[str]:
    """MC102."""
    for kind, names in case.provider.capabilities.message_types.items():
        for name in sorted(names & set(case.optional(kind))):
            if _takes(case, kind, name) is False:
                yield f"{kind.__name__}.{name} is declared, and changes nothing"
    for extra in case.vectors.provider_options:
        if not any(_heeds(case, message, extra) for message in case.messages.values()):
            yield f"{type(extra).__name__} is declared, and changes nothing in any message"


def undeclared_fields(case: Case) -> Iterator[str]:
    """MC103."""
    for kind, names in case.provider.capabilities.message_types.items():
        for name in case.optional(kind):
            if name not in names and _takes(case, kind, name) is True:
                yield f"{kind.__name__}.{name} changes the request, and is not declared"


def same_request(case: Case) -> Iterator[str]:
    """MC104."""
    for message in case.messages.values():
        envelope = case.envelope(message)
        first, again, anew = (
            _requests(case.sent(envelope, provider=provider))
            for provider in (case.provider, case.provider, case.build())
        )
        if first != again:
            yield f"a {type(message).__name__} asked for twice gives two requests"
        elif first != anew:
            yield f"two providers built alike make two requests of one {type(message).__name__}"


def our_id(case: Case) -> Iterator[str]:
    """MC105."""
    if not case.provider.capabilities.deduplicates:
        why = "it does not deduplicate"
        raise NotApplicable(why)
    one = case.envelope()
    other = Envelope("f" * 32, one.channel, one.message, one.to)
    if not case.good.asked:
        why = "it exchanges nothing with a vendor"
        raise NotApplicable(why)
    if _requests(case.sent(one)) == _requests(case.sent(other)):
        yield "two envelopes with different ids give the same request"


def whole_batch(case: Case) -> Iterator[str]:
    """MC106."""
    batch = case.batch()
    played = case.sent(*batch)
    outcomes: Any = played.result
    if played.raised is not None:
        yield f"of a batch of {len(batch)}: {played.problem}"
    elif len(outcomes) != len(batch):
        yield f"{len(outcomes)} outcomes for {len(batch)} envelopes"
    elif not all(isinstance(one, AttemptResult) and one.outcome is Outcome.ACCEPTED for one in outcomes):
        yield f"of {len(batch)} envelopes in one answer that accepts them all, some are not accepted"


def any_text(case: Case) -> Iterator[str]:
    """MC107."""
    for kind, message in case.messages.items():
        plain = {one.name for one in fields(cast("Any", kind))}
        if "text" in plain:
            yield from case.explored(st.text(min_size=1, max_size=200), _textual(case, message))


def every_kind(case: Case) -> Iterator[str]:
    """MC108."""
    for kind in case.provider.capabilities.message_types:
        message = case.messages.get(kind)
        if message is None:
            yield f"the kit knows no example of a {kind.__name__}: give one in `messages` of the vectors"
            continue
        lack = case.provider.capabilities.unsupported(message)
        played = case.sent(case.envelope(message))
        if lack is not None:
            yield f"its own example needs {lack}, which is not declared"
        elif played.raised is not None:
            yield f"a {kind.__name__} cannot be sent: {played.problem}: {_words(played.raised)}"


def _heeds(case: Case, message: Message, extra: ProviderOptions) -> bool:
    if not hasattr(message, "provider_options"):
        return False
    before, after = (
        case.sent(case.envelope(one))
        for one in (message, replace(cast("Any", message), provider_options=(extra,)))
    )
    return isinstance(after.raised, BadInput) or _requests(before) != _requests(after)


def _words(fault: BaseException) -> str:
    return str(fault) if isinstance(fault, BadInput) else type(fault).__name__


def _textual(case: Case, message: Message) -> Any:  # noqa: ANN401  a predicate
    def problem(text: str) -> str:
        try:
            worded = replace(cast("Any", message), text=text)
        except BadInput:
            return ""
        fault = case.sent(case.envelope(worded)).raised
        if fault is None or isinstance(fault, BadInput):
            return ""
        return f"with the text {text!r}: {type(fault).__name__} was raised"

    return problem


def _takes(case: Case, kind: type[Message], name: str) -> bool | None:
    """Whether the field makes a difference, a refusal included; None where that cannot be told."""
    plain = case.messages.get(kind) or example(kind)
    changed = None if plain is None else case.with_field(plain, name)
    if plain is None or changed is None:
        return None
    before, after = case.sent(case.envelope(plain)), case.sent(case.envelope(changed))
    if after.raised is not None and isinstance(after.raised, BadInput):
        return None if name not in case.provider.capabilities.message_types[kind] else True
    if before.raised is not None or after.raised is not None or not before.asked:
        return None
    return _requests(before) != _requests(after)


def _requests(played: Played) -> list[Any]:
    return [shown(one) for one in played.asked]
