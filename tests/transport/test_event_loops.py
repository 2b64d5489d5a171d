"""One asynchronous dispatcher in several event loops, and where there is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import pytest
import trio
from faults.harness import CLIENTS, TO, JsonProvider, VendorServer

from messaging_channels import AsyncDispatcher, ConfigurationError, Dispatcher, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._transport.settings import HttpSettings

if TYPE_CHECKING:
    from loopback import Peer


def _in_a_thread(run: Callable[[], Any]) -> Any:
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(run()))
    thread.start()
    thread.join(60)
    return done[0]


RUNNERS: dict[str, Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]] = {
    "asyncio.run": lambda work: asyncio.run(work()),
    "anyio.run": anyio.run,
    "a thread of its own": lambda work: _in_a_thread(lambda: asyncio.run(work())),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("runner", RUNNERS)
def test_one_dispatcher_sends_from_one_loop_after_the_other(client: Any, runner: str) -> None:
    with VendorServer() as server:
        dispatcher = AsyncDispatcher([JsonProvider("first", server.url)], http=HttpSettings(client=client))

        async def send() -> str:
            return str((await dispatcher.send(Sms("hello"), to=TO)).outcome)

        outcomes = [RUNNERS[runner](send) for _ in range(3)]
        asyncio.run(dispatcher.close())

    assert outcomes == ["accepted"] * 3
    assert len(server.taken) == 3


@pytest.mark.parametrize("client", CLIENTS)
def test_one_dispatcher_sends_from_several_loops_at_once(client: Any) -> None:
    ready = threading.Barrier(4, timeout=30)
    outcomes: list[str] = []
    with VendorServer() as server:
        dispatcher = AsyncDispatcher([JsonProvider("first", server.url)], http=HttpSettings(client=client))

        async def send() -> None:
            await asyncio.to_thread(ready.wait)
            receipts = [await dispatcher.send(Sms("hello"), to=TO) for _ in range(5)]
            outcomes.extend(str(receipt.outcome) for receipt in receipts)

        threads = [threading.Thread(target=lambda: asyncio.run(send())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert outcomes == ["accepted"] * 20
    assert len(server.taken) == 20


@pytest.mark.parametrize("ledger", [None, "memory", "file"])
def test_a_key_given_in_one_loop_is_known_in_the_next(ledger: str | None, tmp_path: Path) -> None:
    kept = ledger and SqliteLedger(tmp_path / "ledger.sqlite3" if ledger == "file" else None, owned=True)
    with VendorServer() as server:
        dispatcher = AsyncDispatcher([JsonProvider("first", server.url)], ledger=kept or None)

        async def send() -> bool:
            return (await dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")).replayed

        replayed = [asyncio.run(send()) for _ in range(3)]
        asyncio.run(dispatcher.close())

    assert replayed == [False, True, True]
    assert len(server.taken) == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_a_loop_that_ends_leaves_no_connection_behind(client: Any) -> None:
    ended = threading.Event()

    def behave(server: VendorServer, peer: Peer) -> None:
        server.accept_all(peer)
        ended.set()

    with VendorServer(behave) as server:
        http = HttpSettings(client=client, keepalive_expiry=600.0)
        dispatcher = AsyncDispatcher([JsonProvider("first", server.url)], http=http)

        async def send() -> None:
            await dispatcher.send(Sms("hello"), to=TO)

        asyncio.run(send())

        assert ended.wait(20)


def test_under_trio_it_says_that_nothing_was_sent_and_the_other_one_works() -> None:
    with VendorServer() as server:
        provider = JsonProvider("first", server.url)
        dispatcher = AsyncDispatcher([provider])

        async def send() -> None:
            await dispatcher.send(Sms("hello"), to=TO)

        with pytest.raises(ConfigurationError, match="trio"):
            trio.run(send)
        with pytest.raises(ConfigurationError, match="Nothing was sent"):
            anyio.run(send, backend="trio")
        assert server.taken == []

        async def send_in_a_thread() -> str:
            with Dispatcher([provider]) as other:
                receipt = await trio.to_thread.run_sync(lambda: other.send(Sms("hello"), to=TO))
                return str(receipt.outcome)

        assert trio.run(send_in_a_thread) == "accepted"


def test_a_closed_dispatcher_has_certainly_sent_nothing() -> None:
    with VendorServer() as server:
        dispatcher = Dispatcher([JsonProvider("first", server.url)])
        dispatcher.close()
        with pytest.raises(RuntimeError, match="closed"):
            dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")

    assert server.taken == []
