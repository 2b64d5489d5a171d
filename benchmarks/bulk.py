"""Many recipients in one call, beside a raw batch client and peers that send one by one: `python benchmarks/bulk.py`.

`python benchmarks/bulk.py million` sends to a million recipients from an iterator and prints the memory it took.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
import uuid
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import httpx
from sends import HEADERS, sync_apprise, sync_twilio
from server import Loopback

from messaging_channels import Dispatcher, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels_infobip import Infobip

COUNT, ROUNDS, BATCH = 20_000, 5, 500


def numbers(count):
    return (f"4477{number:08}" for number in range(count))


def ours(client):
    def run(url):
        provider = Infobip(base_url=url, api_key="key", sender="Shop")
        with Dispatcher([provider], http=HttpSettings(client=client)) as dispatcher:
            start = time.perf_counter()
            done = sum(
                each.error is None
                for each in dispatcher.send_each(Sms("Your code is 4821"), to=numbers(COUNT))
            )
            assert done == COUNT
            return COUNT / (time.perf_counter() - start)

    return run


def raw(url):
    """What a careful script would do: batches of the same size, an id each, and every answer read."""
    done, start = {}, time.perf_counter()
    with httpx.Client(headers=HEADERS) as client:
        source = numbers(COUNT)
        while batch := list(islice(source, BATCH)):
            messages = [
                {
                    "sender": "Shop",
                    "destinations": [{"to": number, "messageId": uuid.uuid4().hex}],
                    "content": {"text": "Your code is 4821"},
                }
                for number in batch
            ]
            answer = client.post(f"{url}/sms/3/messages", content=json.dumps({"messages": messages}))
            done |= {one["messageId"]: one["status"]["groupName"] for one in answer.json()["messages"]}
    assert len(done) == COUNT
    return COUNT / (time.perf_counter() - start)


ROWS = {
    "ours on httpx": ours("httpx"),
    "ours on pyreqwest": ours("pyreqwest"),
    "raw batches on httpx": raw,
    "twilio, one by one": sync_twilio,
    "apprise, one by one": sync_apprise,
}


def compared():
    rates = {name: [] for name in ROWS}
    with Loopback() as url:
        for _ in range(ROUNDS):
            for name, run in ROWS.items():
                try:
                    rates[name].append(run(url))
                except ImportError as missing:
                    print(f"{name}: left out ({missing.name})", file=sys.stderr)
    for name, found in rates.items():
        if found:
            print(f"{name:24}{statistics.median(found):10.0f}/s")
    for name in ("ours on httpx", "ours on pyreqwest"):
        for other in ("raw batches on httpx", "twilio, one by one"):
            if rates[other]:
                ratio = statistics.median(a / b for a, b in zip(rates[name], rates[other], strict=True))
                print(f"{name} / {other}: {ratio:.2f}")


def million():
    with Loopback() as url:
        provider = Infobip(base_url=url, api_key="key", sender="Shop")
        with Dispatcher([provider]) as dispatcher:
            start = time.perf_counter()
            for count, each in enumerate(dispatcher.send_each(Sms("hello"), to=numbers(1_000_000)), 1):
                assert each.error is None
                if count % 200_000 == 0:
                    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                    print(f"{count:8} sent, {time.perf_counter() - start:6.1f} s, peak {peak:.0f} MB")


if __name__ == "__main__":
    million() if "million" in sys.argv else compared()
