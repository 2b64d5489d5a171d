"""Webhook endpoints that hang, break and come back: they delay nobody else, and miss nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore
import pytest
from gateway_nodes import Receiver

from messaging_channels_gateway.auth.url_guard import GuardedBackend, UrlGuard
from messaging_channels_gateway.events import targets
from messaging_channels_gateway.events.deliveries import WebhookDeliveries
from messaging_channels_gateway.events.event_log import EventLog, GatewayEvent
from messaging_channels_gateway.events.standard_webhooks import new_secret
from messaging_channels_gateway.store.sqlite import Store


@dataclass
class Desk:
    """Deliveries on a store of their own, at a time that a test moves."""

    path: Path
    hosts: Sequence[str]
    now: float = 1e9
    store: Store = field(init=False)
    deliveries: WebhookDeliveries = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.path / "gateway.sqlite3")
        self.events = EventLog(self.store)
        guard = UrlGuard(frozenset(self.hosts))
        self.deliveries = WebhookDeliveries(self.store, self.events, guard, lambda: self.now)

    def endpoint(self, name: str, tenant: str, url: str) -> None:
        insert = (
            "INSERT INTO messaging_channels_gateway_endpoint (id, tenant, url, events, secret, created)"
            " VALUES (?, ?, ?, '*', ?, 0)"
        )
        self.store.run_transaction(
            lambda database: database.execute(insert, (name, tenant, url, new_secret()))
        )

    async def tell(self, tenant: str, *names: str) -> None:
        await self.events.append(
            [GatewayEvent(name, tenant, "sms.message.sent", self.now, {}) for name in names]
        )

    def states(self) -> dict[str, str]:
        asked = "SELECT event_id, state FROM messaging_channels_gateway_delivery"
        return dict(self.store.read(asked))  # type: ignore[arg-type]

    async def drain(self) -> None:
        while await self.deliveries.deliver_due():
            pass

    def run(self, steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def all_steps() -> None:
            try:
                await steps()
            finally:
                await self.deliveries.close()

        asyncio.run(all_steps())
        self.store.close()


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set when what hangs may go on."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("kind", ["endpoint", "callback"])
def test_one_that_hangs_delays_no_other_tenant(kind: str, serve: Any, over: threading.Event) -> None:
    def hang(path: str) -> int:
        return 204 if path.startswith("/other") else over.wait(60) or 204

    with Receiver(hang) as hooks:
        settings = {"allowed_callback_hosts": [hooks.host], "key_rate_limit": 10_000.0}
        served = serve(**settings, rate_limit_burst=10_000)
        other = served.of_tenant("other")
        assert (
            other.post("/v1/webhook-endpoints", json={"url": f"http://{hooks.host}/other"}).status_code == 201
        )
        if kind == "endpoint":
            served.client.post("/v1/webhook-endpoints", json={"url": f"http://{hooks.host}/hang"})
        for number in range(60):  # each call has a callback URL of its own
            url = {"callbackUrl": f"http://{hooks.host}/hang/{number}"} if kind == "callback" else {}
            assert served.sms(**url).status_code == 200
        body = {"to": "447700900100", "content": {"text": "hello"}}
        message = other.post("/v1/apps/message/sms", json=body).json()["messages"][0]["messageId"]
        assert hooks.until(lambda: any(path == "/other" for path, *_ in hooks.calls))
        assert not over.is_set(), "it came only when the other one went on"
        assert {told["data"]["messageId"] for _, _, told in hooks.calls} == {message}
        over.set()


def test_no_more_calls_are_under_way_to_one_target_than_its_bound(tmp_path: Path) -> None:
    busy, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(targets.MAX_PER_TARGET)

    def answer(_: str) -> int:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        full.wait(20)
        with lock:
            busy -= 1
        return 204

    with Receiver(answer) as hooks:
        desk = Desk(tmp_path, [hooks.host])
        desk.endpoint("e", "shop", hooks.url)

        async def steps() -> None:
            await desk.tell("shop", *map(str, range(2 * targets.MAX_PER_TARGET)))
            await desk.drain()

        desk.run(steps)
    assert most == targets.MAX_PER_TARGET


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_after_an_outage_all_that_waited_is_delivered_at_once_and_in_the_meantime_it_is_only_probed(
    status: int, tmp_path: Path
) -> None:
    is_down = True
    with Receiver(lambda _: status if is_down else 204) as hooks:
        desk = Desk(tmp_path, [hooks.host])
        desk.endpoint("e", "shop", hooks.url)
        names = [f"n{number}" for number in range(40)]

        async def steps() -> None:
            nonlocal is_down
            await desk.tell("shop", *names)
            await desk.drain()
            begun = len(hooks.calls)
            assert begun <= targets.OPEN_AFTER + targets.MAX_PER_TARGET
            for _ in range(6):  # an hour of outage
                desk.now += 600
                await desk.drain()
            assert 3 <= len(hooks.calls) - begun <= 7
            is_down = False
            desk.now += 600
            await desk.drain()

        desk.run(steps)
        assert {name for _, name, _ in hooks.calls[-40:]} == set(names)
    assert len(hooks.calls) < 40 + 20


def test_one_notice_that_is_refused_holds_up_no_other_and_opens_no_circuit(tmp_path: Path) -> None:
    with Receiver() as hooks, Receiver(lambda _: 422) as refusing:
        desk = Desk(tmp_path, [hooks.host, refusing.host])
        desk.endpoint("e", "shop", refusing.url)

        async def steps() -> None:
            await desk.tell("shop", *map(str, range(30)))
            await desk.drain()

        desk.run(steps)
    assert len(refusing.calls) == 30


def test_what_waits_can_be_retried_at_once_although_the_circuit_is_open(serve: Any) -> None:
    is_down = True
    with Receiver(lambda _: 500 if is_down else 204) as hooks:
        served = serve(allowed_callback_hosts=[hooks.host])
        endpoint = served.client.post("/v1/webhook-endpoints", json={"url": hooks.url}).json()["id"]
        sent = {served.sms().json()["messages"][0]["messageId"] for _ in range(8)}
        assert hooks.until(lambda: len(hooks.calls) >= targets.OPEN_AFTER)
        is_down = False
        asked = {"state": "waiting"}
        waiting = served.client.get("/v1/webhook-deliveries", params=asked).json()["deliveries"]
        assert served.client.post(f"/v1/webhook-deliveries/{waiting[0]['id']}/retry").status_code == 202
        answer = served.client.post(f"/v1/webhook-endpoints/{endpoint}/retry")
        assert answer.status_code == 202
        assert answer.json()["id"] == endpoint

        def taken() -> set[str]:
            bodies = (body for *_, body in hooks.calls[targets.OPEN_AFTER :])
            return {body["data"]["messageId"] for body in bodies if body["type"] == "sms.message.sent"}

        assert hooks.until(lambda: taken() >= sent)
        assert served.client.post("/v1/webhook-endpoints/ep_none/retry").status_code == 404
        assert served.of_tenant().post(f"/v1/webhook-endpoints/{endpoint}/retry").status_code == 404


def test_two_processes_make_each_delivery_once(tmp_path: Path) -> None:
    with Receiver() as hooks:
        desks = [Desk(tmp_path, [hooks.host]) for _ in range(2)]
        desks[0].endpoint("e", "shop", hooks.url)

        async def steps() -> None:
            await desks[0].tell("shop", *map(str, range(60)))
            await asyncio.gather(*(desk.drain() for desk in desks))
            await desks[1].deliveries.close()

        desks[0].run(steps)
        desks[1].store.close()
    assert sorted(int(name) for _, name, _ in hooks.calls) == list(range(60))


@pytest.mark.parametrize(
    "addresses", [["127.0.0.2", "127.0.0.1"], ["::1", "127.0.0.3", "127.0.0.1"], ["127.0.0.1"]]
)
def test_every_address_of_a_host_is_tried(addresses: Sequence[str]) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    with Receiver() as hooks:
        port = hooks.server.server_port
        guard = UrlGuard(frozenset({f"hooks.example.com:{port}"}), resolve)

        async def connect() -> None:
            stream = await GuardedBackend(guard).connect_tcp("hooks.example.com", port, 5.0)
            await stream.aclose()

        asyncio.run(connect())


def test_a_host_without_an_address_that_answers_is_a_failure() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.3"]

    async def connect() -> None:
        await GuardedBackend(UrlGuard(frozenset({"hooks.example.com:1"}), resolve)).connect_tcp(
            "hooks.example.com", 1, 5.0
        )

    with pytest.raises(httpcore.ConnectError):
        asyncio.run(connect())
