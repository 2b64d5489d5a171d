"""Requests to the gateway that are malformed on purpose, or come by way of a proxy."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from regression_gateway import GatewayProcess
from regression_server import TO


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("gateway") / "home") as running:
        yield running


def _answered(gateway: GatewayProcess, request: bytes, seconds: float = 1.5) -> tuple[bytes, bool]:
    """Send a request; return what came back in that time, and whether the connection is still open."""
    back = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(request)
        connection.settimeout(seconds)
        with suppress(ConnectionError):
            try:
                while more := connection.recv(65536):
                    back += more
            except TimeoutError:
                return back, True
    return back, False


@pytest.mark.parametrize("length", ["4", "100", "right"])
def test_after_a_request_of_two_lengths_the_connection_is_closed(
    gateway: GatewayProcess, length: str
) -> None:
    body = json.dumps({"to": TO[1:], "content": {"text": "hello"}}).encode()
    given = str(len(body)) if length == "right" else length
    head = [
        "POST /v1/apps/message/sms HTTP/1.1",
        "host: localhost",
        f"x-api-key: {gateway.key}",
        "content-type: application/json",
        f"content-length: {given}",
        "transfer-encoding: chunked",
    ]
    request = "\r\n".join([*head, "", ""]).encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    answer, still_open = _answered(gateway, request)

    assert answer.startswith(b"HTTP/1.1 ")
    assert not still_open


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("0" * 20 + "7" * 5000, id="5,020 digits"),
        pytest.param("0" * 5000 + "7", id="noughts"),
        pytest.param("7" * 4301, id="4,301 digits"),
        pytest.param("7" * 30, id="30 digits"),
        pytest.param("-1", id="below nought"),
        pytest.param("one", id="a word"),
    ],
)
def test_a_last_event_id_that_is_none_is_refused_or_ignored(gateway: GatewayProcess, given: str) -> None:
    head = [
        "GET /v1/events HTTP/1.1",
        "host: localhost",
        f"x-api-key: {gateway.key}",
        f"last-event-id: {given}",
    ]

    answer, still_open = _answered(gateway, "\r\n".join([*head, "", ""]).encode())

    status = int(answer.split(b" ")[1])
    assert 400 <= status < 500 or (status == 200 and still_open)


def _shown(gateway: GatewayProcess, **headers: str) -> bool:
    """Ask for the development page without a key; return whether it shows a message."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answers = [
        httpx.get(f"http://127.0.0.1:{gateway.port}{path}", headers=named)
        for path in ("/preview", "/preview/messages")
    ]
    return any(one.is_success and "998877" in one.text for one in answers)


def test_the_development_page_is_shown_to_its_own_machine(gateway: GatewayProcess) -> None:
    gateway.sms("own machine", "Your PIN is 998877").raise_for_status()

    shown = _shown(gateway)

    assert shown


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "203.0.113.5"},
        {"forwarded": "for=203.0.113.5"},
        {"x_real_ip": "203.0.113.5"},
    ],
    ids=" ".join,
)
def test_the_development_page_is_not_shown_to_who_comes_through_a_proxy(
    gateway: GatewayProcess, headers: dict[str, str]
) -> None:
    gateway.sms("through a proxy", "Your PIN is 998877").raise_for_status()

    shown = _shown(gateway, **headers)

    assert not shown
