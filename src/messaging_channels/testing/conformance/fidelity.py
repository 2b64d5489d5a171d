"""Rules on whether what is asked for is what was meant, of which the kit knows by itself (MC110 to MC118)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from email.utils import getaddresses
from typing import Any, cast

from messaging_channels._model.addresses import Address, EmailAddress, PhoneNumber
from messaging_channels._model.errors import BadInput, MessagingError
from messaging_channels.messages import ListUnsubscribe, Message, Sms, WhatsAppText
from messaging_channels.plugins.provider import Envelope
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import FlowTrace
from messaging_channels.testing.conformance.further_samples import MORE_VALUES, VALUES_TO_LOOK_FOR
from messaging_channels.testing.conformance.request_content import RequestContent, content_of
from messaging_channels.testing.conformance.rich_samples import (
    TEXTS,
    Leaf,
    marked_leaves,
    ordered_fields,
    rich_messages,
)
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.webhook_secrets import built_or_none

_ADDRESSES = (
    "+12025550123",
    "+447700900123",
    "+491511234567890",
    "+38591234567",
    "+882123456789012",
    "+18765550123",
    "+39061234567",
    "GB.1234567890123456",
    "group:Y2FwaV9ncm91cDo1NTU",
    "Zoe.Canary+Tag@Example.com",
    "o'hara_{x}@example.com",
    "zoë@example.com",
    "zoe@bücher.example",
    '"Canary, Zoe" <zoe@example.com>',
)
_URL_OF_NOBODY = "http://127.0.0.1:9"
_MORE_VALUES = {**MORE_VALUES, **VALUES_TO_LOOK_FOR}
_ONE_CLICK = "List-Unsubscribe=One-Click"
_PART = 12
"""How many characters of a secret do not come about by accident."""
_PAIRS = (
    ("text", "html"),
    ("cc", "bcc"),
    ("cc", "reply_to"),
    ("bcc", "reply_to"),
    ("header", "footer"),
)


def body_is_what_it_says(context: ConformanceContext) -> Iterator[str]:
    """MC110."""
    context.require_http()
    for kind, message in context.messages.items():
        for text in ("zq plain", *TEXTS):
            played = _sent(context, with_text(message, text))
            if played is not None and (problems := content_of(played.exchanges).problems):
                yield f"of a {kind.__name__} with the text {text[:40]!r}: {problems[0]}"
                break


def everything_reaches_the_request(context: ConformanceContext) -> Iterator[str]:
    """MC111."""
    require_exchanges(context)
    for kind, message in context.messages.items():
        yield from _lost_texts(context, kind, message)
        declared = context.provider.capabilities.message_types[kind]
        given = context.fixtures.field_values
        optional = context.optional_fields(kind)
        for name, rich in rich_messages(
            message, declared, optional, given, lambda one: is_taken(context, one), _MORE_VALUES
        ):
            if context.provider.capabilities.unsupported(rich) is not None:
                continue
            played = _sent(context, rich)
            if played is not None:
                yield from _lost(kind, rich, name, content_of(played.exchanges))


def batches_keep_who_is_who(context: ConformanceContext) -> Iterator[str]:
    """MC112."""
    require_exchanges(context)
    for kind, message in context.messages.items():
        numbers = range(min(3, context.provider.capabilities.max_batch_size))
        batch = [_numbered(context, message, number) for number in numbers]
        yield from _batch_problems(
            context, kind, batch if len(batch) > 1 else [_numbered(context, message, 1)]
        )


def _batch_problems(
    context: ConformanceContext, kind: type[Message], batch: Sequence[Envelope]
) -> Iterator[str]:
    played = context.send(*batch)
    if played.exception is not None:
        return
    content = content_of(played.exchanges)
    yield from _who_is_missing(kind, batch, content)
    places = [content.position(envelope.to.plain) or 0 for envelope in batch]
    if context.fixtures.ordered_batch_docs and places != sorted(places):
        yield f"a batch of {kind.__name__}s is in another order in the request, and the answer is told by its order"
    if len(batch) > 1:
        yield from _who_is_mixed_up(context, kind, batch, played)


def secret_is_used(context: ConformanceContext) -> Iterator[str]:
    """MC114."""
    context.require_http()
    settings = [dict(context.fixtures.settings(_URL_OF_NOBODY, secret)) for secret in ("0" * 32, "1" * 32)]
    if settings[0] == settings[1]:
        why = "its settings take no secret: the rule applies once they do"
        raise NotApplicable(why)
    envelope = context.envelope()
    one, other = (
        context.send(envelope, provider=context.build(secret=secret)) for secret in ("0" * 32, "1" * 32)
    )
    if not context.differences(one, other) and not context.volatile:
        yield "two accounts with different secrets make the same request: nothing proves whose it is"
    content, secret = content_of(context.successful_send.exchanges), canaries.SECRET
    if content.holds(secret[:_PART]) and not content.holds(secret):
        yield "a part of the secret is in the request, and not the whole: no vendor accepts it"
    provider = built_or_none(context, context.fixtures.settings(context.url, secret.upper()))
    played = FlowTrace() if provider is None else context.send(envelope, provider=provider)
    if content.holds(secret) and played.exchanges and not content_of(played.exchanges).holds(secret.upper()):
        yield "a secret in capital letters is in the request in another writing: no vendor accepts it"


def addresses_are_described_or_refused(context: ConformanceContext) -> Iterator[str]:
    """MC115."""
    for kind, message in context.messages.items():
        for to in example_addresses(context, message):
            if words := _address_problem(context, replace(context.envelope(message), to=to)):
                yield f"a {kind.__name__} to {words}"
                break


def example_addresses(context: ConformanceContext, message: Message) -> Iterator[Address]:
    """Return addresses of many kinds that the message's channel takes."""
    channel = context.channel_of(message)
    for text in _ADDRESSES if channel is not None else ():
        try:
            yield channel.parse(text)  # type: ignore[union-attr]
        except MessagingError:
            continue


