"""Rules on what a provider declares and asks for (MC1xx)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, replace
from typing import Any, cast

from hypothesis import strategies as st

from messaging_channels._model.errors import BadInput, MessagingError
from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels.messages import Media, Message, ProviderOptions
from messaging_channels.plugins.exchange import Exchange
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.testing.conformance.comparison import described, differing, may_vary, parts_of
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.differences import Difference
from messaging_channels.testing.conformance.flow_runner import FlowTrace, describe_request
from messaging_channels.testing.conformance.request_content import content_of
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.samples import example

_MEDIA_TYPES = {
    "Video": "video/mp4",
    "Audio": "audio/mpeg",
    "Sticker": "image/webp",
    "Document": "application/pdf",
}
_FILE = b"\xff\xd8\xff zq"
_IDEMPOTENCY = re.compile(r"idempot|dedup", re.IGNORECASE)
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
    yield from _problems_of_capabilities(provider.capabilities, provider.name)
    if provider.capabilities.uploads_media:
        yield from _problem_of_uploads(context)


def _problems_of_capabilities(told: Capabilities, name: str) -> Iterator[str]:
    if told.max_batch_size < 1:
        yield f"`max_batch_size` is {told.max_batch_size}"
    for kind, names in told.message_types.items():
        if unknown := names - {one.name for one in fields(cast("Any", kind))}:
            yield f"{kind.__name__} has no field {', '.join(sorted(unknown))}"
    for extra in told.provider_options:
        if not issubclass(cast("type", extra), ProviderOptions) or extra.provider != name:
            yield f"the extra {extra.__name__} names another provider"


def _problem_of_uploads(context: ConformanceContext) -> Iterator[str]:
    """Say whether all messages with a file's content in them are refused, or one is sent without it."""
    held = [one for one in map(_with_content, context.messages.values()) if one is not None]
    sent = [context.send(context.envelope(one)) for one in held]
    if held and all(isinstance(one.exception, BadInput) for one in sent):
        yield "`uploads_media` is declared, and every message with a file's content in it is refused"
    for message, played in zip(held, sent, strict=True):
        sent_to_vendor = played.exception is None and played.exchanges
        if sent_to_vendor and not content_of(played.exchanges).holds_file(_FILE):
            yield f"`uploads_media` is declared, and the file of a {type(message).__name__} is in no request"
            return


def _with_content(message: Message) -> Message | None:
    """Return the message with its file given as bytes; None where it has none, or takes none like that."""
    name = next(
        (one for one in ("media", "file") if isinstance(getattr(message, one, None), (str, Media))), ""
    )
    kind = _MEDIA_TYPES.get(type(message).__name__.removeprefix("WhatsApp"), "image/jpeg")
    try:
        file = Media(content=_FILE, content_type=kind, filename="zq")
        return cast("Message", replace(cast("Any", message), **{name: file})) if name else None
    except (MessagingError, TypeError):
        return None


def declared_fields_change_request(context: ConformanceContext) -> Iterator[str]:
    """MC102."""
    for kind, names in context.provider.capabilities.message_types.items():
        for name in sorted(names & set(context.optional_fields(kind))):
            if _field_has_effect(context, kind, name) is False:
                yield f"{kind.__name__}.{name} is declared, and changes nothing"
    for extra in context.fixtures.provider_options:
        if not any(_has_effect(context, message, extra) for message in context.messages.values()):
            yield f"{type(extra).__name__} is declared, and changes nothing in any message"
        else:
            yield from (
                f"{type(extra).__name__}.{name} changes nothing" for name in _idle_options(context, extra)
            )


def _idle_options(context: ConformanceContext, extra: ProviderOptions) -> Iterator[str]:
    """Return the options that make no difference: neither on their own nor with the others of the example."""
    for one in fields(cast("Any", extra)):
        value, default = getattr(extra, one.name), _default_of(one)
        if default is MISSING or value == default:
            continue
        without = replace(cast("Any", extra), **{one.name: default})
        sent = [_with_options(context, message, extra, without) for message in context.messages.values()]
        if not any(pair is None or context.differences(*pair) for pair in sent):
            yield one.name


def _default_of(one: Field[Any]) -> Any:  # noqa: ANN401  whatever the field holds
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _with_options(
    context: ConformanceContext, message: Message, *options: ProviderOptions
) -> tuple[FlowTrace, FlowTrace] | None:
    """Send a message with each of two options; None where that cannot be compared."""
    if not hasattr(message, "provider_options"):
        return None
    one, other = (
        context.send(context.envelope(replace(cast("Any", message), provider_options=(each,))))
        for each in options
    )
    return None if one.exception or other.exception else (one, other)


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
            words = f"a {type(message).__name__} asked for twice gives two requests, which differ in the {described(changed)}"
            yield _difference(words, first, again)
        elif changed := {place for place in differing(first, anew) if not may_vary(place)}:
            words = f"two providers built alike make two requests of one {type(message).__name__}, which differ in the {described(changed)}"
            yield _difference(words, first, anew)


def _difference(words: str, one: Sequence[Exchange[Any]], other: Sequence[Exchange[Any]]) -> Difference:
    """Show two runs of requests side by side."""
    first, second = ("\n".join(map(describe_request, each)) + "\n" for each in (one, other))
    return Difference(words, expected=first, seen=second, names=("the first request", "the second request"))


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


def idempotency_key_is_the_messages(context: ConformanceContext) -> Iterator[str]:
    """MC119."""
    one = context.envelope()
    others = (replace(one, id="f" * 32), context.envelope(number=1))
    sent = [parts_of(context.send(each).sending[-1]) for each in (one, *others) if context.send(each).sending]
    keys = [place for place in (sent[0] if sent else {}) if _IDEMPOTENCY.search(place[-1])]
    if not keys:
        why = "it sends no idempotency key: the rule applies once it does"
        raise NotApplicable(why)
    for place in keys:
        if any(parts.get(place) == sent[0][place] for parts in sent[1:]):
            yield f"two messages have the same {' '.join(place)}: the vendor drops the second"


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
