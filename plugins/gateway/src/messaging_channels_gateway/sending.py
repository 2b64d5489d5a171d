"""The nine calls that send: three kinds of recipient, three channels, one way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels import Receipt, errors
from messaging_channels.plugins import BUILT_IN, Kind, Person, User, deciding
from messaging_channels.plugins import status as statuses
from messaging_channels_gateway import promises
from messaging_channels_gateway._table_problems import PROBLEMS
from messaging_channels_gateway.bodies import ADDRESSED, KNOWN, AnyBody, fitted
from messaging_channels_gateway.calls import answer, caller_of, gateway_of, id_in, idempotency_key, json_in
from messaging_channels_gateway.deliveries import callback_secret
from messaging_channels_gateway.events import of_message
from messaging_channels_gateway.problems import Problem, problem_of
from messaging_channels_gateway.recipients import InRealm
from messaging_channels_gateway.scheduling import enqueued

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels import Each
    from messaging_channels.messages import Message
    from messaging_channels.plugins import Address
    from messaging_channels_gateway.calls import Json
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.keys import Caller
    from messaging_channels_gateway.scheduling import End

Result = TypeVar("Result")
_CHANNELS = {channel.name: channel for channel in BUILT_IN}


async def to_address(request: Request) -> Response:
    """`POST /v1/apps/message/{channel}`: to an address, or to several."""
    caller, channel = _caller(request)
    body = fitted(ADDRESSED[channel], await json_in(request))
    call = _Call(gateway_of(request), caller, channel, body, idempotency_key(request))
    if isinstance(body.to, str):
        return await call.one(body.to)
    return await call.several([_parsed(channel, one, f"/to/{index}") for index, one in enumerate(body.to)])


async def to_user(request: Request) -> Response:
    """`POST /v1/users/{id}/message/{channel}`: from the platform's account."""
    caller, channel = _caller(request)
    body = fitted(KNOWN[channel], await json_in(request))
    call = _Call(gateway_of(request), caller, channel, body, idempotency_key(request))
    return await call.one(InRealm(caller.realm, User(id_in(request))))


async def to_person(request: Request) -> Response:
    """`POST /v1/identities/{id}/person/message/{channel}`: from the realm's own account."""
    caller, channel = _caller(request)
    body = fitted(KNOWN[channel], await json_in(request))
    call = _Call(gateway_of(request), caller, channel, body, idempotency_key(request))
    return await call.one(InRealm(caller.realm, Person(id_in(request))))


def _caller(request: Request) -> tuple[Caller, str]:
    channel: str = request.path_params["channel"]
    if channel not in KNOWN:
        raise Problem("not_found", f"the channels are {', '.join(KNOWN)}")
    return caller_of(request, f"send:{channel}"), channel


