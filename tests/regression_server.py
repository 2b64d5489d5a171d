"""Vendors on loopback for the tests of faults that were found in use: real HTTP, answered as a test says, and programs in a process of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from loopback import Peer, Server

from messaging_channels import AsyncDispatcher, Dispatcher, MessagingError, SendFailed, Sms
from messaging_channels_infobip import Infobip
from messaging_channels_twilio import Twilio
from messaging_channels_vonage import Vonage
from messaging_channels_whatsapp_cloud import WhatsAppCloud

TO = "+447700900123"
TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Asked:
    """A request that a vendor read."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer: TypeAlias = Callable[[Asked], bytes | None]


def reply(status: int, document: Any = None, **headers: str) -> bytes:
    """Write an answer: bytes as they are, anything else as JSON. An underscore in a header's name is a hyphen."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    named = {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{name}: {value}" for name, value in (named | {"content-length": str(len(body))}).items()]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + body


def asked(request: bytes) -> Asked:
    """Read a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    return Asked(
        method, path, {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in rest}, body
    )


def vendor(answer: Answer) -> Server:
    """Return a server that answers each request so; without an answer it hangs up."""

    def handle(peer: Peer) -> None:
        while request := peer.read_request():
            told = answer(asked(request))
            if told is None:
                return
            peer.answer(told)

    return Server(handle)


def twilio_takes(_: Asked | None = None) -> bytes:
    """Answer as Twilio when it took a message."""
    return reply(201, {"sid": "SM" + uuid.uuid4().hex, "status": "queued"})


def vonage_takes(_: Asked | None = None) -> bytes:
    """Answer as Vonage when it took a message."""
    message = {"to": TO[1:], "message-id": uuid.uuid4().hex, "status": "0", "message-price": "0.03"}
    return reply(200, {"message-count": "1", "messages": [message]})


def infobip_takes(request: Asked) -> bytes:
    """Answer as Infobip when it took the messages of a request."""
    pending = {
        "groupId": 1,
        "groupName": "PENDING",
        "id": 26,
        "name": "PENDING_ACCEPTED",
        "description": "sent",
    }
    to = [one for message in json.loads(request.body)["messages"] for one in message["destinations"]]
    told = [{"messageId": one["messageId"], "destination": one["to"], "status": pending} for one in to]
    return reply(200, {"bulkId": "1", "messages": told})


def whatsapp_takes(_: Asked | None = None) -> bytes:
    """Answer as WhatsApp's Cloud API when it took a message."""
    contact = {"input": TO[1:], "wa_id": TO[1:]}
    message = {"id": "wamid." + uuid.uuid4().hex}
    return reply(200, {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})


def twilio(url: str, **settings: Any) -> Twilio:
    """Return the plugin that speaks to that address."""
    return Twilio(
        account_sid="AC" + "a" * 32, auth_token="t" * 20, sender="+15005550006", base_url=url, **settings
    )


def vonage(url: str) -> Vonage:
    """Return the plugin that speaks to that address."""
    return Vonage(api_key="abcd1234", api_secret="x" * 9, sender="Shop", base_url=url)


def infobip(url: str) -> Infobip:
    """Return the plugin that speaks to that address."""
    return Infobip(base_url=url, api_key="key", sender="Shop")


def whatsapp(url: str) -> WhatsAppCloud:
    """Return the plugin that speaks to that address."""
    return WhatsAppCloud(access_token="t" * 20, sender="1234567890", base_url=url)


def told(send: Callable[[], Any]) -> str:
    """Send, and return the outcome, or the name of the error."""
    try:
        return str(send().outcome)
    except MessagingError as refused:
        return type(refused).__name__


def sent(mode: str, providers: Sequence[Any], message: Any = None, to: Any = TO, **options: Any) -> Any:
    """Send one message through either dispatcher, sync or async of a new dispatcher; return its receipt, also that of one that failed."""
    own = {name: options.pop(name) for name in ("idempotency_key", "timeout") if name in options}
    letter = message or Sms("hello")

    async def run() -> Any:
        async with AsyncDispatcher(providers, **options) as dispatcher:
            return await dispatcher.send(letter, to=to, **own)

    try:
        if mode == "async":
            return asyncio.run(run())
        with Dispatcher(providers, **options) as dispatcher:
            return dispatcher.send(letter, to=to, **own)
    except SendFailed as failed:
        return failed.receipt


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Ask again and again until the answer is true, at most so long; return the last answer."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


def program(
    code: str, *arguments: object, seconds: float = 20, path: Sequence[Path] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, which finds the modules of the tests; one that hangs ends with the code of `timeout`, 124."""
    searched = [*map(str, path), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(searched)} | variables
    command = [sys.executable, "-c", code, *map(str, arguments)]
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, 124, _text(late.stdout), _text(late.stderr))


def _text(output: Any) -> str:
    return output.decode() if isinstance(output, bytes) else output or ""
