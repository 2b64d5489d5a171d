"""The nine calls that send: three kinds of recipient, three channels, one way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels import Receipt, errors
from messaging_channels.plugins import Outcome, Person, User, deciding_attempt
from messaging_channels.plugins import status as statuses
from messaging_channels_gateway._table_problems import PROBLEMS
from messaging_channels_gateway.api.request_context import (
    authenticate,
    gateway_of,
    idempotency_key,
    json_body,
    json_response,
    path_id,
)
from messaging_channels_gateway.api.request_models import (
    ADDRESS_BODIES,
    RECIPIENT_BODIES,
    AnyBody,
    validate_body,
)
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.directory.resolvers import TenantRecipient
from messaging_channels_gateway.events.deliveries import callback_secret
from messaging_channels_gateway.events.event_log import events_of_message
from messaging_channels_gateway.events.scheduling import enqueue_scheduled
from messaging_channels_gateway.problems import Problem, problem_of
from messaging_channels_gateway.store import idempotency

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels import SendResult
    from messaging_channels.messages import Message
    from messaging_channels.plugins import Address
    from messaging_channels_gateway.api.request_context import Json
    from messaging_channels_gateway.auth.api_keys import Caller
    from messaging_channels_gateway.events.scheduling import EnqueueOutcome
    from messaging_channels_gateway.gateway import Gateway

Result = TypeVar("Result")


async def send_to_address(request: Request) -> Response:
    """`POST /v1/apps/message/{channel}`: to an address, or to several."""
    caller, channel = await _caller(request)
    body = validate_body(ADDRESS_BODIES[channel], await json_body(request))
    call = _SendRequest(gateway_of(request), caller, channel, body, idempotency_key(request))
    if isinstance(body.to, str):
        try:
            return await call.send_one(body.to)
        except errors.InvalidAddress:
            _require_address(channel, body.to)
            raise
    return await call.send_several(
        [_parse_address(channel, one, f"/to/{index}") for index, one in enumerate(body.to)]
    )


async def send_to_user(request: Request) -> Response:
    """`POST /v1/users/{id}/message/{channel}`: from the platform's account."""
    caller, channel = await _caller(request)
    body = validate_body(RECIPIENT_BODIES[channel], await json_body(request))
    call = _SendRequest(gateway_of(request), caller, channel, body, idempotency_key(request))
    return await call.send_one(TenantRecipient(caller.tenant, User(path_id(request))))


async def send_to_person(request: Request) -> Response:
    """`POST /v1/identities/{id}/person/message/{channel}`: from the tenant's own account."""
    caller, channel = await _caller(request)
    body = validate_body(RECIPIENT_BODIES[channel], await json_body(request))
    call = _SendRequest(gateway_of(request), caller, channel, body, idempotency_key(request))
    return await call.send_one(TenantRecipient(caller.tenant, Person(path_id(request))))


async def _caller(request: Request) -> tuple[Caller, str]:
    channel: str = request.path_params["channel"]
    if channel not in RECIPIENT_BODIES:
        raise Problem("not_found", "channel not found")
    return await authenticate(request, f"send:{channel}"), channel


