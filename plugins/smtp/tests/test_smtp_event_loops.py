"""One asynchronous dispatcher sends mails from several event loops, and no name server holds it up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import anyio.from_thread
import pytest

from messaging_channels import AsyncDispatcher, Dispatcher, Email
from messaging_channels.errors import NotSent
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.emulator import SmtpEmulator

MAIL, TO = Email("Hello", "text", sender="us@example.com"), "zoe@example.com"


def _in_a_thread(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(asyncio.run(work())))
    thread.start()
    thread.join(60)
    return told[0]


def _from_a_thread(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """As `async_to_sync` does: from a thread of a loop, in a loop of its own."""

    async def outer() -> Any:
        return await asyncio.to_thread(lambda: asyncio.run(work()))

    return asyncio.run(outer())


def _through_a_portal(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with anyio.from_thread.start_blocking_portal() as portal:
        return portal.call(work)


RUNNERS: dict[str, Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]] = {
    "asyncio.run": lambda work: asyncio.run(work()),
    "anyio.run": anyio.run,
    "a thread": _in_a_thread,
    "from a thread of a loop": _from_a_thread,
    "a portal": _through_a_portal,
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_mails_go_out_from_one_loop_after_the_other(runner: str) -> None:
    with SmtpEmulator() as server:
        dispatcher = AsyncDispatcher([Smtp(host="127.0.0.1", port=server.port, tls="none")])

        async def send() -> str:
            told = await asyncio.gather(*(dispatcher.send(MAIL, to=TO) for _ in range(3)))
            return " ".join(sorted({str(one.outcome) for one in told}))

        outcomes = [RUNNERS[runner](send) for _ in range(3)]
        asyncio.run(dispatcher.close())

        assert outcomes == ["accepted"] * 3
        assert len(server.mails) == 9


def test_mails_go_out_from_several_loops_at_once() -> None:
    ready, outcomes = threading.Barrier(4, timeout=30), list[str]()
    with SmtpEmulator() as server:
        dispatcher = AsyncDispatcher([Smtp(host="127.0.0.1", port=server.port, tls="none", pool_size=2)])

        async def send() -> None:
            await asyncio.to_thread(ready.wait)
            for _ in range(2):
                told = await asyncio.gather(*(dispatcher.send(MAIL, to=TO) for _ in range(5)))
                outcomes.extend(str(one.outcome) for one in told)

        threads = [threading.Thread(target=lambda: asyncio.run(send())) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)

        assert outcomes == ["accepted"] * 40
        assert len(server.mails) == 40


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name that the system does not find out about until the test is over."""
    is_over = threading.Event()

    def answer(*_: Any, **__: Any) -> Any:
        is_over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    yield "silent.example.com"
    is_over.set()


def test_a_silent_name_server_is_waited_for_until_the_time_out(silent: str) -> None:
    smtp = Smtp(host=silent, port=25, tls="none", timeout=0.3)
    with Dispatcher([smtp]) as dispatcher, pytest.raises(NotSent, match="unreachable"):
        dispatcher.send(MAIL, to=TO)

    async def send() -> None:
        async with AsyncDispatcher([smtp]) as dispatcher:
            await dispatcher.send(MAIL, to=TO)

    with pytest.raises(NotSent, match="unreachable"):
        asyncio.run(send())
