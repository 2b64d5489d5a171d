"""The page behind the links, and the one click of RFC 8058: an ASGI and a WSGI application that need no framework, no JavaScript, no cookie and no login.

GET and HEAD change nothing, since scanners and previews fetch links. POST with the pair `List-Unsubscribe=One-Click`, in either form of RFC 8058, takes the
recipient off; so do the buttons of the page. The same POST again has the same answer. Nothing is ever redirected.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.statements import ConsentStatement, StatementKind
from messaging_channels.consent.store import statement_id

if TYPE_CHECKING:
    from messaging_channels.consent.client import AsyncConsentClient, ConsentClient
    from messaging_channels.consent.links import UnsubscribeLinks, UnsubscribeTarget

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """The texts of the unsubscribe page. `footer` is HTML; all others are plain text."""

    title: str = "Email preferences"
    unsubscribe: str = "Unsubscribe"
    unsubscribe_all: str = "Unsubscribe from everything"
    resubscribe: str = "Subscribe again"
    question: str = "Do you want to stop receiving these messages?"
    done: str = "You are unsubscribed."
    undone: str = "You are subscribed again."
    unknown: str = "This link is not valid."
    later: str = "This cannot be done right now. Please try again later."
    language: str = "en"
    footer: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    statement: ConsentStatement | None = None
    """What is to be kept before the answer is given."""

    def headers(self) -> list[tuple[str, str]]:
        allow = [("allow", "GET, HEAD, POST")] if self.status == _NOT_ALLOWED else []
        return [*_HEADERS, *allow, ("content-length", str(len(self.body)))]


@dataclass(frozen=True, slots=True)
class _Logic:
    """Everything but the protocol of the server."""

    links: UnsubscribeLinks
    page: UnsubscribePage
    clock: Callable[[], float]

    def answer(self, method: str, path: str, content_type: str, body: bytes | None) -> _Answer:
        """Decide on an answer. `body` is None if it was too long."""
        target = self.links.read(path.rstrip("/").rpartition("/")[2])
        if method not in ("GET", "HEAD", "POST"):
            return self._show(_NOT_ALLOWED, self.page.unknown)
        if target is None:
            return self._show(404, self.page.unknown)
        if method != "POST":
            return self._show(200, self.page.question, ("unsubscribe", *self._all(target)))
        if body is None:
            return self._show(413, self.page.unknown)
        wish = _wish(content_type, body)
        if wish is None:
            return self._show(400, self.page.unknown)
        back = wish.startswith("resubscribe")
        kind = StatementKind.OPTED_IN if back else StatementKind.OPTED_OUT
        done, further = self.page.done, ("resubscribe", *self._all(target))
        if back:
            done, further = self.page.undone, ("unsubscribe",)
        elif wish == "everything":
            further = ("resubscribe_all",)
        said = self._statement(target, kind, wish)
        return replace(self._show(200, done, further), statement=said)

    def failed(self) -> _Answer:
        """Return the answer where nothing could be kept: the sender of the call tries again."""
        return self._show(503, self.page.later)

    def _statement(self, target: UnsubscribeTarget, kind: StatementKind, wish: str) -> ConsentStatement:
        now = self.clock()
        one = ConsentStatement(
            id="",
            recipient=target.recipient,
            channel=target.channel,
            kind=kind,
            said_at=now,
            recorded_at=now,
            category="" if wish in ("everything", "resubscribe_all") else target.category,
            reason="list-unsubscribe one-click" if wish == "one-click" else "list-unsubscribe page",
        )
        return replace(one, id=statement_id(one))

    def _all(self, target: UnsubscribeTarget) -> tuple[str, ...]:
        return ("everything",) if target.category else ()

    def _show(self, status: int, text: str, choices: Iterable[str] = ()) -> _Answer:
        words = {
            "unsubscribe": self.page.unsubscribe,
            "everything": self.page.unsubscribe_all,
            "resubscribe": self.page.resubscribe,
            "resubscribe_all": self.page.resubscribe,
        }
        buttons = "".join(
            f'<p><button name="choice" value="{one}">{html.escape(words[one])}</button></p>'
            for one in choices
        )
        form = f'<form method="post" action="">{buttons}</form>' if buttons else ""
        page = _PAGE.format(
            language=html.escape(self.page.language),
            title=html.escape(self.page.title),
            text=html.escape(text),
            form=form,
            footer=self.page.footer,
        )
        return _Answer(status, page.encode())


def _wish(content_type: str, body: bytes) -> str | None:
    """Return what a POST asks for: `one-click`, or the button that was pressed; None for anything else."""
    if content_type.lower().startswith("multipart/form-data"):
        pairs = _multipart_pairs(content_type, body)
    else:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    told = {name.strip(): value.strip() for name, value in pairs}  # some end the body with a line break
    if told.get("List-Unsubscribe") == "One-Click":
        return "one-click"
    choice = told.get("choice")
    return choice if choice in _CHOICES else None


def _multipart_pairs(content_type: str, body: bytes) -> list[tuple[str, str]]:
    from email.parser import BytesParser  # noqa: PLC0415  slow to import
    from email.policy import HTTP  # noqa: PLC0415

    head = f"content-type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parsed = BytesParser(policy=HTTP).parsebytes(head + body)
    pairs: list[tuple[str, str]] = []
    for part in parsed.iter_parts() if parsed.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            pairs.append((name, value.decode("utf-8", "replace").strip()))
    return pairs


class UnsubscribeWsgiApp:
    """A WSGI application (PEP 3333), to be mounted where the links lead."""

    def __init__(
        self,
        links: UnsubscribeLinks,
        consent: ConsentClient,
        *,
        page: UnsubscribePage | None = None,
    ) -> None:
        """Take the links, and `dispatcher.consent`, where the wishes are kept."""
        self._logic = _Logic(links, page or UnsubscribePage(), consent.store.clock)
        self._consent = consent

    def __call__(
        self, environ: MutableMapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        method = str(environ.get("REQUEST_METHOD", "GET")).upper()
        body = _read_wsgi(environ) if method == "POST" else b""
        answer = self._logic.answer(
            method, str(environ.get("PATH_INFO", "")), str(environ.get("CONTENT_TYPE", "")), body
        )
        if answer.statement is not None:
            try:
                self._consent.record([answer.statement])
            except LedgerUnavailable:
                answer = self._logic.failed()
        start_response(f"{answer.status} {_PHRASES[answer.status]}", answer.headers())
        return [b"" if method == "HEAD" else answer.body]


class UnsubscribeAsgiApp:
    """An ASGI application, to be mounted where the links lead."""

    def __init__(
        self,
        links: UnsubscribeLinks,
        consent: AsyncConsentClient,
        *,
        page: UnsubscribePage | None = None,
    ) -> None:
        """Take the links, and the `consent` of an `AsyncDispatcher`, where the wishes are kept."""
        self._logic = _Logic(links, page or UnsubscribePage(), consent.store.clock)
        self._consent = consent

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        method, path = str(scope["method"]).upper(), str(scope["path"])
        content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        body = await _read_asgi(receive) if method == "POST" else b""
        answer = self._logic.answer(method, path, content_type, body)
        if answer.statement is not None:
            try:
                await self._consent.record([answer.statement])
            except LedgerUnavailable:
                answer = self._logic.failed()
        headers = [(name.encode(), value.encode()) for name, value in answer.headers()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


def _read_wsgi(environ: MutableMapping[str, Any]) -> bytes | None:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > _MAX_BODY:
        return None
    body = environ["wsgi.input"].read(length) if length else b""
    return body if isinstance(body, bytes) else b""


async def _read_asgi(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MAX_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


_NOT_ALLOWED = 405
_CHOICES = ("unsubscribe", "everything", "resubscribe", "resubscribe_all")
_MAX_BODY = 64 * 1024
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    503: "Service Unavailable",
}
_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
    ("x-content-type-options", "nosniff"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
)
_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1rem}}</style></head>
<body><main><h1>{title}</h1><p role="status">{text}</p>{form}{footer}</main></body></html>
"""