class _SendRequest:
    """One call that sends."""

    def __init__(
        self, gateway: Gateway, caller: Caller, channel: str, body: AnyBody, key: str | None
    ) -> None:
        if body.uses_advanced_options:
            caller.require_scope("send:advanced")
        self._gateway = gateway
        self._tenant = caller.tenant
        self._begun = gateway.clock.now()
        self._channel = channel
        self._body = body
        self._client_key = key
        promised = body.callback_url or body.send_at
        self._key = f"auto-{token_hex(16)}" if promised and key is None else key

    async def send_one(self, to: Any) -> Response:  # noqa: ANN401  an address, or somebody of the tenant
        """Send to one recipient."""
        message = await self._build_message()
        whom = repr(to.recipient) if isinstance(to, TenantRecipient) else ""
        if self._body.send_at:
            (end,) = await self._schedule(message, [(to, self._key or "")], whom)
            if isinstance(end, errors.MessagingError):
                raise end
            return _messages_response([_queued_json(end)], replayed=end.replayed)
        if self._body.callback_url or (self._key and whom):  # a key of one path is no key of another
            await self._store_request(whom)
        elif self._key:
            await idempotency.require_unused_key(
                self._gateway.store, self._tenant, self._key, self._gateway.clock.now()
            )
        sending = self._gateway.dispatcher.send(message, to=to, idempotency_key=self._key, scope=self._tenant)
        receipt = await self._with_timeout(self._send_and_publish(sending, message))
        return _messages_response([_receipt_json(receipt)], replayed=receipt.replayed)

    async def send_several(self, to: Sequence[Address]) -> Response:
        """Send to several addresses. What becomes of each stands in the answer, in their order."""
        message = await self._build_message()
        self._key = idempotency.hash_long_key(self._key) if self._key else None
        if self._body.send_at:
            keys = {
                one: idempotency.key_for_recipient(self._key or "", self._channel, one.plain) for one in to
            }
            waits = await self._schedule(message, list(keys.items()))
            told = [_queued_json(end, one) for one, end in zip(keys, waits, strict=True)]
            return _messages_response(told, replayed=all(getattr(end, "replayed", False) for end in waits))
        if self._key:
            await self._store_request()
        ends = await self._with_timeout(self._send_each(message, to))
        replayed = [each.receipt.replayed for each in ends if each.receipt is not None]
        return _messages_response(
            [_result_json(each) for each in ends], replayed=bool(replayed) and all(replayed)
        )

    async def _build_message(self) -> Message:
        """Return the message; it goes nowhere, and has nobody go anywhere, where it must not."""
        body = self._body
        for url in body.fetched_urls:
            if url != body.callback_url:
                await self._gateway.url_guard.require_public_media(url)
        if body.callback_url:
            await self._gateway.url_guard.require_public(body.callback_url)
        return body.to_message(body.sender)

    async def _with_timeout(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for the sending as long as a client may wait. It goes on all the same, also if the client goes away."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        task = self._gateway.run_to_completion(_releasing(over, work))
        timer = self._gateway.send_timer
        timer.watch(over)
        try:
            await over
        finally:
            timer.discard(over)
        if not task.done():
            raise Problem("still_sending", PROBLEMS["still_sending"][1])
        return task.result()

    async def _schedule(
        self, message: Message, to: Sequence[tuple[Any, str]], recipient: str = ""
    ) -> list[EnqueueOutcome]:
        """Have it sent at its time, to each under its key."""
        at = await self._scheduled_time(to[0][1])
        await self._store_request(recipient, at, [key for _, key in to])
        gateway = self._gateway
        ends = await self._with_timeout(
            enqueue_scheduled(gateway.dispatcher, message, to, at=at, scope=self._tenant)
        )
        for end in ends:
            if not isinstance(end, errors.MessagingError) and not end.replayed:
                gateway.metrics.count_message(end.channel, "scheduled")
                if gateway.preview_store is not None:
                    gateway.preview_store.add(self._tenant, message, end, gateway.clock.now())
        return ends

    async def _scheduled_time(self, key: str) -> float:
        """Return when it is to be sent. A repetition may come when that is past.

        Raises:
            Problem: `invalid_send_at`.
        """
        gateway = self._gateway
        now, at = gateway.clock.now(), self._body.send_at.timestamp() if self._body.send_at else 0.0
        if now <= at <= now + gateway.settings.max_schedule_days * 86400:
            return at
        record = await gateway.dispatcher.get_message(idempotency_key=key, scope=self._tenant)
        if record is not None and record.expires > now:
            return at
        problem = "in_the_past" if at < now else "too_far_ahead"
        listed = {"errors": [{"pointer": "/sendAt", "problem": problem}]}
        raise Problem("invalid_send_at", f"/sendAt: {problem}", more=listed)

    async def _send_and_publish(self, work: Coroutine[Any, Any, Receipt], message: Message) -> Receipt:
        """Send, and make known what became of it."""
        try:
            receipt = await work
        except errors.SendFailed as failed:
            self._publish(failed.receipt, message)
            raise
        self._publish(receipt, message)
        return receipt

    def _publish(self, receipt: Receipt, message: Message) -> None:
        gateway = self._gateway
        gateway.metrics.count_message(receipt.channel, receipt.outcome)
        if gateway.preview_store is not None:
            gateway.preview_store.add(self._tenant, message, receipt, gateway.clock.now())
        if receipt.outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            at = receipt.attempts[-1].started_at if receipt.attempts else gateway.clock.now()
            call = self._key if self._body.callback_url else None
            told = (self._tenant, receipt.id, receipt.channel, receipt.status, receipt.outcome)
            events = events_of_message(*told, version=1, at=at, idempotency_key=call)
            gateway.event_log.append_soon(events, since=self._begun)

    async def _send_each(self, message: Message, to: Sequence[Address]) -> list[SendResult]:
        """Send to all; return what became of each, in the order of the addresses."""
        ends: dict[Address, SendResult] = {}
        given = self._gateway.dispatcher.send_each(
            message, to=list(dict.fromkeys(to)), idempotency_key=self._key, scope=self._tenant
        )
        async for each in given:
            ends[each.to] = each
            if each.receipt is not None:
                self._publish(each.receipt, message)
        return [ends[address] for address in dict.fromkeys(to)]

    async def _store_request(
        self, recipient: str = "", at: float = 0.0, message_keys: Sequence[str] = ()
    ) -> None:
        """Keep what the ledger does not: where to report, when to send, and what a key stands for beyond one message.

        Raises:
            Problem: `idempotency_key_reused`.
        """
        gateway, body, key = self._gateway, self._body, self._key or ""
        if body.callback_url:
            await callback_secret(gateway.store, self._tenant)
        find = gateway.dispatcher.get_message
        record = (
            await find(idempotency_key=self._client_key, scope=self._tenant) if self._client_key else None
        )
        now = gateway.clock.now()
        told = idempotency.fingerprint(self._channel, recipient, body)
        promise = idempotency.IdempotentRequest(
            self._tenant, key, told, body.callback_url, max(now, at), message_keys
        )
        taken = record is not None and record.expires > now
        await idempotency.store_request(gateway.store, promise, now, key_in_ledger=taken)


async def _releasing(over: asyncio.Future[None], work: Coroutine[Any, Any, Result]) -> Result:
    """Do some work; who waits for it hears of its end in the same turn of the loop, not in the one after."""
    try:
        return await work
    finally:
        _release(over)


def _release(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _require_address(channel: str, address: str) -> None:
    """Refuse the address of a call by the name of its field."""
    try:
        CHANNELS[channel].parse(address)
    except errors.InvalidAddress as error:
        raise Problem("invalid_address", f"/to: {error}") from None


def _parse_address(channel: str, address: str, pointer: str) -> Address:
    """Return one address of several; if it is none, nothing is sent to the others either."""
    try:
        return CHANNELS[channel].parse(address)
    except errors.InvalidAddress as error:
        listed = {"errors": [{"pointer": pointer, "problem": error.code}]}
        raise Problem("invalid_address", f"{pointer}: {error}", more=listed) from None


def _messages_response(messages: Sequence[Json], *, replayed: bool) -> Response:
    return json_response(
        {"messages": messages}, headers={"idempotent-replayed": "true"} if replayed else None
    )


def _receipt_json(receipt: Receipt) -> Json:
    """Return the element of the answer. The status is what the provider answered, the same however often the call is repeated."""
    attempt, _ = deciding_attempt(receipt.attempts)
    status = attempt.result.status if attempt and attempt.result else receipt.status
    return {**receipt.as_dict(), "status": status.as_dict()}


def _queued_json(outcome: EnqueueOutcome, to: Address | None = None) -> Json:
    """Return the element of a message that waits for its time: the same, however often the call is repeated."""
    if not isinstance(outcome, errors.MessagingError):
        return {**outcome.as_dict(), "status": statuses.PENDING_QUEUED.as_dict()}
    return {
        "messageId": "",
        "status": statuses.REJECTED_PLATFORM.as_dict(),
        "destination": to.plain if to else "",
        **_error_json(outcome),
    }


def _error_json(error: errors.MessagingError) -> Json:
    problem = problem_of(error)
    return {"error": {"code": problem.code, "title": problem.title, "detail": problem.detail}}


def _result_json(result: SendResult) -> Json:
    """Return the element of one recipient of several: also of one to whom nothing was sent."""
    refused = _error_json(result.error) if result.error is not None else {}
    if result.receipt is not None:
        return {**_receipt_json(result.receipt), **refused}
    return {
        "messageId": "",
        "status": statuses.REJECTED_PLATFORM.as_dict(),
        "destination": result.to.plain,
        **refused,
    }
