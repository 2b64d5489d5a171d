"""The rule on fidelity as the author of the fixtures reads requests (MC109)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any, cast

from hypothesis import strategies as st

from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.outcomes import Outcome
from messaging_channels.messages import Attachment, Media, Message
from messaging_channels.plugins.provider import OUR_FIELDS, Envelope, SupportsBatchGrouping
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.differences import Difference
from messaging_channels.testing.conformance.fidelity import (
    example_addresses,
    is_taken,
    reports_bring_our_id,
    require_exchanges,
    with_text,
)
from messaging_channels.testing.conformance.flow_runner import FlowTrace
from messaging_channels.testing.conformance.other_values import different_messages
from messaging_channels.testing.conformance.rich_samples import TEXTS, rich_messages
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.fixtures import ReadMessage

_OTHER_ID = "0123456789abcdef0123456789abcdef"
_MOST = 20
"""How many messages are read in one batch at most."""
_CONTENT = frozenset({"text", "html", "caption", "header", "footer", "list_id", "in_reply_to"})
"""Fields that no account fills in: where a message has none, none is read."""
_ALPHABETS = "abcXYZ019 éüßñøŁ€ΩжЯשלאم你好😀👩‍👩‍👧\n\"'\\/<>&%+#={}[]$;:,.!?@_-"


def what_is_read_is_what_was_meant(context: ConformanceContext) -> Iterator[str]:
    """MC109."""
    if context.fixtures.reads_request is None:
        why = "the fixtures give no `reads_request`: say what the vendor would understand of a request"
        raise NotApplicable(why)
    require_exchanges(context)
    known = [_is_read(context, message) for message in context.messages.values()]
    if not any(known):
        yield "`reads_request` reads no message in any request: it is to return one `ReadMessage` for each"
        return
    for is_read, (kind, message) in zip(known, context.messages.items(), strict=True):
        if is_read:
            yield from _first(_problems_of_type(context, kind, message))
    yield from _first(_batch_problems(context))


def _is_read(context: ConformanceContext, message: Message) -> bool:
    """Whether `reads_request` knows the requests for a type of message, or finds fault with them."""
    played = context.send(context.envelope(message))
    return played.exception is None and any(_read(context, played))


def _first(problems: Iterator[str]) -> Iterator[str]:
    for words in problems:
        yield words
        return


def _problems_of_type(context: ConformanceContext, kind: type[Message], message: Message) -> Iterator[str]:
    declared = context.provider.capabilities.message_types[kind]
    texts = (with_text(message, text) for text in TEXTS)
    optional = context.optional_fields(kind)
    given = context.fixtures.field_values
    rich = rich_messages(message, declared, optional, given, lambda one: is_taken(context, one))
    others = (context.with_field(message, name) for name in sorted(declared.intersection(optional)))
    for one in (message, *texts, *(each for _, each in rich), *others):
        if one is not None and context.provider.capabilities.unsupported(one) is None:
            yield from _problems(context, [context.envelope(one)])
    yield from _problems(context, [replace(context.envelope(message), id=_OTHER_ID)])
    for to in example_addresses(context, message):
        yield from _problems(context, [replace(context.envelope(message), to=to)])
    if isinstance(getattr(message, "text", None), str):
        yield from context.find_counterexample(
            st.text(alphabet=_ALPHABETS, min_size=1, max_size=400),
            lambda text: _text_problem(context, message, text),
        )


def _text_problem(context: ConformanceContext, message: Message, text: str) -> str:
    worded = _worded(context, message, text)
    return "" if worded is None else next(_problems(context, [context.envelope(worded)]), "")


def _worded(context: ConformanceContext, message: Message, text: str) -> Message | None:
    """Return the message with another text; None where the provider takes none for this type."""
    worded = with_text(message, text)
    return (
        worded if worded is not None and context.provider.capabilities.unsupported(worded) is None else None
    )


def _batch_problems(context: ConformanceContext) -> Iterator[str]:
    """Read batches whose messages differ in their texts, in each of their fields, and in nothing but the text."""
    most = min(_MOST, context.provider.capabilities.max_batch_size)
    for kind, message in context.messages.items():
        if not _read(context, context.send(context.envelope(message)))[0]:
            continue
        worded = [_worded(context, message, f"zq words {number}") or message for number in range(most)]
        yield from _problems(context, _numbered(context, worded))
        yield from _problems(
            context, [replace(one, to=context.envelope().to) for one in _numbered(context, worded)]
        )
        yield from _problems(context, _numbered(context, _varied(context, kind, message)[:most]))
        yield from _problems_of_pairs(context, kind, message)


def _numbered(context: ConformanceContext, messages: Sequence[Message]) -> list[Envelope]:
    return [context.envelope(one, number=number) for number, one in enumerate(messages, 1)]


def _varied(context: ConformanceContext, kind: type[Message], message: Message) -> list[Message]:
    """Return messages of a type that may share a request, with another optional field set in each."""
    declared, optional = context.provider.capabilities.message_types[kind], context.optional_fields(kind)
    found = [message]
    for name in sorted(declared.intersection(optional)):
        one = context.with_field(message, name)
        if one is not None and _may_share(context, message, one):
            found.append(one)
    return found


def _problems_of_pairs(context: ConformanceContext, kind: type[Message], message: Message) -> Iterator[str]:
    """Read batches of two whose messages differ in one field alone."""
    if context.provider.capabilities.max_batch_size == 1:
        return
    declared = context.provider.capabilities.message_types[kind]
    for one in fields(cast("Any", kind)):
        if one.name in OUR_FIELDS or (one.name not in declared and one.default is not MISSING):
            continue
        pair = different_messages(context, message, one.name)
        if len(pair) > 1 and all(_may_share(context, message, each) for each in pair):
            yield from _problems(context, _numbered(context, pair))


def _may_share(context: ConformanceContext, one: Message, other: Message) -> bool:
    """Whether the provider sends the message, and in one request with the first."""
    provider = context.provider
    if (
        provider.capabilities.unsupported(other) is not None
        or context.send(context.envelope(other)).exception
    ):
        return False
    return not isinstance(provider, SupportsBatchGrouping) or provider.batch_key(
        context.envelope(one)
    ) == provider.batch_key(context.envelope(other))


def _problems(context: ConformanceContext, batch: Sequence[Envelope]) -> Iterator[str]:
    played = context.send(*batch)
    if played.exception is not None or not (played.exchanges or _are_accepted(played)):
        return
    told, problem = _read(context, played)
    if problem:
        yield problem
    elif len(told) != len(batch):
        yield f"{len(told)} messages are read in the request for {len(batch)}"
    else:
        for envelope, read in zip(batch, _in_order(batch, told), strict=True):
            yield from _differences(envelope, read)
            if read.reference is None and reports_bring_our_id(context):
                yield f"the vendor's reports bring our id back, and none is read in the request for a {type(envelope.message).__name__}"


def _are_accepted(played: FlowTrace) -> bool:
    return any(one.outcome is Outcome.ACCEPTED for one in played.results)


def _read(context: ConformanceContext, played: FlowTrace) -> tuple[list[ReadMessage], str]:
    """Return what is read in the exchanges of a send, or why nothing can be."""
    assert context.fixtures.reads_request is not None  # noqa: S101  for the type checkers: it was asked for
    told: list[ReadMessage] = []
    for exchange in played.sending:
        try:
            told += context.fixtures.reads_request(exchange)
        except Exception as fault:  # noqa: BLE001  what the vendor would refuse
            return told, f"the vendor would not understand the request: {type(fault).__name__}: {fault}"
    return told, ""


def _in_order(batch: Sequence[Envelope], told: Sequence[ReadMessage]) -> list[ReadMessage]:
    """Return what was read by our ids, where it has them; as it stands otherwise."""
    by_id = {one.reference: one for one in told}
    return [by_id[one.id] for one in batch] if all(one.id in by_id for one in batch) else list(told)


def _differences(envelope: Envelope, read: ReadMessage) -> Iterator[str]:
    kind, sent = type(envelope.message), envelope.message
    named = type(read.message) if isinstance(read.message, Message) else read.kind
    meant = {envelope.to.plain, *([envelope.to.e164] if isinstance(envelope.to, PhoneNumber) else [])}
    meant.add(getattr(envelope.to, "id", ""))  # of a group, which vendors name without our prefix
    if read.to not in meant:
        yield f"a {kind.__name__} to {envelope.to.plain} is read as one to {read.to}"
    if named is not None and named is not kind:
        yield f"a {kind.__name__} is read as a {named.__name__}"
        return
    if read.reference is not None and read.reference != envelope.id:
        yield f"the id {envelope.id} is read as {read.reference}"
    yield from _field_differences(sent, read.message)


def _field_differences(sent: Message, read: Message | Mapping[str, Any]) -> Iterator[str]:
    for one in fields(cast("Any", sent)):
        value = getattr(sent, one.name)
        words = "" if one.name in OUR_FIELDS else _field_problem(one, value, read)
        if words:
            told: Any = read.get(one.name) if isinstance(read, Mapping) else getattr(read, one.name, None)
            yield Difference(
                f"{type(sent).__name__}.{one.name}: {words}",
                expected=_plain(value),
                seen=_plain(told),
                names=("meant", "read in the request"),
            )


def _field_problem(one: Field[Any], value: Any, message: Message | Mapping[str, Any]) -> str:  # noqa: ANN401
    default = one.default_factory() if one.default_factory is not MISSING else one.default
    is_set = default is MISSING or value != default
    if isinstance(message, Mapping) and one.name not in message:
        return f"sent {_shown(value)}, and read is nothing" if is_set else ""
    got = message[one.name] if isinstance(message, Mapping) else getattr(message, one.name, None)
    may_be_the_accounts = value is None and not is_set and one.name not in _CONTENT
    if may_be_the_accounts or _plain(got) == _plain(value):
        return ""  # where nothing is set, the account's own is taken, whatever that is
    return f"sent {_shown(value)}, read {_shown(got)}"


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a message holds
    """Return a value so that equal meanings are equal: addresses and files by what they are, sequences as lists, empty for nothing."""
    if value in (None, (), [], {}, ""):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in sorted(cast("list[Any]", value), key=_is_attached)]
    if isinstance(value, str):
        # a mail has its own line ends, and one at its end
        return value.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") or None
    return _plain_object(value) if is_dataclass(value) else value


def _is_attached(value: Any) -> bool:  # noqa: ANN401  an element of any sequence
    """Whether it goes behind the others: in a mail, files that are attached follow those within the text."""
    return isinstance(value, Attachment) and not value.content_id


def _plain_object(value: Any) -> Any:  # noqa: ANN401  a dataclass
    if isinstance(value, Media):
        return value.url or value.id or value.content
    if isinstance(value, Attachment):
        return [value.filename, value.content_type, value.content_id, value.read()]
    if hasattr(value, "plain"):
        name = getattr(value, "display_name", "")
        return f"{name} <{value.plain}>" if name else value.plain
    plain = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return {name: one for name, one in plain.items() if one is not None}


def _shown(value: Any) -> str:  # noqa: ANN401  whatever a message holds
    return repr(_plain(value))[:160]
