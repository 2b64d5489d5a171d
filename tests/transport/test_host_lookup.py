"""A name server that does not answer holds up no send for longer than its time-outs, and no event loop at its end."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from faults.harness import TO, InstantClock, JsonProvider, VendorServer, sent

from messaging_channels import AsyncDispatcher, NotSent, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins import resolve_host, resolve_host_async
from messaging_channels.plugins.exchange import Timeouts

NAME = "silent.example.com"
SHORT = Timeouts(connect=0.3, write=0.3, read=0.3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that were asked for. The system answers none below silent.example.com until the test is over."""
    names, is_over, look_up = list[str](), threading.Event(), socket.getaddrinfo

    def answer(host: Any, *given: Any, **more: Any) -> Any:
        if not str(host).endswith(NAME):
            return look_up(host, *given, **more)
        names.append(str(host))
        is_over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    yield names
    is_over.set()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_silent_name_server_is_waited_for_until_the_time_out(mode: str, asked: list[str]) -> None:
    providers = [JsonProvider("first", f"http://{NAME}")]
    receipt = sent(mode, providers, HttpSettings(client="httpx", timeouts=SHORT), clock=InstantClock())

    assert {one.result.reason for one in receipt.attempts if one.result} == {"not_sent.unreachable"}
    assert set(asked) == {NAME}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_deadline_of_the_caller_holds_for_the_name_too(mode: str, asked: list[str]) -> None:
    providers = [JsonProvider("first", f"http://{NAME}")]
    http = HttpSettings(client="httpx", timeouts=Timeouts(60, 60, 60))
    receipt = sent(mode, providers, http, timeout=0.3)  # a second attempt may begin in its last moment

    assert {one.result.reason for one in receipt.attempts if one.result} == {"not_sent.unreachable"}
    assert set(asked) == {NAME}


def test_many_sends_ask_for_one_name_once_at_a_time(asked: list[str]) -> None:
    async def send() -> list[BaseException | Any]:
        http = HttpSettings(client="httpx", timeouts=SHORT)
        async with AsyncDispatcher([JsonProvider("first", f"http://{NAME}")], http=http) as dispatcher:
            sends = [dispatcher.send(Sms("hello"), to=TO, timeout=0.5) for _ in range(20)]
            return await asyncio.gather(*sends, return_exceptions=True)

    told = asyncio.run(send())

    assert {type(one) for one in told} == {NotSent}
    assert asked == [NAME]


def test_a_host_of_several_addresses_is_reached_by_the_one_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with VendorServer() as server:
        port = int(server.url.rpartition(":")[2].strip("/"))
        closed = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", port)) for n in (9, 8)]
        found = [*closed, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        providers = [JsonProvider("first", f"http://several.example.com:{port}")]
        outcomes = [sent(mode, providers, HttpSettings(client="httpx")).outcome for mode in ("sync", "async")]

    assert outcomes == ["accepted", "accepted"]


def test_a_child_asks_anew_while_its_parent_still_waits(asked: list[str]) -> None:
    name = f"child.{NAME}"  # of its own: the look-up of an earlier test may end just now, with its error
    with pytest.raises(TimeoutError):
        resolve_host(name, 80, 0.1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resolve_host(name, 80, 0.1)
        except TimeoutError:
            os.write(write, str(len(asked)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 10) == b"2"


def test_an_address_is_no_name_and_what_is_none_is_told() -> None:
    assert resolve_host("127.0.0.1", 80, 0.0) == ["127.0.0.1"]
    assert resolve_host("::1", 80, 0.0) == ["::1"]
    with pytest.raises((OSError, UnicodeError)):
        asyncio.run(resolve_host_async(f"{'a' * 64}.example.com", 80, 30.0))