def _address_problem(context: ConformanceContext, envelope: Envelope) -> str:
    played, to = context.send(envelope), envelope.to
    if played.exception is not None:
        refused = isinstance(played.exception, BadInput)
        return "" if refused else f"a {type(to).__name__} such as {to.plain!r}: {played.problem}"
    if played.exchanges and not _holds_address(content_of(played.exchanges), to):
        return f"{to.plain!r}: the request does not name that address"
    return ""


def contents_are_told_apart(context: ConformanceContext) -> Iterator[str]:
    """MC116."""
    require_exchanges(context)
    for kind, message in context.messages.items():
        declared = context.provider.capabilities.message_types[kind]
        required = {one.name for one in fields(cast("Any", message))} - set(context.optional_fields(kind))
        for pair in _PAIRS:
            if set(pair) <= declared | required and (words := _confusion(context, message, pair)):
                yield words
    yield from _sms_or_chat(context)


def _sms_or_chat(context: ConformanceContext) -> Iterator[str]:
    if not {Sms, WhatsAppText} <= set(context.messages):
        return
    one, other = (context.send(context.envelope(each)) for each in (Sms("zq same"), WhatsAppText("zq same")))
    if not one.exception and not other.exception and not context.differences(one, other):
        yield "a WhatsAppText and an Sms with the same text are the same request"


def id_reaches_the_vendor(context: ConformanceContext) -> Iterator[str]:
    """MC117."""
    require_exchanges(context)
    if not reports_bring_our_id(context):
        why = "the vendor's reports do not bring our id back: the rule applies once `delivered_body` of the fixtures holds it"
        raise NotApplicable(why)
    for kind, message in context.messages.items():
        envelope = replace(context.envelope(message), id="0123456789abcdef0123456789abcdef")
        played = context.send(envelope)
        if played.exception is None and not _holds_id(content_of(played.exchanges), envelope.id):
            yield f"the vendor's reports bring our id back, and the request for a {kind.__name__} does not name it"


