"""The vendor on loopback, saying what the fixtures say: for executors, and for blocking SDKs, which no flow can answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.testing.emulator import Emulator, Request
from messaging_channels.testing.faults import Fault, FaultKind


class AcceptingEmulator(Emulator):
    """A vendor on loopback that says what the fixtures say, and remembers it."""

    def __init__(self, respond: Callable[[Any], Any]) -> None:
        """Answer as `respond` does."""
        super().__init__()
        self.respond = respond
        self.answered: list[tuple[HttpRequest, HttpResponse]] = []
        """What was asked, with the answers."""

    def handle(self, request: Request) -> HttpResponse:
        """Answer as the fixtures do."""
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        url = f"{self.url}{request.path}{'?' if query else ''}{query}"
        asked = HttpRequest(request.method, url, _told(request), request.body)
        answer: HttpResponse = self.respond(asked)
        if answer.status < _FINAL:
            answer = HttpResponse(
                500, answer.headers, answer.body
            )  # after another status a client awaits more
        self.answered.append((asked, answer))
        return answer

    def lose_next_answer(self) -> None:
        """Take the next request, and break the connection instead of answering."""
        self.faults.add(Fault(kind=FaultKind.RESET, handled=True))


def _told(request: Request) -> dict[str, str]:
    """Return the headers without those of the connection, which differ for reasons of their own."""
    return {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}


_OF_THE_CONNECTION = frozenset({"host", "connection", "content-length", "transfer-encoding"})
_FINAL = 200
