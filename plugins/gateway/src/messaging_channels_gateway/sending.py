"""The nine calls that send: three kinds of recipient, three channels, one way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from messaging_channels import errors
from messaging_channels.channels import BUILT_IN
from messaging_channels.outcomes import Kind
from messaging_channels.receipts import Receipt, deciding
from messaging_channels.recipients import Person, User
from messaging_channels.status import REJECTED_PLATFORM
from messaging_channels_gateway._table_problems import PROBLEMS
from messaging_channels_gateway.bodies import ADDRESSED, KNOWN, AnyBody, fitted
from messaging_channels_gateway.calls import answer, caller_of, gateway_of, id_in, idempotency_key, json_in
from messaging_channels_gateway.deliveries import callback_secret
from messaging_channels_gateway.events import of_message
from messaging_channels_gateway.problems import Problem, problem_of
from messaging_channels_gateway.recipients import InRealm
from messaging_channels_gateway.store import executed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels.addresses import Address
    from messaging_channels.bulk import Each
    from messaging_channels.messages import Message
    from messaging_channels_gateway.calls import Json
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.keys import Caller

_CHANNELS = {channel.name: channel for channel in BUILT_IN}
_LONGEST_SHARED = 200
"""Characters of a key that stand in the keys of several recipients' messages; see `bulk`."""


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
        self._key = key

    async def one(self, to: Any) -> Response:  # noqa: ANN401  an address, or somebody of the realm
        """Send to one recipient."""
        message = await self._message()
        await self._written_down(shared=False)
        receipt = await self._in_time(
            self._gateway.dispatcher.send(message, to=to, idempotency_key=self._key, scope=self._realm),
            message,
        )
        return _answered([_shown(receipt)], replayed=receipt.replayed)

    async def several(self, to: Sequence[Address]) -> Response:
        """Send to several addresses. What becomes of each stands in the answer, in their order."""
        message = await self._message()
        await self._written_down(shared=True)
        ends = await self._in_time(self._each(message, to), message)
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

    async def _in_time(self, work: Any, message: Message) -> Any:  # noqa: ANN401  of one or of several
        """Wait for the sending as long as a client may wait. It goes on all the same, also if the client goes away."""
        task = self._gateway.tracked(self._noted(work, message))
        done, _ = await asyncio.wait({task}, timeout=self._gateway.settings.send_seconds)
        if not done:
            raise Problem("still_sending", PROBLEMS["still_sending"][1])
        return task.result()

    async def _noted(self, work: Any, message: Message) -> Any:  # noqa: ANN401
        """Send, and make known what became of it."""
        try:
            result = await work
        except errors.SendFailed as failed:
            self._make_known(failed.receipt, message)
            raise
        for receipt in [result] if isinstance(result, Receipt) else [one.receipt for one in result]:
            if receipt is not None:
                self._make_known(receipt, message)
        return result

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
        return [ends[address] for address in dict.fromkeys(to)]

    async def _written_down(self, *, shared: bool) -> None:
        """Keep what the ledger does not: where to report, and what a key for several recipients stands for.

        Raises:
            Problem: `idempotency_key_reused`.
        """
        if not self._body.callback_url and not (shared and self._key):
            return
        if self._body.callback_url:
            await callback_secret(self._gateway.store, self._realm)
        self._key = self._key or f"auto-{token_hex(16)}"
        told = json.dumps([self._channel, self._body.model_dump(mode="json")], sort_keys=True)
        fingerprint = sha256(told.encode()).hexdigest()
        key = self._key[:_LONGEST_SHARED] if shared else self._key
        row = (self._realm, key, fingerprint, self._body.callback_url, self._gateway.clock.now())
        written = "INSERT INTO call VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING fingerprint"
        if await self._gateway.store.changed(executed(written, *row)):
            return
        asked = "SELECT fingerprint FROM call WHERE realm = ? AND idempotency_key = ?"
        if self._gateway.store.read(asked, self._realm, key) != [(fingerprint,)]:
            raise Problem("idempotency_key_reused", "use a new key for a new request")


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


def _told(each: Each) -> Json:
    """Return the element of one recipient of several: also of one to whom nothing was sent."""
    refused: Json = {}
    if each.error is not None:
        problem = problem_of(each.error)
        refused = {"error": {"code": problem.code, "title": problem.title, "detail": problem.detail}}
    if each.receipt is not None:
        return {**_shown(each.receipt), **refused}
    return {"messageId": "", "status": REJECTED_PLATFORM.as_dict(), "destination": each.to.plain, **refused}
