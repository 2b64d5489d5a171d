"""What the fault tests are made of: a provider of a few lines, servers that count what they took, both dispatchers, and a clock that needs no waiting."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from loopback import Peer, Server

from messaging_channels import AsyncDispatcher, Dispatcher, Receipt, SendFailed, Sms
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow, HttpRequest, HttpResponse, ask
from messaging_channels.plugins.provider import Capabilities, Envelope, HttpProvider, LookupRequest
from messaging_channels.plugins.results import result_from_status

TO = "+447700900123"
MODES = ("sync", "async")
CLIENTS = ("httpx", "pyreqwest")


class JsonProvider(HttpProvider):
    """One request a message. What it says in `refused` is a reason."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})

    def __init__(self, name: str, url: str, *, padding: int = 0) -> None:
        self.name = name  # type: ignore[misc]
        self._url = url
        self._padding = padding

    def build_request(self, envelope: Envelope) -> HttpRequest:
        payload = {"id": envelope.id, "text": envelope.message.text, "padding": "x" * self._padding}  # type: ignore[attr-defined]
        return HttpRequest.post_json(f"{self._url}/send", payload, headers={})

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002  one message a request
        if not response.ok:
            return result_from_status(response)
        try:
            answer = response.json()
            refused = answer.get("refused")
            return AttemptResult.of(Reason(refused)) if refused else _accepted(answer["id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return result_from_status(response)


class JsonProviderWithLookup(JsonProvider):
    """One that can be asked what became of a message, and says so on the safe side."""

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        response = yield from ask(
            HttpRequest("GET", f"{self._url}/sent/{request.message_id}", may_send=False)
        )
        if not response.ok:
            return None
        return (
            _accepted(request.message_id) if response.json()["taken"] else AttemptResult.of(Reason.NOT_FOUND)
        )


class RaisingProvider:
    """A plugin with a bug: it raises before or after the request."""

    capabilities: ClassVar[Capabilities] = JsonProvider.capabilities
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, name: str, url: str, *, after: bool) -> None:
        self.name = name
        self._provider = JsonProvider(name, url)
        self._after = after

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        if self._after:
            yield from ask(self._provider.build_request(batch[0]))
        raise ZeroDivisionError


class VendorServer(Server):
    """A provider's server: it does to each request as told, and counts by our id what it took."""

    def __init__(self, behave: Callable[[VendorServer, Peer], None] | None = None, **options: Any) -> None:
        super().__init__(lambda peer: (behave or VendorServer.accept_all)(self, peer), **options)
        self.taken: list[str] = []
        self.released = threading.Event()

    def __exit__(self, *about: object) -> None:
        self.released.set()
        super().__exit__(*about)

    def accept_all(self, peer: Peer) -> None:
        """Take and answer every request."""
        while request := peer.read_request():
            if request.startswith(b"GET"):
                key = request.split(b" ")[1].rpartition(b"/")[2].decode()
                peer.answer(http(200, json.dumps({"taken": key in self.taken})))
            else:
                peer.answer(http(200, json.dumps({"id": self.take(request)})))

    def take(self, request: bytes) -> str:
        """Accept the message of a request."""
        self.taken.append(key := json.loads(request.partition(b"\r\n\r\n")[2])["id"])
        return str(key)


class InstantClock(Clock):
    """A clock on which waiting takes no time, and is remembered."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


def http(status: int, body: str = "", **headers: str) -> bytes:
    """Write an answer; an underscore in a header's name is a hyphen."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()} | {
        "content-length": str(len(body.encode()))
    }
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items()), "", body]
    return "\r\n".join(lines).encode()


def sent(mode: str, providers: Sequence[Any], http: HttpSettings, **options: Any) -> Receipt:
    """Send one message through either dispatcher, sync or async; the receipt of a failed one is in its error."""
    own = {name: options.pop(name) for name in ("idempotency_key", "timeout", "scope") if name in options}

    async def run() -> Receipt:
        async with AsyncDispatcher(providers, http=http, **options) as dispatcher:
            return await dispatcher.send(Sms("hello"), to=TO, **own)

    try:
        if mode == "async":
            return asyncio.run(run())
        with Dispatcher(providers, http=http, **options) as dispatcher:
            return dispatcher.send(Sms("hello"), to=TO, **own)
    except SendFailed as failed:
        return failed.receipt


def _accepted(key: str) -> AttemptResult:
    return AttemptResult.of(Reason.ACCEPTED, provider_id=key)
