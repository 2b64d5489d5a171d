"""A call as real web frameworks hand it on: body, headers, public URL and time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import RequestFactory, override_settings
from django.utils.functional import empty
from flask import Flask
from flask import request as flask_request
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request  # noqa: TC002  Starlette reads the annotation
from starlette.responses import Response
from starlette.routing import Route
from werkzeug.test import EnvironBuilder

from messaging_channels import WebhookRequest
from messaging_channels.errors import InvalidArgument, InvalidMessage, InvalidSetting


@pytest.fixture(scope="module", autouse=True)
def _django_settings() -> Iterator[None]:
    """Settings for as long as these tests run: another module's project in this process has its own."""
    if settings.configured:
        with override_settings(ALLOWED_HOSTS=["*"]):
            yield
        return
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="x", DATABASES={})
    yield
    settings._wrapped = empty  # noqa: SLF001  Django has no other way back


BODY = b'{"a": "\xc3\xa9"}'
PATH = "/hooks/shop%20one?b=2&a=%2F"
HEADERS = {"X-Signature": "abc", "Content-Type": "application/json", "Host": "internal:8000"}
Make = Callable[..., WebhookRequest]


def _by_wsgi(peer: str, headers: Mapping[str, str], **options: Any) -> WebhookRequest:
    environ = EnvironBuilder(
        path="/", base_url="http://internal:8000", method="POST", headers=dict(headers), data=BODY
    ).get_environ()
    environ |= {"REMOTE_ADDR": peer, "RAW_URI": PATH, "REQUEST_URI": PATH}
    return WebhookRequest.from_wsgi(environ, **options)


def _by_flask(peer: str, headers: Mapping[str, str], **options: Any) -> WebhookRequest:
    app, made = Flask("shop"), []

    @app.post("/hooks/<name>")
    def hook(name: str) -> str:
        made.append((name, WebhookRequest.from_flask(flask_request, **options)))
        return "ok"

    client = app.test_client()
    overrides = {"REMOTE_ADDR": peer, "RAW_URI": PATH, "REQUEST_URI": PATH}
    client.post(PATH, data=BODY, headers=dict(headers), environ_overrides=overrides)
    return made[0][1]


def _by_django(peer: str, headers: Mapping[str, str], **options: Any) -> WebhookRequest:
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    content_type = named.pop("HTTP_CONTENT_TYPE")
    request = RequestFactory().generic(
        "POST", PATH, BODY, content_type, REMOTE_ADDR=peer, RAW_URI=PATH, **named
    )
    return WebhookRequest.from_django(request, **options)


def _by_starlette(peer: str, headers: Mapping[str, str], **options: Any) -> WebhookRequest:
    made: list[WebhookRequest] = []

    async def hook(request: Request) -> Response:
        made.append(await WebhookRequest.from_starlette(request, **options))
        return Response("ok")

    app = Starlette(routes=[Route("/hooks/{name}", hook, methods=["POST"])])
    transport = httpx.ASGITransport(app=app, client=(peer, 4711))

    async def post() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://internal:8000") as client:
            await client.post(PATH, content=BODY, headers=dict(headers))

    asyncio.run(post())
    return made[0]


FRAMEWORKS = [_by_wsgi, _by_flask, _by_django, _by_starlette]
every_framework = pytest.mark.parametrize("make", FRAMEWORKS, ids=lambda one: one.__name__[4:])


@every_framework
def test_a_call_is_handed_on_whole(make: Make) -> None:
    began = time.time()

    call = make("203.0.113.7", HEADERS)

    assert call.body == BODY
    assert call.headers["x-signature"] == "abc"
    assert call.headers["content-type"] == "application/json"
    assert call.method == "POST"
    assert call.url == "http://internal:8000" + PATH
    assert began - 1 <= call.received_at <= time.time() + 1


