"""Several gateways on one PostgreSQL: any of them answers, and one that dies takes nothing with it."""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from gateway_nodes import Node, Receiver, url_of
from trials import scaled

from messaging_channels_gateway.auth.api_keys import ApiKeys
from messaging_channels_gateway.store.postgres import PostgresStore
from messaging_channels_gateway.store.sqlite import Store

MESSAGES, DEATHS = scaled(2_000), scaled(20)
NODES, IN_FLIGHT = 3, 12


class Nodes:
    """Three gateways, of which a call reaches the next one in turn."""

    def __init__(self, home: Path, database: str, hooks: Receiver) -> None:
        allowed = {"MESSAGING_CHANNELS_GATEWAY_ALLOWED_CALLBACK_HOSTS": hooks.host}
        self.nodes = [Node(home, database, **allowed) for _ in range(NODES)]
        self.key = self.nodes[0].command("keys", "create", "--name", "test")
        self._turns = itertools.cycle(self.nodes)
        self._client = httpx.Client(headers={"x-api-key": self.key}, timeout=20)

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        for node in self.nodes:
            node.kill()

    def ask(self, method: str, path: str, node: Node | None = None, **call: Any) -> httpx.Response:
        return self._client.request(method, f"{(node or next(self._turns)).url}{path}", **call)

    def sms(self, number: int, node: Node | None = None) -> httpx.Response:
        body = {"to": "447700900100", "content": {"text": f"message {number}"}}
        headers = {"idempotency-key": f"order-{number}"}
        return self.ask("POST", "/v1/apps/message/sms", node, json=body, headers=headers)

    def until_sent(self, number: int) -> dict[str, Any]:
        """Send it, by whichever node answers, again and again with the same key; return what it was told."""
        for _ in range(600):
            with suppress(httpx.TransportError):
                answer = self.sms(number)
                if answer.status_code == 200:
                    return dict(answer.json()["messages"][0])
                assert answer.status_code in (409, 500, 503), answer.text
            time.sleep(0.05)
        raise AssertionError(number)

    def events(self, node: Node, wanted: set[str], seconds: float = 60) -> list[str]:
        """Read one node's stream from the beginning, until it told of these messages; return what it told of, in order."""
        found: list[str] = []
        end = time.monotonic() + seconds
        headers = {"x-api-key": self.key, "last-event-id": "0"}
        timeout = httpx.Timeout(seconds, read=seconds)
        with httpx.stream("GET", f"{node.url}/v1/events", headers=headers, timeout=timeout) as stream:
            for line in stream.iter_lines():
                told = json.loads(line[5:]) if line.startswith("data:") else {}
                if told.get("type") == "sms.message.sent":
                    found.append(told["data"]["messageId"])
                if wanted <= set(found) or time.monotonic() > end:
                    return found
        return found


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def nodes(tmp_path: Path, postgres: str, hooks: Receiver) -> Iterator[Nodes]:
    with Nodes(tmp_path / "home", url_of(postgres), hooks) as running:
        yield running


def _sent(home: Path) -> list[tuple[str, str]]:
    """What the sandbox was given: our id and the text."""
    with sqlite3.connect(home / "sandbox.sqlite3") as sandbox:
        rows = sandbox.execute("SELECT id, content FROM message").fetchall()
    sandbox.close()
    return [(key, json.loads(content)["text"]) for key, content in rows]