def reports_bring_our_id(context: ConformanceContext) -> bool:
    """Whether the vendor's reports hold our id of a message, as the fixtures write them."""
    made = context.fixtures.delivered_body
    return made is not None and b"zq-ours-1" in made("zq-ours-1", "zq-theirs-1")


def batch_size_is_the_vendors(context: ConformanceContext) -> Iterator[str]:
    """MC118."""
    declared, documented = context.provider.capabilities.max_batch_size, context.fixtures.vendor_batch_size
    if documented is None:
        if declared == 1:
            why = "it takes one message at a time: the rule applies once `Capabilities.max_batch_size` is above 1"
        else:
            why = "the fixtures give no `vendor_batch_size`: give how many messages the vendor documents for one request"
        raise NotApplicable(why)
    if declared > documented:
        yield f"`max_batch_size` is {declared}, and the vendor takes {documented} in one request"


def require_exchanges(context: ConformanceContext) -> None:
    """Go on only with a provider whose exchanges can be looked into.

    Raises:
        NotApplicable: it makes none.
    """
    if not context.successful_send.exchanges:
        why = "it exchanges nothing with a vendor: the rule applies once it does"
        raise NotApplicable(why)


def _sent(context: ConformanceContext, message: Message | None) -> FlowTrace | None:
    """Send a message; None where it is none, or is refused."""
    if message is None or context.provider.capabilities.unsupported(message) is not None:
        return None
    played = context.send(context.envelope(message))
    return None if played.exception is not None else played


def is_taken(context: ConformanceContext, message: Message) -> bool:
    """Whether the provider sends a message, and does not refuse it."""
    return _sent(context, message) is not None


def with_text(message: Message, text: str) -> Message | None:
    """Return the message with another text; None where it has none, or does not take this one."""
    if not isinstance(getattr(message, "text", None), str):
        return None
    try:
        return cast("Message", replace(cast("Any", message), text=text))
    except MessagingError:
        return None


def _lost_texts(context: ConformanceContext, kind: type[Message], message: Message) -> Iterator[str]:
    for text in TEXTS:
        played = _sent(context, with_text(message, text))
        if played is not None and not content_of(played.exchanges).holds(text):
            yield f"the text of a {kind.__name__} is not in the request as it was given: {text[:60]!r}"
            return


def _lost(kind: type[Message], message: Message, name: str, content: RequestContent) -> Iterator[str]:
    for leaf in marked_leaves(message, name):
        if not _holds_leaf(content, leaf):
            shown = leaf.value.plain if isinstance(leaf.value, EmailAddress) else repr(leaf.value[:40])
            yield f"{kind.__name__}: {leaf.path} is not in the request as it was given: {shown}"
            return
    yield from (
        f"{kind.__name__}.{field}: the elements are in another order in the request"
        for field, leaves in ordered_fields(message)
        if not _are_in_order([content.position(str(leaf.value)) for leaf in leaves])
    )
    if name == "list_unsubscribe" and content.holds("List-Unsubscribe:"):
        yield from _unsubscribe_problems(kind, getattr(message, name), content)


def _unsubscribe_problems(
    kind: type[Message], leave: ListUnsubscribe, content: RequestContent
) -> Iterator[str]:
    """Say where the headers that leave a list are not as RFC 2369 and RFC 8058 have them."""
    what = f"{kind.__name__}.list_unsubscribe"
    if leave.url and not content.holds(_ONE_CLICK):
        yield f"{what} has a URL, and no List-Unsubscribe-Post with {_ONE_CLICK} goes with it (RFC 8058)"
    ways = [leave.url or "", f"mailto:{leave.mailto}" if leave.mailto else ""]
    if missing := [one for one in ways if one and not content.holds(f"<{one}>")]:
        yield f"{what}: {missing[0]} is not in angle brackets in the header (RFC 2369)"


def _are_in_order(places: Sequence[int | None]) -> bool:
    told = [one for one in places if one is not None]
    return told == sorted(told)


