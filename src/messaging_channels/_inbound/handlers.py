"""The application's handlers of what comes in, and their items in the ledger: an event is kept when the provider is answered, and dealt with afterwards."""

from __future__ import annotations

import base64
import inspect
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels._ledger.seal import SealBroken
from messaging_channels._model import events as kinds
from messaging_channels._model.errors import InvalidMessage, InvalidSetting
from messaging_channels._model.failure_reasons import Advice
from messaging_channels._model.ids import message_id, random_digits
from messaging_channels._model.status import Status
from messaging_channels.messages import Codec, DecodeError
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.ledger_inbound import (
    OF_SEVERAL,
    PLACE_DIGITS,
    ClaimInbound,
    FinishInbound,
    InboundItem,
    ListInbound,
    PostponeInbound,
    StoreInbound,
)

if TYPE_CHECKING:
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels._model.events import Event
    from messaging_channels.plugins.webhooks import WebhookRequest

Handler = TypeVar("Handler", bound=Callable[[Any], object])
_WAIT_FOR_KEY = 86400.0
_MAX_TRIES = 12
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 900.0
_LEASE = 120.0


@dataclass(frozen=True, slots=True)
class RegisteredHandler:
    """A handler of the application."""

    name: str
    event_type: type
    function: Callable[[Any], object] = field(repr=False)
    in_place: bool


@dataclass(frozen=True, slots=True)
class RunHandler(Exchange[None]):
    """Call a handler; under an event loop one that is no coroutine function is called in a thread."""

    function: Callable[[Any], object] = field(repr=False)
    event: Event = field(repr=False)
    may_send: bool = True


@dataclass(frozen=True, slots=True)
class InboundHandlers:
    """The handlers of one dispatcher. One serves all threads and tasks."""

    clock: Callable[[], float]
    options: LedgerOptions
    """Of the ledger that keeps events: they are sealed as what waits to be sent is."""
    registered: list[RegisteredHandler] = field(default_factory=list["RegisteredHandler"])
    counter: Iterator[int] = field(default_factory=count)
    """Tells calls apart that came in the same millisecond."""
    codec: Codec = field(default_factory=lambda: Codec((kinds.StatusChanged, Status, Advice)))

    def register(self, event_type: type, *, name: str | None, in_place: bool) -> Callable[[Handler], Handler]:
        """Return what registers a function. See `BaseDispatcher.on`."""
        self.options.require_seal()

        def keep(function: Handler) -> Handler:
            own = name or f"{function.__module__}.{function.__qualname__}"
            if any(one.name == own for one in self.registered):
                raise InvalidSetting(
                    f"two handlers have the name {own!r}",
                    setting="handlers",
                    source="code",
                    hint="give it a name=",
                )
            self.registered.append(RegisteredHandler(own, event_type, function, in_place))
            return function

        return keep

    def store(self, events: Sequence[Event], request: WebhookRequest | None) -> Sequence[StoreInbound]:
        """Return what keeps events for those handlers that want them."""
        now, people = self.clock(), {self._subject(event) for event in events}
        call_id = "" if request is None else (OF_SEVERAL if len(people) > 1 else "") + random_digits()
        arrived = f"{message_id(now)[:12]}{next(self.counter):010x}"
        items = [
            InboundItem(
                event_key=event.key,
                handler=one.name,
                conversation=self._conversation(event),
                event_type=type(event).__name__,
                event=self.options.sealed(self.to_json(event)),
                call_id=call_id,
                position=f"{arrived}{index:06x}",
                received_at=now,
            )
            for index, event in enumerate(events)
            for one in self.registered
            if isinstance(event, one.event_type)
        ]
        if not items:
            return ()
        call = "" if request is None else self.options.sealed(_call_to_json(request))
        if len(people) > 1:
            call = f"{json.dumps(sorted(people))}\n{call}"
        return (StoreInbound(tuple(items), call_id, call),)

    def _conversation(self, event: Event) -> str:
        """Return a digest of the person, by which all of one person is found, and after it digits of where the conversation is held."""
        where = sha256(repr((event.provider, getattr(event, "channel", ""))).encode()).hexdigest()
        return f"{self.options.inbound_digests(_subject(event))[0]}{int(where, 16) % 10**PLACE_DIGITS:0{PLACE_DIGITS}}"

    def _subject(self, event: Event) -> str:
        """Return by what a call is found that tells of several people: a digest of the person, or the key of an event that names none."""
        person = _person(event)
        return self.options.inbound_digests(person)[0] if person else event.key

    def run_round(self, limit: int, *, in_place: bool = False) -> Flow[int]:
        """Claim what is due and have it dealt with, in order. Return how many items that was."""
        names = tuple(one.name for one in self.registered if one.in_place or not in_place)
        if not names:
            return 0
        owner, now = random_digits(), self.clock()
        items = yield from ask(ClaimInbound(owner, now, now + _LEASE, limit, names))
        for item in items:
            yield from self._deal_with(item, owner)
        return len(items)

    def list_items(self, limit: int, *, is_dead: bool) -> Flow[Sequence[InboundItem]]:
        """Return items that wait, or dead letters, with their events as JSON; one that no key opens stays sealed."""
        found = yield from ask(ListInbound(limit, is_dead=is_dead))
        return [self._opened(item) for item in found]

    def _opened(self, item: InboundItem) -> InboundItem:
        try:
            event = self.options.opened(item.event)
        except (SealBroken, InvalidSetting):
            return item
        return item if event == item.event else replace(item, event=event)

    def _deal_with(self, item: InboundItem, owner: str) -> Flow[None]:
        handler = next(one for one in self.registered if one.name == item.handler)
        try:
            event = self.codec.decode(json.loads(self.options.opened(item.event)))
            yield from ask(RunHandler(handler.function, event))
        except GeneratorExit:
            raise
        except Exception as fault:  # noqa: BLE001  a handler that fails loses nothing, and stops no other one
            yield from self._postpone(item, owner, fault)
        else:
            yield from ask(FinishInbound(item.event_key, item.handler, owner))

    def _postpone(self, item: InboundItem, owner: str, fault: Exception) -> Flow[None]:
        tries = item.tries + 1
        is_over = tries >= _MAX_TRIES or isinstance(fault, DecodeError)
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(tries - 1, _MAX_TRIES))
        if isinstance(fault, SealBroken):  # another worker, or this one later, may have the key
            is_over = self.clock() - item.received_at >= _WAIT_FOR_KEY
        due = None if is_over else self.clock() + wait
        _log.error(
            "handler %s failed at attempt %d (%s): %s",
            item.handler,
            tries,
            type(fault).__name__,
            "its event is a dead letter now" if is_over else f"it is tried again in {wait:.0f} s",
            exc_info=fault,
        )
        yield from ask(PostponeInbound(item.event_key, item.handler, owner, due, type(fault).__name__))

    def to_json(self, event: Event) -> str:
        """Return an event as it is kept, before it is sealed."""
        try:
            return json.dumps(self.codec.encode(event))
        except InvalidMessage:  # what a plugin keeps in `raw` may be anything
            return json.dumps(self.codec.encode(replace(event, raw=None)))