@pytest.mark.trial
@pytest.mark.timeout(1800)
def test_whichever_node_dies_nothing_is_lost_or_doubled_and_each_gives_the_same_answer(
    nodes: Nodes, hooks: Receiver, tmp_path: Path
) -> None:
    assert nodes.ask("POST", "/v1/webhook-endpoints", json={"url": hooks.url}).status_code == 201
    chance = random.Random()

    def killing() -> None:
        for _ in range(DEATHS):
            time.sleep(chance.uniform(0.3, 1.5))
            victim = chance.choice(nodes.nodes)
            victim.kill()
            victim.start()
            victim.wait()

    with ThreadPoolExecutor(IN_FLIGHT + 1) as pool:
        deaths = pool.submit(killing)
        told = dict(zip(range(MESSAGES), pool.map(nodes.until_sent, range(MESSAGES)), strict=True))
        deaths.result()

    ids = {one["messageId"] for one in told.values()}
    unknown = {one["messageId"] for one in told.values() if one["status"]["name"] == "PENDING_UNKNOWN"}
    sent = _sent(tmp_path / "home")
    assert max(Counter(text for _, text in sent).values()) == 1, "a message was sent twice"
    assert {key for key, _ in sent} >= ids - unknown, "a message that was accepted is lost"
    assert {key for key, _ in sent} <= ids
    for number in random.Random(1).sample(range(MESSAGES), min(MESSAGES, 50)):
        answers = [nodes.sms(number, node) for node in nodes.nodes]
        assert {answer.headers["idempotent-replayed"] for answer in answers} == {"true"}
        assert {answer.json()["messages"][0]["messageId"] for answer in answers} == {
            told[number]["messageId"]
        }
        assert len({answer.content for answer in answers}) == 1
    expected = ids - unknown
    for node in nodes.nodes:
        streamed = nodes.events(node, expected)
        assert len(streamed) == len(set(streamed)), "an event was told twice"
        assert set(streamed) >= expected

    def heard() -> set[str]:
        kinds = (body for _, _, body in hooks.calls if body["type"] == "sms.message.sent")
        return {body["data"]["messageId"] for body in kinds}

    assert hooks.until(lambda: heard() >= expected, 90)


def test_what_one_node_is_told_every_node_knows(nodes: Nodes, hooks: Receiver) -> None:
    first, second, third = nodes.nodes
    endpoint = nodes.ask("POST", "/v1/webhook-endpoints", first, json={"url": hooks.url}).json()["id"]
    shown = nodes.ask("GET", "/v1/webhook-endpoints", second).json()["endpoints"]
    assert [one["id"] for one in shown] == [endpoint]
    person = {"channel": {"sms": "447700900101"}}
    assert nodes.ask("PUT", "/v1/users/mary", second, json=person).status_code == 201
    body = {"content": {"text": "hello"}}
    answer = nodes.ask("POST", "/v1/users/mary/message/sms", third, json=body)
    message = answer.json()["messages"][0]["messageId"]
    assert nodes.events(first, {message}) == [message]
    assert hooks.until(lambda: any(body["type"] == "sms.message.delivered" for _, _, body in hooks.calls))
    heard = [name for _, name, _ in hooks.calls]
    assert len(heard) == len(set(heard)), "two nodes made the same delivery"
    later = {**body, "to": "447700900102", "sendAt": "2999-01-01T00:00:00Z"}
    assert nodes.ask("POST", "/v1/apps/message/sms", first, json=later).json()["code"] == "invalid_send_at"
    reused = {"json": {**body, "to": "447700900103"}, "headers": {"idempotency-key": "order-1"}}
    nodes.until_sent(1)
    assert (
        nodes.ask("POST", "/v1/apps/message/sms", second, **reused).json()["code"] == "idempotency_key_reused"
    )


def test_what_a_gateway_kept_in_its_file_is_taken_over_into_postgresql(tmp_path: Path, postgres: str) -> None:
    file = tmp_path / "gateway.sqlite3"
    store = Store(file)
    keys = ApiKeys(store, time.time)
    made = [keys.create(name, tenant="acme") for name in ("shop", "till")]
    insert = "INSERT INTO messaging_channels_gateway_event (id, tenant, name, at, data) VALUES (?, 'acme', 'x', 1.5, '{}')"
    store.run_transaction(lambda database: [database.execute(insert, (f"e{number}",)) for number in range(3)])
    store.close()
    with ExitStack() as stack:
        for _ in range(2):  # the second one finds the tables there, and takes nothing over
            moved = PostgresStore(postgres, imported=file)
            stack.callback(moved.close)
            assert [ApiKeys(moved, time.time).authenticate([key]).tenant for key in made] == ["acme", "acme"]
            asked = "SELECT id, at FROM messaging_channels_gateway_event ORDER BY seq"
            assert moved.read(asked) == [("e0", 1.5), ("e1", 1.5), ("e2", 1.5)]
        moved.run_transaction(lambda database: database.execute(insert, ("e3",)))
        assert moved.read("SELECT max(seq) FROM messaging_channels_gateway_event") == [(4,)]
