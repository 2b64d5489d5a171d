"""Sends a second over loopback, ours beside raw clients and peers, in one run: `python benchmarks/sends.py`.

Each row is the median of several rounds that take turns, so that a slow moment of the machine hits all alike. twilio and apprise are left out where
they are not installed.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import httpx
from server import Loopback

from messaging_channels import AsyncDispatcher, Dispatcher, Sms
from messaging_channels.plugins.exchange import HttpRequest, ask
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels._transport.settings import HttpSettings
from messaging_channels_infobip import Infobip

COUNT, ROUNDS, IN_FLIGHT, MANY = 1500, 5, 64, 500
HEADERS = {"authorization": "App key", "content-type": "application/json", "accept": "application/json"}


def payload(number):
    return {
        "messages": [
            {
                "sender": "Shop",
                "destinations": [{"to": "447700900123", "messageId": f"m{number}"}],
                "content": {"text": "Your code is 4821"},
            }
        ]
    }


def sync_ours(client, timed):
    def run(url):
        with Dispatcher(
            [Infobip(base_url=url, api_key="key", sender="Shop")], http=HttpSettings(client=client)
        ) as one:
            return timed(lambda: one.send(Sms("Your code is 4821"), to="+447700900123"))

    return run


def sync_transport(client):
    def run(url):
        with Transport(HttpSettings(client=client)) as one:
            return timed(lambda: one.run(described(url)).json())

    return run


def described(url):
    return ask(HttpRequest.post_json(f"{url}/sms/3/messages", payload(1), headers=HEADERS))


def sync_httpx(timed):
    def run(url):
        limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
        with httpx.Client(headers=HEADERS, limits=limits) as client:
            return timed(lambda: client.post(f"{url}/sms/3/messages", content=json.dumps(payload(1))).json())

    return run


def sync_pyreqwest(timed):
    def run(url):
        from pyreqwest.client import SyncClientBuilder

        client = SyncClientBuilder().default_headers(HEADERS).build()
        rate = timed(
            lambda: (
                client.post(f"{url}/sms/3/messages")
                .body_bytes(json.dumps(payload(1)).encode())
                .build()
                .send()
                .json()
            )
        )
        client.close()
        return rate

    return run


def sync_apprise(url):
    import apprise

    one = apprise.Apprise()
    one.add(f"json://{url.removeprefix('http://')}")
    return timed(lambda: one.notify(body="Your code is 4821"), 300)


def sync_twilio(url):
    from twilio.rest import Client

    client = Client("AC" + "0" * 32, "token")
    client.api.base_url = url
    return timed(
        lambda: client.messages.create(to="+447700900123", from_="+447700900000", body="Your code is 4821")
    )


def timed(send, count=COUNT):
    for _ in range(50):
        send()
    start = time.perf_counter()
    for _ in range(count):
        send()
    return count / (time.perf_counter() - start)


def in_threads(send, count=COUNT * 2):
    """As `timed`, with 64 threads at it at once."""
    from concurrent.futures import ThreadPoolExecutor

    def worker(share):
        for _ in range(share):
            send()

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(worker, [2] * IN_FLIGHT))
        start = time.perf_counter()
        list(pool.map(worker, [count // IN_FLIGHT] * IN_FLIGHT))
        return (count // IN_FLIGHT) * IN_FLIGHT / (time.perf_counter() - start)


async def in_flight(send, count=COUNT * 2, lanes=IN_FLIGHT):
    async def worker(share):
        for _ in range(share):
            await send()

    await asyncio.gather(*(worker(2) for _ in range(lanes)))
    start = time.perf_counter()
    await asyncio.gather(*(worker(count // lanes) for _ in range(lanes)))
    return (count // lanes) * lanes / (time.perf_counter() - start)


def async_ours(client, lanes=IN_FLIGHT):
    async def run(url):
        provider = Infobip(base_url=url, api_key="key", sender="Shop")
        async with AsyncDispatcher([provider], http=HttpSettings(client=client)) as one:
            return await in_flight(
                lambda: one.send(Sms("Your code is 4821"), to="+447700900123"), 2 * max(COUNT, lanes), lanes
            )

    return run


class OneByOne(Infobip):
    """The same provider, if it took one message a request: nothing can be joined."""

    capabilities = replace(Infobip.capabilities, max_batch_size=1)


def async_one_by_one(client, lanes=IN_FLIGHT):
    async def run(url):
        provider = OneByOne(base_url=url, api_key="key", sender="Shop")
        async with AsyncDispatcher([provider], http=HttpSettings(client=client)) as one:
            return await in_flight(
                lambda: one.send(Sms("Your code is 4821"), to="+447700900123"), 2 * max(COUNT, lanes), lanes
            )

    return run


def async_transport(client):
    async def run(url):
        async with AsyncTransport(HttpSettings(client=client)) as one:

            async def send():
                return (await one.run(described(url))).json()

            return await in_flight(send)

    return run


async def async_httpx(url):
    async with httpx.AsyncClient(headers=HEADERS, limits=httpx.Limits(max_connections=IN_FLIGHT)) as client:

        async def send():
            return (await client.post(f"{url}/sms/3/messages", content=json.dumps(payload(1)))).json()

        return await in_flight(send, COUNT)


async def async_pyreqwest(url):
    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().default_headers(HEADERS).build()

    async def send():
        request = client.post(f"{url}/sms/3/messages").body_bytes(json.dumps(payload(1)).encode()).build()
        return await (await request.send()).json()

    rate = await in_flight(send)
    await client.close()
    return rate


async def async_twilio(url):
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client

    async with AsyncTwilioHttpClient() as http:
        client = Client("AC" + "0" * 32, "token", http_client=http)
        client.api.base_url = url
        return await in_flight(
            lambda: client.messages.create_async(
                to="+447700900123", from_="+447700900000", body="Your code is 4821"
            )
        )


def on_a_loop(coroutine):
    return lambda url: asyncio.run(coroutine(url))


ROWS = {
    "sync  ours on httpx": sync_ours("httpx", timed),
    "sync  transport on httpx": sync_transport("httpx"),
    "sync  raw httpx": sync_httpx(timed),
    "sync  ours on pyreqwest": sync_ours("pyreqwest", timed),
    "sync  transport on pyreqwest": sync_transport("pyreqwest"),
    "sync  raw pyreqwest": sync_pyreqwest(timed),
    "64 threads ours on httpx": sync_ours("httpx", in_threads),
    "64 threads raw httpx": sync_httpx(in_threads),
    "64 threads ours on pyreqwest": sync_ours("pyreqwest", in_threads),
    "64 threads raw pyreqwest": sync_pyreqwest(in_threads),
    "sync  twilio": sync_twilio,
    "sync  apprise": sync_apprise,
    "async ours on httpx": on_a_loop(async_ours("httpx")),
    "async one by one on httpx": on_a_loop(async_one_by_one("httpx")),
    "async transport on httpx": on_a_loop(async_transport("httpx")),
    "async raw httpx": on_a_loop(async_httpx),
    "async ours on pyreqwest": on_a_loop(async_ours("pyreqwest")),
    "async one by one on pyreqwest": on_a_loop(async_one_by_one("pyreqwest")),
    "async transport on pyreqwest": on_a_loop(async_transport("pyreqwest")),
    "async raw pyreqwest": on_a_loop(async_pyreqwest),
    "async twilio": on_a_loop(async_twilio),
    "500 tasks joined on httpx": on_a_loop(async_ours("httpx", MANY)),
    "500 tasks one by one on httpx": on_a_loop(async_one_by_one("httpx", MANY)),
    "500 tasks joined on pyreqwest": on_a_loop(async_ours("pyreqwest", MANY)),
    "500 tasks one by one on pyreqwest": on_a_loop(async_one_by_one("pyreqwest", MANY)),
}


def main():
    rates = {name: [] for name in ROWS}
    with Loopback() as url:
        for _ in range(ROUNDS):
            for name, run in ROWS.items():
                try:
                    rates[name].append(run(url))
                except ImportError as missing:
                    print(f"{name}: left out ({missing.name})", file=sys.stderr)
    medians = {name: statistics.median(found) for name, found in rates.items() if found}
    for name, rate in medians.items():
        print(f"{name:32}{rate:10.0f}/s")
    for client in ("httpx", "pyreqwest"):
        joined = zip(rates[f"async ours on {client}"], rates[f"async one by one on {client}"], strict=True)
        print(f"async joined / one by one on {client:10}{statistics.median(a / b for a, b in joined):8.2f}")
        names = [f"500 tasks {how} on {client}" for how in ("joined", "one by one")]
        joined = zip(*(rates[name] for name in names), strict=True)
        print(f"the same with 500 tasks on {client:10}{statistics.median(a / b for a, b in joined):8.2f}")
    for mode, whats in {
        "sync ": ("ours", "transport"),
        "64 threads": ("ours",),
        "async": ("ours", "transport"),
    }.items():
        for what in whats:
            for client in ("httpx", "pyreqwest"):
                pairs = zip(rates[f"{mode} {what} on {client}"], rates[f"{mode} raw {client}"], strict=True)
                print(
                    f"{mode} {what} / raw {client:12}{statistics.median(mine / raw for mine, raw in pairs):10.2f}"
                )


if __name__ == "__main__":
    main()