FORWARDED = {**HEADERS, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example.com"}


@every_framework
@pytest.mark.parametrize(
    ("peer", "trusted", "base"),
    [
        ("10.0.0.5", (), "http://internal:8000"),
        ("10.0.0.5", ("10.0.0.0/8",), "https://shop.example.com"),
        ("10.0.0.5", "10.0.0.5", "https://shop.example.com"),
        ("203.0.113.7", ("10.0.0.0/8",), "http://internal:8000"),
        ("203.0.113.7", ("*",), "https://shop.example.com"),
        ("::ffff:10.0.0.5", ("10.0.0.0/8",), "https://shop.example.com"),
    ],
)
def test_only_a_trusted_proxy_says_which_url_was_called(
    make: Make, peer: str, trusted: Any, base: str
) -> None:
    assert make(peer, FORWARDED, trusted_proxies=trusted).url == base + PATH


@every_framework
def test_a_public_url_goes_before_everything(make: Make) -> None:
    call = make("10.0.0.5", FORWARDED, trusted_proxies=["*"], public_url="https://api.example.com/v2/")

    assert call.url == "https://api.example.com/v2" + PATH


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"}, "https://internal:8000"),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example.com", "X-Forwarded-Port": "443"},
            "https://a.example.com",
        ),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example.com", "X-Forwarded-Port": "8443"},
            "https://a.example.com:8443",
        ),
        ({"X-Forwarded-Host": "a.example.com", "X-Forwarded-Prefix": "/api"}, "http://a.example.com/api"),
        ({"Forwarded": 'for=192.0.2.1;proto=https;host="a.example.com"'}, "https://a.example.com"),
        # the outermost of two trusted proxies knows
        (
            {
                "X-Forwarded-For": "203.0.113.7, 10.0.0.9",
                "X-Forwarded-Proto": "https, http",
                "X-Forwarded-Host": "a.example.com, b",
            },
            "https://a.example.com",
        ),
        # whoever is before them may say what they like
        (
            {
                "X-Forwarded-For": "1.1.1.1, 203.0.113.7",
                "X-Forwarded-Proto": "https, http",
                "X-Forwarded-Host": "evil, a.example.com",
            },
            "http://a.example.com",
        ),
        ({"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "a b/c?"}, "http://internal:8000"),
    ],
)
def test_what_proxies_say_is_read_as_they_write_it(headers: dict[str, str], url: str) -> None:
    call = _by_wsgi("10.0.0.5", {**HEADERS, **headers}, trusted_proxies=["10.0.0.0/8"])

    assert call.url == url + PATH


def test_a_wsgi_server_that_gives_no_raw_path_has_its_path_encoded_again() -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": b"/a b".decode("latin-1"),
        "QUERY_STRING": "x=1",
        "CONTENT_LENGTH": "2",
        "wsgi.input": BytesIO(b"hi and more"),
    }

    call = WebhookRequest.from_wsgi(environ)

    assert call.url == "https://shop.example.com/app/a%20b?x=1"
    assert call.body == b"hi"
    assert environ["wsgi.input"].read() == b"hi"  # type: ignore[attr-defined]


def test_a_form_that_was_read_before_is_refused_in_words() -> None:
    app, refused = Flask("shop"), []

    @app.post("/")
    def hook() -> str:
        assert flask_request.form["a"] == "1"
        with pytest.raises(InvalidMessage) as error:
            WebhookRequest.from_flask(flask_request)
        refused.append(str(error.value))
        return "ok"

    app.test_client().post("/", data={"a": "1"})

    assert "before its form is read" in refused[0]


@given(name=st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True), value=st.text(max_size=20))
def test_a_header_is_found_in_whatever_case_it_was_written(name: str, value: str) -> None:
    for written in (name, name.upper(), name.lower(), name.title()):
        assert WebhookRequest(b"", {written: value}).headers == {name.lower(): value}


def test_a_header_that_comes_twice_is_one_list() -> None:
    assert WebhookRequest(b"", {"A": "1", "a": "2"}).headers == {"a": "1, 2"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("text", {}),
        (None, {}),
        ({"a": 1}, {}),
        (b"", None),
        (b"", [("a", "b")]),
        (b"", {"a": 1}),
        (b"", {b"a": "b"}),
    ],
)
def test_what_is_no_call_is_refused_at_once(body: Any, headers: Any) -> None:
    with pytest.raises(InvalidMessage):
        WebhookRequest(body, headers)


@pytest.mark.parametrize("options", [{"trusted_proxies": ["proxy"]}, {"public_url": "shop.example.com"}])
def test_a_proxy_or_url_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        _by_wsgi("10.0.0.5", HEADERS, **options)


def test_a_request_of_a_framework_is_not_taken_for_a_call() -> None:
    from messaging_channels import AsyncDispatcher, Dispatcher, Sandbox

    with Dispatcher([Sandbox()]) as dispatcher, pytest.raises(InvalidArgument, match="from_django"):
        dispatcher.handle_webhook("sandbox", RequestFactory().post("/"))  # type: ignore[arg-type]

    async def run() -> None:
        async with AsyncDispatcher([Sandbox()]) as door:
            with pytest.raises(InvalidArgument, match="from_starlette"):
                await door.handle_webhook("sandbox", object())  # type: ignore[arg-type]

    asyncio.run(run())