def _holds_leaf(content: RequestContent, leaf: Leaf) -> bool:
    if isinstance(leaf.value, bytes):
        return content.holds_file(leaf.value)
    if isinstance(leaf.value, EmailAddress):
        return _holds_mailbox(content, leaf.value, may_be_bare=leaf.path != "sender")
    return content.holds(leaf.value) or (
        leaf.value.lstrip("+").isdigit() and content.holds_digits(leaf.value.lstrip("+"))
    )


def _holds_mailbox(content: RequestContent, address: EmailAddress, *, may_be_bare: bool) -> bool:
    """Whether the address is there, and its name with it so that a reader of RFC 5322 reads it back, unless it may be bare."""
    texts = [text for text in (*content.texts, *content.mail) if address.plain in text]
    if not texts or not address.display_name:
        return bool(texts)
    if may_be_bare and all(
        text in (address.plain, f"<{address.plain}>") or _ends_in(text, address.plain) for text in texts
    ):
        return True
    for text in texts:
        pairs = getaddresses([text.partition(": ")[2] or text]) + getaddresses([text])
        if (address.display_name, address.plain) in pairs:
            return True
    return any(text == address.display_name for text in content.texts)


def _ends_in(text: str, plain: str) -> bool:
    """Whether a text is the name of a field and an address alone."""
    return text.partition(": ")[2] == plain


def _holds_address(content: RequestContent, address: Any) -> bool:  # noqa: ANN401  of any channel
    if isinstance(address, PhoneNumber):
        return content.holds_digits(address.digits)
    own = getattr(address, "id", "")  # of a group, which vendors name without our prefix
    return content.holds(address.plain) or bool(own and content.holds(own))


def _holds_id(content: RequestContent, given: str) -> bool:
    dashed = f"{given[:8]}-{given[8:12]}-{given[12:16]}-{given[16:20]}-{given[20:]}"
    return any(content.holds(form) for form in (given, given.upper(), dashed, dashed.upper()))


def _numbered(context: ConformanceContext, message: Message, number: int) -> Envelope:
    worded = with_text(message, f"zq words {number}{number}{number}")
    if worded is not None and context.provider.capabilities.unsupported(worded) is not None:
        worded = None
    return context.envelope(worded or message, number=number)


def _who_is_missing(kind: type[Message], batch: Sequence[Envelope], content: RequestContent) -> Iterator[str]:
    for number, envelope in enumerate(batch):
        text = getattr(envelope.message, "text", None)
        if not _holds_address(content, envelope.to):
            yield f"of {len(batch)} envelopes with a {kind.__name__}, the request does not name the recipient of number {number}"
            return
        if isinstance(text, str) and "zq words" in text and not content.holds(text):
            yield f"of {len(batch)} envelopes with a {kind.__name__}, the request does not hold the text of number {number}"
            return


def _who_is_mixed_up(
    context: ConformanceContext, kind: type[Message], batch: Sequence[Envelope], played: FlowTrace
) -> Iterator[str]:
    """Send the same recipients with their texts exchanged: that has to be another request."""
    if batch[0].message == batch[-1].message:
        return
    crossed = [
        replace(envelope, message=other.message)
        for envelope, other in zip(batch, reversed(batch), strict=True)
    ]
    other = context.send(*crossed)
    if other.exception is None and not context.differences(played, other):
        yield f"two {kind.__name__}s whose texts change places make the same request"


def _confusion(context: ConformanceContext, message: Message, pair: tuple[str, str]) -> str:
    value: Any = "zqsame@example.com" if pair[0] in ("cc", "bcc") else "zq same"
    empty = {"cc": (), "bcc": (), "reply_to": ()}
    try:
        one, other = (
            replace(cast("Any", message), **{name: value, left: empty.get(left)})
            for name, left in (pair, pair[::-1])
        )
    except (MessagingError, TypeError):
        return ""
    sent = [_sent(context, each) for each in (one, other)]
    if sent[0] is None or sent[1] is None or context.differences(sent[0], sent[1]):
        return ""
    return f"{type(message).__name__}: the same words as `{pair[0]}` and as `{pair[1]}` make the same request"