def _subject(event: Event) -> str:
    """Return a text that names who is spoken with, or else the message that is spoken about."""
    about = getattr(event, "message_id", "") or getattr(event, "provider_id", "") or event.key
    return _person(event) or str(about)


def _person(event: Event) -> str:
    """Return who is spoken with, if the event names somebody."""
    named = (
        getattr(getattr(event, name, None), "plain", None) for name in ("sender", "address", "person", "to")
    )
    return next((one for one in named if one), "")


def _call_to_json(request: WebhookRequest) -> str:
    """Return a call as it came. What proves its sender to others is left out."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _SECRET_HEADERS}
    return json.dumps(
        {
            "body": base64.b64encode(request.body).decode(),
            "headers": headers,
            "url": request.url.partition("?")[0],
            "method": request.method,
            "receivedAt": request.received_at,
        }
    )


_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


class _Sync:
    def perform(self, exchange: RunHandler) -> None:
        ended = exchange.function(exchange.event)
        if inspect.isawaitable(ended):
            import asyncio  # noqa: PLC0415  programs without a loop need none

            asyncio.run(_awaited(ended))

    def close(self) -> None:
        """Hold nothing."""


class _Async:
    async def perform(self, exchange: RunHandler) -> None:
        if inspect.iscoroutinefunction(exchange.function):
            await exchange.function(exchange.event)
            return
        import asyncio  # noqa: PLC0415  programs without a loop need none

        ended = await asyncio.to_thread(exchange.function, exchange.event)
        if inspect.isawaitable(ended):
            await ended

    async def close(self) -> None:
        """Hold nothing."""


async def _awaited(ended: Any) -> None:  # noqa: ANN401  whatever a handler returns
    await ended


EXECUTORS = ExecutorPair(_Sync, _Async)
_log = logging.getLogger("messaging_channels._inbound.handlers")
