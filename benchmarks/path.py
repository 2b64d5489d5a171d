"""What the whole path of a message costs over a transport that answers at once, and what importing the package costs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from messaging_channels import Dispatcher, Sms
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels_infobip import Infobip

ANSWER = '{"messages":[{"messageId":"%s","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED"}}]}'


def at_once(request):
    start = request.body.index(b'"messageId":"') + 13
    return HttpResponse(200, {}, (ANSWER % request.body[start : start + 32].decode()).encode())


def path():
    dispatcher = Dispatcher([Infobip(base_url="xyz.api.infobip.com", api_key="key", sender="Shop")])
    dispatcher._transport._perform[HttpRequest] = at_once
    rounds = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(20_000):
            dispatcher.send(Sms("Your code is 4821"), to="+447700900123")
        rounds.append((time.perf_counter() - start) / 20_000)
    return statistics.median(rounds) * 1e6


def start_up(program):
    rounds = []
    for _ in range(11):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds) * 1e3


if __name__ == "__main__":
    print(f"a message, validated, sent and read: {path():.1f} µs")
    print(f"import over the interpreter's: {start_up('import messaging_channels') - start_up('pass'):.0f} ms")
