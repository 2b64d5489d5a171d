"""Leaving a list by a link: by the one click of a mail program, and by a page in a browser."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Sandbox, SqliteLedger
from messaging_channels.consent import (
    UnsubscribeAsgiApp,
    UnsubscribeLinks,
    UnsubscribePage,
    UnsubscribeWsgiApp,
)
from messaging_channels.errors import ConfigurationError, MessageBlocked

PERSON = "Zoe@example.com"
SECRET = "a secret of the tests"
URL = "https://example.com/leave"
ONE_CLICK = "application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"
MULTIPART = (
    'multipart/form-data; boundary="xyz"',
    b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
)
Ask = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher([Sandbox()], ledger=SqliteLedger(owned=True)) as made:
        yield made


@pytest.fixture
def links(dispatcher: Dispatcher) -> UnsubscribeLinks:
    return UnsubscribeLinks(URL, SECRET, dispatcher.consent.recipient_key)


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest, dispatcher: Dispatcher, links: UnsubscribeLinks) -> Iterator[Ask]:
    page = UnsubscribePage(title="<News> & more")
    if request.param == "wsgi":
        app = validator(UnsubscribeWsgiApp(links, dispatcher.consent, page=page))  # type: ignore[arg-type]
        yield lambda *call: _ask_wsgi(app, *call)
        return
    ledger = dispatcher._pipeline.recorder.options.ledger  # noqa: SLF001  the same for both
    with asyncio.Runner() as runner:
        other = runner.run(_made(ledger))
        asgi = UnsubscribeAsgiApp(links, other.consent, page=page)
        yield lambda *call: runner.run(_ask_asgi(asgi, *call))


async def _made(ledger: Any) -> AsyncDispatcher:
    return AsyncDispatcher([Sandbox()], ledger=ledger)


def _ask_wsgi(app: Any, method: str, path: str, content_type: str = "", body: bytes = b"") -> Any:
    told: list[Any] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "example.com", "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    if method == "POST":
        environ |= {"CONTENT_TYPE": content_type or "text/plain", "CONTENT_LENGTH": str(len(body))}

    def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
        told.extend((int(status[:3]), dict(headers)))
        return lambda _: None

    parts = app(environ, start)
    text = b"".join(parts).decode()
    parts.close()
    return told[0], told[1], text


async def _ask_asgi(app: Any, method: str, path: str, content_type: str = "", body: bytes = b"") -> Any:
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"content-type", content_type.encode())],
    }
    chunks, sent = [body[:5], body[5:]], []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"].decode()


def _path(links: UnsubscribeLinks, category: str = "newsletter") -> str:
    return links.url(PERSON, category=category).removeprefix("https://example.com")


def _is_blocked(dispatcher: Dispatcher, category: str = "newsletter", to: str = PERSON) -> bool:
    try:
        dispatcher.send(Email("News", "text", category=category), to=to)
    except MessageBlocked:
        return True
    return False


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ONE_CLICK,
        MULTIPART,
        (ONE_CLICK[0], ONE_CLICK[1] + b"\r\n"),
        (f"{ONE_CLICK[0]}; charset=UTF-8", ONE_CLICK[1]),
        (ONE_CLICK[0].title(), b"a=b&List%2DUnsubscribe=One%2DClick"),
        ("", ONE_CLICK[1]),
        ("Multipart/Form-Data; boundary=xyz", MULTIPART[1]),
        (MULTIPART[0], MULTIPART[1].replace(b"\r\n", b"\n")),
        (
            MULTIPART[0],
            MULTIPART[1].replace(b'"List-Unsubscribe"', b"List-Unsubscribe\r\nContent-Type: text/plain"),
        ),
    ],
)
def test_one_click_takes_the_person_off_that_list_and_repeats_change_nothing(
    ask: Ask, links: UnsubscribeLinks, dispatcher: Dispatcher, content_type: str, body: bytes
) -> None:
    assert not _is_blocked(dispatcher)
    answers = [ask("POST", _path(links), content_type, body) for _ in range(2)]
    assert answers[0] == answers[1]
    status, headers, _ = answers[0]
    assert status == 200
    assert not {"location", "set-cookie"} & set(headers)
    assert _is_blocked(dispatcher, to="zoe@EXAMPLE.com")
    assert not _is_blocked(dispatcher, "other")
    assert not _is_blocked(dispatcher, "transactional")
    assert not _is_blocked(dispatcher, to="max@example.com")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_a_link_changes_nothing(
    ask: Ask, links: UnsubscribeLinks, dispatcher: Dispatcher, method: str
) -> None:
    status, headers, text = ask(method, _path(links))
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert ("<form" in text) is (method == "GET")
    assert "<News>" not in text
    assert "example.com" not in text
    assert not _is_blocked(dispatcher)


def test_the_buttons_of_the_page_do_what_they_say(
    ask: Ask, links: UnsubscribeLinks, dispatcher: Dispatcher
) -> None:
    form = "application/x-www-form-urlencoded"
    _, _, text = ask("GET", _path(links))
    assert re.findall(r'value="(\w+)"', text) == ["unsubscribe", "everything"]
    ask("POST", _path(links), form, b"choice=unsubscribe")
    assert _is_blocked(dispatcher)
    ask("POST", _path(links), form, b"choice=resubscribe")
    assert not _is_blocked(dispatcher)
    _, _, text = ask("POST", _path(links), form, b"choice=everything")
    assert _is_blocked(dispatcher, "other")
    assert re.findall(r'value="(\w+)"', text) == ["resubscribe_all"]
    ask("POST", _path(links), form, b"choice=resubscribe_all")
    assert not _is_blocked(dispatcher, "other")


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("POST", b"", 400),
        ("POST", b"List-Unsubscribe=Two-Clicks", 400),
        ("POST", b"x=" + b"y" * 70_000, 413),
        ("DELETE", b"", 405),
        ("PUT", b"List-Unsubscribe=One-Click", 405),
    ],
)
def test_other_calls_change_nothing(
    ask: Ask, links: UnsubscribeLinks, dispatcher: Dispatcher, method: str, body: bytes, status: int
) -> None:
    assert ask(method, _path(links), ONE_CLICK[0], body)[0] == status
    assert not _is_blocked(dispatcher)


def test_a_link_that_we_did_not_make_is_not_known(
    ask: Ask, links: UnsubscribeLinks, dispatcher: Dispatcher
) -> None:
    other = UnsubscribeLinks(URL, "another secret of tests", dispatcher.consent.recipient_key)
    good = _path(links)
    for path in (
        _path(other),
        good[:-1],
        good + "A",
        good.replace("v1.", "v2."),
        "/leave/",
        "/leave/v1..",
        "/",
    ):
        assert ask("POST", path, *ONE_CLICK)[0] == 404
    assert not _is_blocked(dispatcher)


def test_secrets_can_be_changed_and_bad_settings_are_refused(
    links: UnsubscribeLinks, dispatcher: Dispatcher
) -> None:
    key = dispatcher.consent.recipient_key
    changed = UnsubscribeLinks(URL, ["a new secret of the tests", SECRET], key)
    assert changed.read(links.token(PERSON)) == links.read(links.token("zoe@example.com"))
    assert links.read(changed.token(PERSON)) is None
    for url, secret in (("http://example.com", SECRET), (URL, "short"), (URL, []), (f"{URL}?a=b", SECRET)):
        with pytest.raises(ConfigurationError):
            UnsubscribeLinks(url, secret, key)


@given(st.text())
def test_any_text_is_read_as_a_token_or_as_none(text: str) -> None:
    assert UnsubscribeLinks(URL, SECRET, lambda _: "digest").read(text) is None


def test_a_mail_names_the_link_and_holds_no_address_in_it(
    links: UnsubscribeLinks, dispatcher: Dispatcher
) -> None:
    header = links.header(PERSON, category="newsletter")
    assert header.url is not None
    assert "zoe" not in header.url.lower()
    receipt = dispatcher.send(
        Email("News", "text", list_unsubscribe=header, category="newsletter"), to=PERSON
    )
    assert receipt.outcome == "accepted"
