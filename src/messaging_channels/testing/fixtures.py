"""What the author of a provider gives to the kit: how it is configured, and what the vendor says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from messaging_channels._model.events import Event
from messaging_channels._model.outcomes import Reason
from messaging_channels.messages import Message, ProviderOptions
from messaging_channels.plugins.webhooks import WebhookRequest

Responder: TypeAlias = "Callable[[Any], Any]"
"""Gives the reply to an exchange, such as an HttpResponse to an HttpRequest."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body that the vendor posts, and the kinds of the events it tells, in order."""

    body: bytes = field(repr=False)
    event_types: tuple[type[Event], ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceFixtures:
    """What the kit cannot know by itself. Only the first two are needed by every provider; the others make more rules apply."""

    settings: Callable[[str, str], Mapping[str, Any]]
    """Given a URL on loopback and a secret (32 hexadecimal digits), return the fields of the provider's settings. Use the secret wherever one is
    needed, and in the place of nothing else."""
    success_response: Responder
    """The vendor's answer to each exchange of a send when it takes every message, ids of the request included."""
    error_responses: Sequence[tuple[Any, Reason]] = ()
    """Documented answers to a send of one message, and what they mean. Give a function of the exchange where the answer names the message."""
    safe_5xx: Mapping[int, str] = field(default_factory=dict[int, str])
    """The 5xx that may come with one of `error_responses`, documented as `nothing was sent`: each with the address of the page that says so."""
    ordered_batch_docs: str = ""
    """The page that says that the answer to a batch is in the order of the request, where nothing but the order tells whose an element is."""
    malformed_replies: Sequence[Any] = ()
    """Strange replies to exchanges of types of its own. For HTTP the kit makes them."""
    messages: Sequence[Message] = ()
    """An example of every type that the kit does not know or that the vendor takes in another form, required fields only."""
    field_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values for optional fields, by names such as `Sms.sender`, where the kit's own would not do."""
    provider_options: Sequence[ProviderOptions] = ()
    """An example of each option of its own."""
    sign_webhook: Callable[[bytes, str], WebhookRequest] | None = None
    """The vendor's call with this body, proved with this secret."""
    webhooks: Sequence[Webhook] = ()
    delivered_body: Callable[[str, str], bytes] | None = None
    """The body that reports a message as delivered, given our id of it and the vendor's: for tests of applications."""
    inbound_body: Callable[[str, str, str], bytes] | None = None
    """The body that brings a text, given who wrote it (in plain form), to whom, and the text: likewise."""
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
