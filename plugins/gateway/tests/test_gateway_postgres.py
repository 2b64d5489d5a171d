"""The gateway on a ledger in PostgreSQL: sending, finding, listing and scheduling, as on a file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from messaging_channels import PostgresLedger

KEYS = "a key of these tests alone"


@pytest.fixture
def url(postgres: str) -> str:
    """The URL of an empty database."""
    where = conninfo_to_dict(postgres)
    return f"postgresql://{where['user']}@{where['host']}:{where['port']}/{where['dbname']}"


@pytest.fixture
def served(serve: Any, url: str, clock: Any) -> Any:
    return serve(settings={"ledger": {"url": url, "keys": KEYS}}, clock=clock, poll_interval=0.05)


def test_a_message_is_sent_found_and_followed_to_its_end(served: Any) -> None:
    assert isinstance(served.gateway.ledger, PostgresLedger)
    answer = served.sms(headers={"idempotency-key": "k"})
    message_id = answer.json()["messages"][0]["messageId"]
    shown = served.until(message_id, "DELIVERED")
    assert (shown["outcome"], shown["idempotencyKey"]) == ("accepted", "k")
    assert [one["provider"] for one in shown["attempts"]] == ["sandbox"]
    assert served.told(message_id, "sent", "delivered") == ["sms.message.sent", "sms.message.delivered"]
    again = served.sms(headers={"idempotency-key": "k"})
    assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
    other = served.sms(text="other", headers={"idempotency-key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert served.of_tenant().get(f"/v1/messages/{message_id}").status_code == 404


def test_many_calls_at_once_are_all_sent_once(served: Any) -> None:
    def call(number: int) -> Any:
        return served.sms(text=f"{number % 20}", headers={"idempotency-key": f"k{number % 20}"})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(100)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(served.client.get("/v1/messages").json()["messages"]) == 20


def test_lists_are_paged_and_filtered(served: Any, clock: Any) -> None:
    accepted = [served.sms().json()["messages"][0]["messageId"] for _ in range(5)]
    body = {"to": "user@example.com", "content": {"subject": "s", "text": "x"}}
    mail = served.client.post("/v1/apps/message/email", json=body).json()["messages"][0]["messageId"]
    refused = served.sms(to="447700900001").json()["messages"][0]["messageId"]
    middle = clock.now()
    clock.ahead += 1000
    last = served.sms().json()["messages"][0]["messageId"]

    def listed(**query: Any) -> list[str]:
        page = served.client.get("/v1/messages", params=query).json()
        return [one["messageId"] for one in page["messages"]]

    everything = [last, refused, mail, *reversed(accepted)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while query.get("cursor", "") is not None:
        page = served.client.get("/v1/messages", params=query).json()
        seen += [one["messageId"] for one in page["messages"]]
        query["cursor"] = page["next"]
    assert seen == listed() == everything
    assert listed(channel="email") == [mail]
    assert listed(status="REJECTED") == [refused]
    assert listed(since=middle) == [last]
    assert listed(until=middle, channel="sms", status="REJECTED") == [refused]
    for message_id in accepted:
        served.until(message_id, "DELIVERED")
    assert set(accepted) <= set(listed(status="DELIVERED"))


def test_a_message_waits_for_its_time_or_is_cancelled(served: Any, clock: Any) -> None:
    at = datetime.fromtimestamp(clock.now() + 3600, UTC).isoformat()
    kept = [
        one["messageId"]
        for one in served.sms(to=["447700900100", "447700900101"], sendAt=at).json()["messages"]
    ]
    cancelled = served.sms(sendAt=at).json()["messages"][0]["messageId"]
    shown = served.client.delete(f"/v1/messages/{cancelled}").json()
    assert (shown["status"]["name"], shown["attempts"]) == ("REJECTED_CANCELLED", [])
    assert served.client.get(f"/v1/messages/{kept[0]}").json()["status"]["name"] == "PENDING_QUEUED"
    clock.ahead += 3600
    for message_id in kept:
        served.until(message_id, "DELIVERED")
        served.told(message_id, "sent", "delivered")
    assert served.client.delete(f"/v1/messages/{kept[0]}").json()["code"] == "not_cancellable"
    assert len(served.shown()) == 3


def test_a_process_after_another_one_finds_what_waits(serve: Any, url: str, clock: Any) -> None:
    first = serve(settings={"ledger": {"url": url, "keys": KEYS}}, clock=clock, poll_interval=0.05)
    at = datetime.fromtimestamp(clock.now() + 3600, UTC).isoformat()
    message_id = first.sms(sendAt=at).json()["messages"][0]["messageId"]
    first.stop()
    clock.ahead += 3600
    served = serve(settings={"ledger": {"url": url, "keys": KEYS}}, clock=clock, poll_interval=0.05)
    assert served.until(message_id, "DELIVERED")["sendAt"] is not None