class _Call:
    """One call that sends."""

    def __init__(
        self, gateway: Gateway, caller: Caller, channel: str, body: AnyBody, key: str | None
    ) -> None:
        if body.chosen:
            caller.require("send:options")
        self._gateway = gateway
        self._realm = caller.realm
        self._channel = channel
        self._body = body
        self._given = key
        promised = body.callback_url or body.send_at
        self._key = f"auto-{token_hex(16)}" if promised and key is None else key

    async def one(self, to: Any) -> Response:  # noqa: ANN401  an address, or somebody of the realm
        """Send to one recipient."""
        message = await self._message()
        whom = repr(to.recipient) if isinstance(to, InRealm) else ""
        if self._body.send_at:
            (end,) = await self._scheduled(message, [(to, self._key or "")], whom)
            if isinstance(end, errors.MessagingError):
                raise end
            return _answered([_waiting(end)], replayed=end.replayed)
        if self._body.callback_url:
            await self._promised(whom)
        elif self._key:
            promises.insist_on_none(self._gateway.store, self._realm, self._key, self._gateway.clock.now())
        sending = self._gateway.dispatcher.send(message, to=to, idempotency_key=self._key, scope=self._realm)
        receipt = await self._in_time(self._noted(sending, message))
        return _answered([_shown(receipt)], replayed=receipt.replayed)

    async def several(self, to: Sequence[Address]) -> Response:
        """Send to several addresses. What becomes of each stands in the answer, in their order."""
        message = await self._message()
        self._key = promises.shared_key(self._key) if self._key else None
        if self._body.send_at:
            keys = {one: promises.key_for_one(self._key or "", self._channel, one.plain) for one in to}
            waits = await self._scheduled(message, list(keys.items()))
            told = [_waiting(end, one) for one, end in zip(keys, waits, strict=True)]
            return _answered(told, replayed=all(getattr(end, "replayed", False) for end in waits))
        if self._key:
            await self._promised()
        ends = await self._in_time(self._each(message, to))
        replayed = [each.receipt.replayed for each in ends if each.receipt is not None]
        return _answered([_told(each) for each in ends], replayed=bool(replayed) and all(replayed))

    async def _message(self) -> Message:
        """Return the message; it goes nowhere, and has nobody go anywhere, where it must not."""
        body = self._body
        for url in [*body.urls, *([body.callback_url] if body.callback_url else [])]:
            if url == body.callback_url:
                await self._gateway.guard.check(url)
            else:
                await self._gateway.guard.check_media(url)
        return body.message()

    async def _in_time(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for the sending as long as a client may wait. It goes on all the same, also if the client goes away."""
        task = self._gateway.tracked(work)
        done, _ = await asyncio.wait({task}, timeout=self._gateway.settings.send_seconds)
        if not done:
            raise Problem("still_sending", PROBLEMS["still_sending"][1])
        return task.result()

    async def _scheduled(self, message: Message, to: Sequence[tuple[Any, str]], whom: str = "") -> list[End]:
        """Have it sent at its time, to each under its key."""
        at = await self._time(to[0][1])
        await self._promised(whom, at, [key for _, key in to])
        gateway = self._gateway
        ends = await self._in_time(enqueued(gateway.dispatcher, message, to, at=at, scope=self._realm))
        for end in ends:
            if not isinstance(end, errors.MessagingError) and not end.replayed:
                gateway.metrics.sent(end.channel, "scheduled")
                if gateway.showcase is not None:
                    gateway.showcase.add(self._realm, message, end)
        return ends

    async def _time(self, key: str) -> float:
        """Return when it is to be sent. A repetition may come when that is past.

        Raises:
            Problem: `invalid_send_at`.
        """
        gateway = self._gateway
        now, at = gateway.clock.now(), self._body.send_at.timestamp() if self._body.send_at else 0.0
        if now <= at <= now + gateway.settings.schedule_days * 86400:
            return at
        record = await gateway.dispatcher.find(idempotency_key=key, scope=self._realm)
        if record is not None and record.expires > now:
            return at
        problem = "in_the_past" if at < now else "too_far_ahead"
        listed = {"errors": [{"pointer": "/sendAt", "problem": problem}]}
        raise Problem("invalid_send_at", f"/sendAt: {problem}", more=listed)

    async def _noted(self, work: Coroutine[Any, Any, Receipt], message: Message) -> Receipt:
        """Send, and make known what became of it."""
        try:
            receipt = await work
        except errors.SendFailed as failed:
            self._make_known(failed.receipt, message)
            raise
        self._make_known(receipt, message)
        return receipt

    def _make_known(self, receipt: Receipt, message: Message) -> None:
        gateway = self._gateway
        gateway.metrics.sent(receipt.channel, receipt.outcome)
        if gateway.showcase is not None:
            gateway.showcase.add(self._realm, message, receipt)
        if receipt.outcome in (Kind.ACCEPTED, Kind.REJECTED):
            at = receipt.attempts[-1].started if receipt.attempts else gateway.clock.now()
            call = self._key if self._body.callback_url else None
            told = (self._realm, receipt.id, receipt.channel, receipt.status, receipt.outcome)
            gateway.events.later(of_message(*told, version=1, at=at, call=call))

    async def _each(self, message: Message, to: Sequence[Address]) -> list[Each]:
        """Send to all; return what became of each, in the order of the addresses."""
        ends: dict[Address, Each] = {}
        given = self._gateway.dispatcher.send_each(
            message, to=dict.fromkeys(to), idempotency_key=self._key, scope=self._realm
        )
        async for each in given:
            ends[each.to] = each
            if each.receipt is not None:
                self._make_known(each.receipt, message)
        return [ends[address] for address in dict.fromkeys(to)]

    async def _promised(self, whom: str = "", at: float = 0.0, messages: Sequence[str] = ()) -> None:
        """Keep what the ledger does not: where to report, when to send, and what a key stands for beyond one message.

        Raises:
            Problem: `idempotency_key_reused`.
        """
        gateway, body, key = self._gateway, self._body, self._key or ""
        if body.callback_url:
            await callback_secret(gateway.store, self._realm)
        find = gateway.dispatcher.find
        record = await find(idempotency_key=self._given, scope=self._realm) if self._given else None
        now = gateway.clock.now()
        told = promises.fingerprint(self._channel, whom, body)
        promise = promises.Promise(self._realm, key, told, body.callback_url, max(now, at), messages)
        taken = record is not None and record.expires > now
        await promises.keep(gateway.store, promise, now, taken=taken)


def _parsed(channel: str, address: str, pointer: str) -> Address:
    """Return one address of several; if it is none, nothing is sent to the others either."""
    try:
        return _CHANNELS[channel].parse(address)
    except errors.InvalidAddress as error:
        listed = {"errors": [{"pointer": pointer, "problem": error.code}]}
        raise Problem("invalid_address", f"{pointer}: {error}", more=listed) from None


def _answered(messages: Sequence[Json], *, replayed: bool) -> Response:
    return answer({"messages": messages}, headers={"idempotent-replayed": "true"} if replayed else None)


def _shown(receipt: Receipt) -> Json:
    """Return the element of the answer. The status is what the provider answered, the same however often the call is repeated."""
    attempt, _ = deciding(receipt.attempts)
    status = attempt.outcome.status if attempt and attempt.outcome else receipt.status
    return {**receipt.as_dict(), "status": status.as_dict()}


def _waiting(end: End, to: Address | None = None) -> Json:
    """Return the element of a message that waits for its time: the same, however often the call is repeated."""
    if not isinstance(end, errors.MessagingError):
        return {**end.as_dict(), "status": statuses.PENDING_QUEUED.as_dict()}
    return {
        "messageId": "",
        "status": statuses.REJECTED_PLATFORM.as_dict(),
        "destination": to.plain if to else "",
        **_why(end),
    }


def _why(error: errors.MessagingError) -> Json:
    problem = problem_of(error)
    return {"error": {"code": problem.code, "title": problem.title, "detail": problem.detail}}


def _told(each: Each) -> Json:
    """Return the element of one recipient of several: also of one to whom nothing was sent."""
    refused = _why(each.error) if each.error is not None else {}
    if each.receipt is not None:
        return {**_shown(each.receipt), **refused}
    return {
        "messageId": "",
        "status": statuses.REJECTED_PLATFORM.as_dict(),
        "destination": each.to.plain,
        **refused,
    }
