"""Requests that carry several messages, by the Infobip plugin: what is said of one says nothing of another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from faults import outcomes_page
from faults.harness import CLIENTS, MODES, InstantClock, VendorServer, http
from loopback import Peer

from messaging_channels import AsyncDispatcher, Dispatcher, Route, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import Timeouts
from messaging_channels.policies.routing import RetryPolicy
from messaging_channels_infobip import Infobip

pytestmark = pytest.mark.slow

PAGE = outcomes_page.cases()
NUMBERS = [f"4477009001{number:02}" for number in range(4)]
REFUSED, FORGOTTEN = NUMBERS[1], NUMBERS[2]
Answer: TypeAlias = Callable[["BatchServer", Peer, list[tuple[str, str]]], None]


class BatchServer(VendorServer):
    """Speaks as much of Infobip's protocol as it takes, and counts by number what it took."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(lambda _, peer: self._speak(peer))
        self._answer = answer
        self.batches: list[list[str]] = []

    def _speak(self, peer: Peer) -> None:
        while request := peer.read_request():
            body = json.loads(request.partition(b"\r\n\r\n")[2])
            asked = [
                (one["to"], one["messageId"]) for each in body["messages"] for one in each["destinations"]
            ]
            self.batches.append([number for number, _ in asked])
            self._answer(self, peer, asked)


def _element(key: str, group: int, number: int) -> dict[str, Any]:
    words = {"groupName": "GROUP", "name": "NAME", "description": "words"}
    return {"messageId": key, "status": {"groupId": group, "id": number, **words}}


def _some(server: BatchServer, peer: Peer, asked: list[tuple[str, str]]) -> None:
    """Refuse one, forget to mention one that was taken, and name the others in the wrong order."""
    server.taken += [number for number, _ in asked if number != REFUSED]
    told = [
        _element(key, *((5, 52) if number == REFUSED else (1, 26)))
        for number, key in asked
        if number != FORGOTTEN
    ]
    peer.answer(http(200, json.dumps({"messages": told[::-1]})))


def _all_or_nothing(server: BatchServer, peer: Peer, asked: list[tuple[str, str]]) -> None:
    """Refuse a request in which one is bad."""
    if any(number == REFUSED for number, _ in asked):
        return peer.answer(http(400, '{"errorCode": "E400"}'))
    server.taken += [number for number, _ in asked]
    return peer.answer(http(200, json.dumps({"messages": [_element(key, 1, 26) for _, key in asked]})))


def _cut_off(server: BatchServer, peer: Peer, asked: list[tuple[str, str]]) -> None:
    """Take them all, and answer half a body."""
    server.taken += [number for number, _ in asked]
    peer.answer(http(200, json.dumps({"messages": [_element(key, 1, 26) for _, key in asked]}))[:-20])
    peer.connection.close()


def _page(content: bytes) -> Answer:
    def answer(server: BatchServer, peer: Peer, asked: list[tuple[str, str]]) -> None:
        server.taken += [number for number, _ in asked]
        peer.answer(content)

    return answer


def _sent(mode: str, client: Any, answer: Answer) -> tuple[BatchServer, dict[str, list[str]]]:
    """Send to all numbers in one batch; return for each the reasons of its attempts. Another provider stands ready, and each has two attempts."""
    with BatchServer(answer) as first, BatchServer(_some) as second:
        other = Infobip(base_url=second.url, api_key="key", sender="Shop")
        other.name = "second"  # type: ignore[misc]
        providers: list[Any] = [Infobip(base_url=first.url, api_key="key", sender="Shop"), other]
        options: dict[str, Any] = {
            "routes": {"sms": Route("infobip", "second", retry=RetryPolicy(max_attempts=2))},
            "http": HttpSettings(client=client, timeouts=Timeouts(5, 5, 5)),
            "clock": InstantClock(),
        }

        async def run() -> list[Any]:
            async with AsyncDispatcher(providers, **options) as dispatcher:
                return [each async for each in dispatcher.send_each(Sms("hello"), to=NUMBERS)]

        if mode == "async":
            ends = asyncio.run(run())
        else:
            with Dispatcher(providers, **options) as dispatcher:
                ends = list(dispatcher.send_each(Sms("hello"), to=NUMBERS))
        assert second.batches == []
    return first, {each.to: [attempt.result.reason for attempt in each.receipt.attempts] for each in ends}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    if request.param == "pyreqwest":
        pytest.importorskip("pyreqwest")
    return str(request.param)


@pytest.mark.parametrize("mode", MODES)
def test_each_message_of_a_partial_answer_ends_by_itself(mode: str, client: str) -> None:
    server, ends = _sent(mode, client, _some)
    expected = {key: [PAGE["a batch: named and accepted"].reason] for key in NUMBERS}
    expected[REFUSED] = [PAGE["a batch: named and refused"].reason]
    expected[FORGOTTEN] = [PAGE["a batch: not named in the answer"].reason]

    assert ends == expected
    assert server.batches == [NUMBERS]
    assert server.taken == [number for number in NUMBERS if number != REFUSED]


@pytest.mark.parametrize("mode", MODES)
def test_a_request_refused_as_a_whole_is_sent_without_the_bad_one(mode: str, client: str) -> None:
    server, ends = _sent(mode, client, _all_or_nothing)
    row = PAGE["a batch: refused as a whole"]

    assert ends == {number: [row.reason if number == REFUSED else "accepted"] for number in NUMBERS}
    assert row.again
    assert server.batches == [NUMBERS, NUMBERS[:2], NUMBERS[:1], NUMBERS[1:2], NUMBERS[2:]]
    assert sorted(server.taken) == [number for number in NUMBERS if number != REFUSED]


@pytest.mark.parametrize("mode", MODES)
def test_a_request_whose_answer_is_lost_leaves_all_of_it_unknown_and_is_not_split(
    mode: str, client: str
) -> None:
    server, ends = _sent(mode, client, _cut_off)

    assert ends == {key: [PAGE["a batch: cut off or unanswered"].reason] for key in NUMBERS}
    assert (server.batches, server.taken) == ([NUMBERS], NUMBERS)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("an unreadable 2xx", http(200, "<html>")),
        ("500, 502, 503 and other 5xx", http(500, '{"errorCode": "E500"}')),
    ],
)
def test_an_answer_that_names_nobody_is_of_everybody(
    name: str, content: bytes, mode: str, client: str
) -> None:
    server, ends = _sent(mode, client, _page(content))

    assert ends == {key: [PAGE[name].reason] for key in NUMBERS}
    assert (server.batches, server.taken) == ([NUMBERS], NUMBERS)
