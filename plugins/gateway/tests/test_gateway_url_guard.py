"""Where the gateway goes when somebody tells it a URL, and where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Peer, Server

from messaging_channels_gateway.auth.url_guard import GuardedBackend, UrlGuard, is_public, resolve_host
from messaging_channels_gateway.problems import Problem

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "192.0.0.8", "240.0.0.1", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "fec0::1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "ff02::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1", "not an address",
]  # fmt: skip
PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "2606:2800:220:1:248:1893:25c8:1946",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_the_worlds_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_world_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_whatever_wraps_a_private_address_is_private(address: Any) -> None:
    number = int(address)
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    for wrapped in (f"::ffff:{address}", f"::{high}:{low}", f"64:ff9b::{high}:{low}", f"2002:{high}:{low}::"):
        assert not is_public(wrapped) or is_public(str(address))


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518",
        "169.16689662", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.",
    ],
)  # fmt: skip
def test_no_spelling_of_a_private_address_is_called(host: str) -> None:
    async def checked() -> None:
        url, guard = f"https://{host}/", UrlGuard()
        name, port = guard.split_url(url)
        with pytest.raises((Problem, OSError)):
            await guard.resolve_public(name, port)
        with pytest.raises(Problem):
            await UrlGuard(resolve=_always("127.0.0.1")).require_public(url)

    asyncio.run(checked())


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "https://example.com:8443/", "ftp://example.com/", "file:///etc/passwd", "https://",
        "https://user@example.com/", "https://user:pass@example.com/", "https://example.com\\@127.0.0.1/",
        "https://example.com#@127.0.0.1/", "https://exa mple.com/", "https://example.com/\n", "https://example.com\t/",
        "https://example.com%00/", "https://\uff11\uff12\uff17.0.0.1/", "https://example.com:99999/", "https://example.com:/",
        "gopher://example.com", "//example.com", "https:/example.com", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_a_url_that_two_parsers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(Problem) as refused:
        asyncio.run(UrlGuard(resolve=_always("93.184.216.34")).require_public(url))
    assert refused.value.code == "invalid_url"
    assert "example" not in refused.value.detail


def _always(*addresses: str) -> Any:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(Problem):
        asyncio.run(
            UrlGuard(resolve=_always("93.184.216.34", "10.0.0.1")).require_public("https://example.com/")
        )


def test_a_name_that_leads_elsewhere_later_is_not_followed_there() -> None:
    """DNS rebinding: public when it is checked, private when it is called."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    async def checked_then_called() -> None:
        guard = UrlGuard(resolve=resolve)
        await guard.require_public("https://example.com/")
        with pytest.raises(httpcore.ConnectError, match="private"):
            await GuardedBackend(guard).connect_tcp("example.com", 443)

    asyncio.run(checked_then_called())


def test_the_connection_goes_to_the_address_that_was_decided_on() -> None:
    async def called(port: int) -> str:
        guard = UrlGuard(frozenset({f"callback.example:{port}"}), _always("127.0.0.1"))
        stream = await GuardedBackend(guard).connect_tcp("callback.example", port, timeout=5)
        try:
            return str(stream.get_extra_info("server_addr")[0])
        finally:
            await stream.aclose()

    with Server(Peer.serve) as server:
        assert asyncio.run(called(server.port)) == "127.0.0.1"


def test_no_socket_of_the_machine_is_opened() -> None:
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(GuardedBackend(UrlGuard()).connect_unix_socket("/run/docker.sock"))


def test_names_are_resolved_by_the_system() -> None:
    assert set(asyncio.run(resolve_host("localhost", 443))) & {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://169.254.169.254/latest", "http://localhost/x", "https://u@x.example/"],
)
def test_calls_with_such_urls_are_refused(served: Any, url: str) -> None:
    media = {"to": "447700900100", "content": {"media": {"type": "image", "url": url}}}
    mms = {"to": "447700900100", "content": {"text": "x", "media": [url]}}
    for answer in (
        served.sms(callbackUrl=url),
        served.client.post("/v1/apps/message/whatsapp", json=media),
        served.client.post("/v1/apps/message/sms", json=mms),
        served.client.post("/v1/webhook-endpoints", json={"url": url}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_url")
    assert served.client.get("/v1/messages").json()["messages"] == []
