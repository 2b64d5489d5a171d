"""Programs of other builds: two event loops, trio, forked children, and too few file descriptors."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from faults.harness import CLIENTS
from regression_server import Asked, program, twilio_takes, vendor

BEGIN = """
import json, sys
from messaging_channels import AsyncDispatcher, Dispatcher, MessagingError, Sms
from messaging_channels.plugins.exchange import Timeouts
from messaging_channels import HttpSettings
from messaging_channels_twilio import Twilio

TO = "+447700900123"
url, client = sys.argv[1:]

def twilio(url):
    return Twilio(account_sid="AC" + "a" * 32, auth_token="t" * 20, sender="+15005550006", base_url=url)

http = HttpSettings(client=client, timeouts=Timeouts(2.0, 3.0, 3.0))
"""

ONE_LOOP_EACH = """
import asyncio

dispatcher = AsyncDispatcher([twilio(url)], http=http)

async def send():
    try:
        return str((await dispatcher.send(Sms("hello"), to=TO)).outcome)
    except (MessagingError, RuntimeError):
        return "refused"

for _ in range(4):
    print(asyncio.run(send()), flush=True)
"""

UNDER_TRIO = """
import trio

async def send():
    dispatcher = AsyncDispatcher([twilio(url)], http=http)
    return str((await dispatcher.send(Sms("hello"), to=TO)).outcome)

for _ in range(2):
    try:
        print(trio.run(send))
    except (MessagingError, RuntimeError, TypeError) as refused:
        clear = any(word in str(refused) for word in ("asyncio", "trio", "event loop"))
        print("refused" if clear else repr(refused))
"""

CHILDREN = """
import os, signal

dispatcher = Dispatcher([twilio(url)], http=http)
dispatcher.send(Sms("before"), to=TO)
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        signal.alarm(4)
        try:
            told = str(dispatcher.send(Sms("after"), to=TO).outcome)
        except (MessagingError, RuntimeError):
            told = "refused"
        os.write(1, told.encode() + b"\\n")
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""

BURST = """
import asyncio, resource

async def burst():
    dispatcher = AsyncDispatcher([twilio(url)], http=http)

    async def one(number):
        try:
            return str((await dispatcher.send(Sms(f"message {number}"), to=TO)).outcome)
        except MessagingError as refused:
            return type(refused).__name__

    return await asyncio.gather(*map(one, range(300)))

resource.setrlimit(resource.RLIMIT_NOFILE, (120, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
told = asyncio.run(burst())
print(json.dumps(told))
"""


def _after_a_while(request: Asked) -> bytes:
    """Answer when whoever asked has begun to wait."""
    threading.Event().wait(0.3)
    return twilio_takes(request)


@pytest.mark.parametrize(
    ("code", "calls", "client"),
    [
        pytest.param(ONE_LOOP_EACH, 4, "httpx", id="loops-httpx"),
        pytest.param(ONE_LOOP_EACH, 4, "pyreqwest", id="loops-pyreqwest"),
        pytest.param(UNDER_TRIO, 2, "httpx", id="trio-httpx"),
        pytest.param(UNDER_TRIO, 2, "pyreqwest", id="trio-pyreqwest"),
    ],
)
def test_in_a_second_loop_or_another_kind_of_loop_it_is_sent_or_clearly_refused(
    code: str, calls: int, client: str
) -> None:
    with vendor(_after_a_while) as server:
        ran = program(BEGIN + code, server.url, client)

    told = ran.stdout.split()
    assert len(told) == calls, ran.stderr
    assert set(told) <= {"accepted", "refused"}
    assert len(server.requests) == told.count("accepted")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_child_of_a_process_that_has_sent_sends_or_is_refused_at_once(client: str) -> None:
    with vendor(twilio_takes) as server:
        ran = program(BEGIN + CHILDREN, server.url, client, seconds=15)

    told = ran.stdout.split()
    assert len(told) == 3
    assert set(told) <= {"accepted", "refused"}
    assert len(server.requests) == 1 + told.count("accepted")


@pytest.mark.parametrize("client", CLIENTS)
def test_what_the_vendor_took_is_accepted_however_few_files_may_be_open(client: str) -> None:
    with vendor(_after_a_while) as server:
        ran = program(BEGIN + BURST, server.url, client)

    told = Counter(json.loads(ran.stdout))
    assert told.total() == 300
    assert told["unknown"] == 0
    assert told["accepted"] == len(server.requests)
