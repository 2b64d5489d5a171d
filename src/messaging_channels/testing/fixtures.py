"""Fixtures that the author of a provider gives to the kit: settings, and the vendor's responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from inspect import signature
from typing import Any, Literal, TypeAlias

from messaging_channels._model.events import Event
from messaging_channels._model.outcomes import Reason
from messaging_channels.messages import Message, ProviderOptions
from messaging_channels.plugins.webhooks import WebhookRequest

Responder: TypeAlias = "Callable[[Any], Any]"
"""Gives the reply to an exchange, such as an HttpResponse to an HttpRequest."""


VendorFault: TypeAlias = Literal["throttle", "fail", "drop_response", "time_out", "refuse_connection"]
"""What a test can have a vendor do, by the names of the methods of `ProviderScript`."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body that the vendor posts, and the types of its events, in order."""

    body: bytes = field(repr=False)
    event_types: tuple[type[Event], ...]
    expected: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """For each event the fields that it must have, by name, such as `{"status": DELIVERED_TO_HANDSET, "occurred_at": 1_700_000_000.0}`. An address
    may be given in plain form."""


@dataclass(frozen=True, slots=True)
class DocumentedWebhook:
    """A genuine signed request from the vendor's documentation, which reveals a mistake that a provider and its fixtures share."""

    request: WebhookRequest
    """As documented, with `received_at` within the time that the vendor allows."""
    secret: str = field(repr=False)
    """Secret with which the documentation signs the request. `settings` receives it."""
    event_types: tuple[type[Event], ...]
    source: str
    """The address of the page."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Further settings that the documented call needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMessage:
    """A message of a request, as the vendor understands it."""

    to: str = field(repr=False)
    """Recipient as in the request: in plain form or as E.164. Raise ValueError if the vendor would refuse the form."""
    message: Message | Mapping[str, Any] = field(repr=False)
    """Content in our own types: a message, or its fields by name. A field that is left out counts as lost."""
    kind: type[Message] | None = None
    """Its type, where `message` is a mapping and the request tells the type."""
    reference: str | None = None
    """Our id of it, where the vendor takes one; None where the request has none."""


@dataclass(frozen=True, slots=True)
class InboundText:
    """A text that a person writes to an application under test. Its repr shows neither the text nor an address."""

    sender: str = field(repr=False)
    """In plain form: digits without a plus, or a mail address."""
    to: str = field(repr=False)
    text: str = field(repr=False)
    number: int
    """Of the messages of one test, counted from 1: make the vendor's id of it."""
    at: float
    """When it was written: whole seconds since the epoch, UTC."""
    channel: str = ""
    """The channel it is written on, where the test names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceFixtures:
    """The facts about a vendor that the kit needs. Every provider needs the first two; the others make more rules apply."""

    settings: Callable[[str, str], Mapping[str, Any]]
    """Given a URL on loopback and a secret (32 hexadecimal digits), return the fields of the provider's settings. Use the secret wherever one is
    needed, and in the place of nothing else."""
    success_response: Responder
    """The vendor's answer to each exchange of a send when it takes every message, ids of the request included."""
    reads_request: Callable[[Any], Sequence[ReadMessage]] | None = None
    """Function that reads an exchange of a send as the vendor does: one `ReadMessage` for each message in it, none for an exchange that holds no
    message (a token, an upload) or one that this function does not know. Write it from the vendor's reference, not from the provider."""
    expected_failures: Mapping[str, str] = field(default_factory=dict[str, str])
    """Rules that this vendor makes impossible, by id, each with the reason. The report tells them. Rules of never-twice take no exception."""
    vendor_batch_size: int | None = None
    """How many messages the vendor documents for one request, for `Capabilities.max_batch_size`."""
    error_responses: Sequence[tuple[Any, Reason]] = ()
    """Documented answers to a send of one message, and what they mean. Give a function of the exchange where the answer names the message."""
    safe_5xx: Mapping[int, str] = field(default_factory=dict[int, str])
    """The 5xx that may come with one of `error_responses`, documented as `nothing was sent`: each with the address of the page that says so."""
    ordered_batch_docs: str = ""
    """The page that says that the answer to a batch is in the order of the request, where nothing but the order tells whose an element is."""
    faults: Mapping[VendorFault, Responder] = field(default_factory=dict["VendorFault", Responder])
    """How a vendor fails that speaks a protocol of its own: the reply to an exchange when it throttles, fails, and so on. For HTTP the kit knows."""
    malformed_replies: Sequence[Any] = ()
    """Strange replies to exchanges of types of its own. For HTTP the kit makes them."""
    messages: Sequence[Message] = ()
    """An example of every type that the kit does not know or that the vendor takes in another form, required fields only."""
    field_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values for optional fields, by names such as `Sms.sender`, where the kit's own would not do."""
    provider_options: Sequence[ProviderOptions] = ()
    """An example of each option of its own."""
    sign_webhook: (
        Callable[[bytes, str], WebhookRequest] | Callable[[bytes, str, float], WebhookRequest] | None
    ) = None
    """The vendor's call with this body, proved with this secret: `(body, secret)`; `(body, secret, at)` where the vendor signs a time, in seconds
    since the epoch."""
    webhooks: Sequence[Webhook] = ()
    documented_webhooks: Sequence[DocumentedWebhook] = ()
    delivered_body: Callable[[str, str], bytes] | None = None
    """The body that reports a message as delivered, given our id of it and the vendor's: for tests of applications."""
    inbound_body: Callable[[str, str, str], bytes] | None = None
    """The body that brings a text, given who wrote it (in plain form), to whom, and the text: likewise."""
    signature_covers_time: bool | None = None
    """Whether the proof is over a time, so that an old call is refused. None to have the kit look for a header that holds one."""
    inbound_message: Callable[[InboundText], bytes] | None = None
    """The same with an id and a time of the message's own, so that an application can be tested with several."""
    signature_covers_body: bool = True
    """Whether the proof is over the body. Say False for a token or a password: then whoever holds it can say anything."""
    reports_response: Responder | None = None
    """The vendor's answer to each exchange of `fetch_reports`."""
    lookup_response: Responder | None = None
    """The vendor's answer to each exchange of `look_up` when it knows the message."""
    server: Callable[[], AbstractContextManager[str]] | None = None
    """A server of its protocol on loopback, by its URL, for exchanges of types of its own. For HTTP the kit has one."""


def sign_at(fixtures: ConformanceFixtures, body: bytes, secret: str, at: float) -> WebhookRequest:
    """Return the vendor's call with this body, proved at that time where the vendor signs one, and received then.

    Raises:
        LookupError: the fixtures do not say how a call is proved.
    """
    if fixtures.sign_webhook is None:
        message = "the fixtures have no `sign_webhook`"
        raise LookupError(message)
    sign: Callable[..., WebhookRequest] = fixtures.sign_webhook
    call = sign(body, secret, at) if _takes_time(sign) else sign(body, secret)
    return replace(call, received_at=at)


@cache
def _takes_time(function: Callable[..., WebhookRequest]) -> bool:
    positional = [
        one
        for one in signature(function).parameters.values()
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.VAR_POSITIONAL)
    ]
    return len(positional) > _BODY_AND_SECRET or any(one.kind is one.VAR_POSITIONAL for one in positional)


_BODY_AND_SECRET = 2
