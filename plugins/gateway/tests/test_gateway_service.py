"""The service around the calls: streams, limits, health, and what stands in the log."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

TO = {"to": "447700900100", "content": {"text": "marker-of-the-text"}}


def _events(client: httpx.Client, count: int, **headers: str) -> list[dict[str, Any]]:
    """Read so many events, each with the fields of its frame."""
    found: list[dict[str, Any]] = []
    with client.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        frame: dict[str, Any] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                frame[name] = value
            elif "data" in frame:
                found.append({**frame, "data": json.loads(frame["data"])})
                if len(found) == count:
                    return found
            frame = frame if line else {}
    raise AssertionError(found)


def test_the_stream_tells_of_what_becomes_of_messages_as_it_happens(served: Any) -> None:
    heard: list[dict[str, Any]] = []
    client = served.with_key(served.key)
    listening = threading.Thread(target=lambda: heard.extend(_events(client, 2)))
    listening.start()
    message = ""
    while listening.is_alive():  # the first of these is sent once the stream is open
        message = message or served.sms().json()["messages"][0]["messageId"]
        listening.join(0.05)
    assert [one["event"] for one in heard] == ["sms.message.sent", "sms.message.delivered"]
    assert {one["data"]["type"] for one in heard} == {"sms.message.sent", "sms.message.delivered"}


def test_a_reader_who_comes_back_misses_no_event_and_hears_none_twice(served: Any) -> None:
    ids = [served.sms().json()["messages"][0]["messageId"] for _ in range(3)]
    first = _events(served.client, 2, **{"last-event-id": "0"})
    rest = _events(served.client, 4, **{"last-event-id": first[-1]["id"]})
    names = [(one["data"]["data"]["messageId"], one["event"]) for one in [*first, *rest]]
    assert len(set(names)) == 6
    assert {message for message, _ in names} == set(ids)


def test_a_tenant_hears_only_of_its_own(served: Any) -> None:
    other = served.of_tenant()
    served.sms()
    message = other.post("/v1/apps/message/sms", json=TO).json()["messages"][0]["messageId"]
    (heard,) = _events(other, 1, **{"last-event-id": "0"})
    assert heard["data"]["data"]["messageId"] == message


@pytest.mark.parametrize("given", ["-1", "x", "1.5", "9" * 30, "\u0661"])
def test_a_place_in_the_stream_that_is_none_is_refused(served: Any, given: str) -> None:
    answer = served.client.get("/v1/events", headers={"last-event-id": given.encode()})
    assert answer.status_code == 400


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served: Any) -> None:
    url = httpx.URL(served.url)
    head = f"POST /v1/apps/message/sms HTTP/1.1\r\nhost: x\r\nx-api-key: {served.key}\r\n"
    head += "content-type: application/json\r\ncontent-length: 999999999\r\n\r\n"
    with socket.create_connection((url.host, url.port), 5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_that_grows_too_large_is_refused_on_the_way(served: Any) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    answer = served.client.post(
        "/v1/apps/message/sms", content=parts(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["-1", "x", "1e3"])
def test_a_length_that_is_none_is_refused(served: Any, length: str) -> None:
    assert _raw(
        served, f"POST /v1/apps/message/sms HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
    ).startswith(b"HTTP/1.1 400")


def _raw(served: Any, request: str) -> bytes:
    url = httpx.URL(served.url)
    with socket.create_connection((url.host, url.port), 10) as connection:
        connection.sendall(request.encode("latin-1"))
        return connection.recv(4096)


@pytest.mark.parametrize(
    "request_",
    [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + "x: " + "y" * 70000 + "\r\n\r\n",
        "POST /v1/apps/message/sms HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
    ],
)
def test_malformed_requests_are_refused_and_the_service_goes_on(served: Any, request_: str) -> None:
    answer = _raw(served, request_)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert served.client.get("/health").status_code == 200


_SEND = "POST /v1/apps/message/sms HTTP/1.1\r\n"
_BODY = json.dumps(TO)


def _send_head(served: Any, *lines: str) -> str:
    return "\r\n".join(
        [_SEND.strip(), f"x-api-key: {served.key}", "content-type: application/json", *lines, "", ""]
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: LENGTH"],
        ["host: x", "host: y", "content-length: LENGTH"],
        ["host: x", "transfer-encoding: gzip, chunked"],
        ["host: x", "transfer-encoding: chunked", "content-length: LENGTH"],
        ["host: x", "x: a", " folded", "content-length: LENGTH"],
        ["host : x", "content-length: LENGTH"],
        ["host: x", "content-length: +LENGTH"],
        ["host: x", "x: a\x7fb", "content-length: LENGTH"],
    ],
)
def test_a_head_that_may_be_read_in_two_ways_sends_nothing(served: Any, lines: list[str]) -> None:
    head = _send_head(served, *(line.replace("LENGTH", str(len(_BODY))) for line in lines))
    assert _raw(served, head + _BODY).startswith(b"HTTP/1.1 400")
    assert served.client.get("/v1/messages").json()["messages"] == []


def test_what_follows_a_body_is_no_header(served: Any) -> None:
    head = f"{_SEND}host: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    rest = f"{len(_BODY):x}\r\n{_BODY}\r\n0\r\nx-api-key: {served.key}\r\n\r\n"
    assert _raw(served, head + rest).startswith(b"HTTP/1.1 401")


def test_a_client_that_asks_for_another_version_of_http_is_answered_in_this_one(served: Any) -> None:
    asks = ["host: x", "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AA"]
    head = _send_head(served, *asks, f"content-length: {len(_BODY)}")
    assert _raw(served, head + _BODY + "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert len(served.client.get("/v1/messages").json()["messages"]) == 1


def test_a_connection_is_used_again_and_again(served: Any) -> None:
    answers = [served.client.get("/health", headers={"x": "y" * 9_000}).status_code for _ in range(9)]
    assert answers == [200] * 9


def test_a_large_body_and_the_beginning_of_the_next_head_may_come_in_one_piece(served: Any) -> None:
    url, large = httpx.URL(served.url), json.dumps({**TO, "content": {"text": "x" * 100, "y": "z" * 100_000}})
    head = _send_head(served, "host: x", f"content-length: {len(large)}")
    with socket.create_connection((url.host, url.port), 10) as connection:
        connection.sendall(f"{head}{large}GET /health HTTP/1.1\r\nho".encode())
        connection.sendall(b"st: x\r\nconnection: close\r\n\r\n")
        with connection.makefile("rb") as answers:
            found = answers.read()
    assert (found.count(b"HTTP/1.1 422"), found.count(b"HTTP/1.1 200")) == (1, 1)


def test_requests_one_behind_the_other_are_answered_in_their_order(served: Any) -> None:
    url, asked = httpx.URL(served.url), "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
    last = "GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with socket.create_connection((url.host, url.port), 10) as connection:
        connection.sendall((2 * asked + last).encode())
        with connection.makefile("rb") as answers:
            found = answers.read()
    assert [line[9:12] for line in found.split(b"\r\n") if line.startswith(b"HTTP/1.1")][:1] == [b"200"]
    assert (found.count(b"HTTP/1.1 200"), found.count(b"HTTP/1.1 404")) == (2, 1)


def test_a_slow_body_is_not_waited_for(served: Any) -> None:
    head = f"POST /v1/apps/message/sms HTTP/1.1\r\nhost: x\r\nx-api-key: {served.key}\r\n"
    head += "content-type: application/json\r\ncontent-length: 10\r\n\r\n{"
    assert _raw(served, head).startswith(b"HTTP/1.1 408")


def test_a_slow_head_is_not_waited_for(served: Any) -> None:
    assert _raw(served, "GET /health HTTP/1.1\r\nhost:") == b""


def test_calls_beyond_the_rate_are_told_when_to_come_again(serve: Any) -> None:
    served = serve(key_rate_limit=1.0, rate_limit_burst=3, poll_interval=60)
    answers = [served.client.get("/v1/messages") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert served.of_tenant("other").get("/v1/messages").status_code == 200


def test_keys_of_one_tenant_share_its_rate(serve: Any) -> None:
    served = serve(tenant_rate_limit=1.0, rate_limit_burst=3, poll_interval=60)
    clients = [served.client, served.of_tenant(served.tenant)]
    answers = [clients[number % 2].get("/v1/messages").status_code for number in range(4)]
    assert answers == [200, 200, 200, 429]


def test_a_message_that_takes_long_is_sent_all_the_same(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_SANDBOX_HANG", "0.5")
    served = serve(send_timeout=0.1, poll_interval=60)
    headers = {"idempotency-key": "k"}
    late = served.sms(to="447700900003", headers=headers)
    assert (late.status_code, late.json()["code"]) == (504, "still_sending")
    assert served.sms(to="447700900003", headers=headers).status_code == 409
    for _ in range(100):
        answer = served.sms(to="447700900003", headers=headers)
        if answer.status_code == 200:
            break
        time.sleep(0.05)
    assert answer.headers["idempotent-replayed"] == "true"


def test_stopping_waits_for_what_is_under_way(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_SANDBOX_HANG", "0.5")
    served = serve(poll_interval=60)
    answers: list[httpx.Response] = []
    sending = threading.Thread(target=lambda: answers.append(served.sms(to="447700900003")))
    sending.start()
    while not served.client.get("/v1/messages").json()["messages"]:
        time.sleep(0.02)
    served.gateway.stopping.set()
    sending.join()
    assert answers[0].status_code == 200


def test_health_readiness_and_metrics_need_no_key_and_name_nobody(served: Any) -> None:
    served.sms(to="447700900177")
    assert httpx.get(f"{served.url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{served.url}/ready").json() == {"status": "ready"}
    metrics = httpx.get(f"{served.url}/metrics").text
    assert 'messaging_channels_messages_total{channel="sms",outcome="accepted"}' in metrics
    assert 'route="/v1/apps/message/{channel}",status="200"' in metrics
    assert served.tenant not in metrics
    assert "447700900177" not in metrics


def test_a_wrong_method_and_a_wrong_path_are_problems_too(served: Any) -> None:
    wrong = served.client.patch("/v1/messages")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (
        405,
        "method_not_allowed",
        "GET, HEAD",
    )
    assert served.client.get("/v2/messages").json()["code"] == "not_found"
    assert served.client.post("/v1/apps/message/fax", json=TO).status_code == 404
    assert served.client.head("/health").status_code == 200


def test_every_answer_has_an_id_and_may_not_be_sniffed_or_stored(served: Any) -> None:
    for answer in (served.sms(), served.client.get("/nothing")):
        assert len(answer.headers["x-request-id"]) == 16
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_the_log_names_nobody(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    user = "634b56217f6a7b0be52dffbd"
    served.client.put(f"/v1/users/{user}", json={"channel": {"sms": "447700900155"}})
    served.client.post(f"/v1/users/{user}/message/sms", json={"content": {"text": "marker-of-the-text"}})
    for to in ("447700900155", "447700900001", "447700900003", "nonsense-marker"):
        served.sms(to=to, text="marker-of-the-text")
    served.client.get("/v1/messages/marker-of-the-text")
    own = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert any("POST /v1/users/{id}/message/{channel} 200" in line for line in own)
    for line in own:
        for secret in ("900155", "marker", user, served.key.rpartition("_")[2]):
            assert secret not in line


def test_a_fault_of_the_service_is_told_by_an_id_alone(
    served: Any, caplog: pytest.LogCaptureFixture, serve: Any, tmp_path: Any
) -> None:
    del served
    broken = tmp_path / "people.json"
    broken.write_text("{", "utf-8")
    tenants = {"default": {"users": {"kind": "json", "path": str(broken)}}}
    answer = serve(tenants=tenants, poll_interval=60).client.post(
        "/v1/users/u1/message/sms", json={"content": {"text": "x"}}
    )
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "JSON" not in answer.text
    (line,) = [record.getMessage() for record in caplog.records if "JSONDecodeError" in record.getMessage()]
    assert answer.headers["x-request-id"] in line
