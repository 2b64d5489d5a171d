"""The page of the development and that of the calls, in a real browser."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import Peer, Server

from messaging_channels import Attachment, Dispatcher, Email, Sandbox, Sms
from messaging_channels.testing import Clock

EVIL = (
    '<b id="good">bold</b><script>parent.document.title="evil"</script>'
    '<img src="data:," onerror="parent.document.title=\'evil\'"><a href="javascript:alert(1)">x</a>'
)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _until(check: Callable[[], Any]) -> Any:
    for _ in range(300):
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(check)


def _find(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


class Held(Clock):
    """Lets nobody wait to the end before it is released: so no report is fetched before the page was looked at."""

    def __init__(self) -> None:
        self.released = threading.Event()

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.to_thread(self.released.wait)
        await super().sleep_async(seconds)


@pytest.fixture
def held() -> Iterator[Held]:
    clock = Held()
    yield clock
    clock.released.set()


def test_the_page_shows_bubbles_and_mail_and_statuses_as_they_change(
    browser: Any, serve: Any, held: Held
) -> None:
    served = serve(clock=held, poll_interval=0.05)
    sms = served.sms(text="Your code is <4821>").json()["messages"][0]["messageId"]
    whatsapp = {"to": "447700900101", "content": {"text": "Hello\nZoë"}}
    served.client.post("/v1/apps/message/whatsapp", json=whatsapp)
    mail = {
        "to": "zoe@example.com",
        "content": {"subject": "A <i>subject</i>", "html": EVIL, "text": "plain words"},
    }
    served.client.post("/v1/apps/message/email", json=mail)
    browser.get(f"{served.url}/preview")
    _until(lambda: len(_find(browser, ".message")) == 3)
    assert _find(browser, ".message.sms .said")[0].text == "Your code is <4821>"
    assert _find(browser, ".message.whatsapp .said")[0].text == "Hello\nZoë"
    assert _find(browser, ".message.email .subject")[0].text == "A <i>subject</i>"
    assert _find(browser, ".message.email pre.text")[0].text == "plain words"
    status = _find(browser, f"#m{sms} .status")[0]
    assert status.text == "PENDING_ACCEPTED"
    held.released.set()
    _until(lambda: status.text == "DELIVERED_TO_HANDSET")
    served.sms(to="447700900001", text="no")
    _until(lambda: len(_find(browser, ".message .status.rejected")) == 1)


def test_a_mail_runs_nothing_and_fetches_nothing(browser: Any, serve: Any) -> None:
    served = serve()
    with Server(Peer.serve) as tracker:
        html = f'{EVIL}<img id="spy" src="{tracker.url}/x.png">'
        mail = {"to": "zoe@example.com", "content": {"subject": "s", "html": html}}
        served.client.post("/v1/apps/message/email", json=mail)
        browser.get(f"{served.url}/preview")
        frame = _until(lambda: _find(browser, "iframe"))[0]
        assert frame.get_attribute("sandbox") == ""
        browser.switch_to.frame(frame)
        assert _until(lambda: _find(browser, "#good"))[0].text == "bold"
        _until(lambda: _find(browser, "#spy")[0].get_property("complete"))
        assert _find(browser, "#spy")[0].get_property("naturalWidth") == 0
        browser.switch_to.default_content()
        assert browser.title.startswith("What was sent")
        assert tracker.connections == 0


def test_what_a_program_sends_by_the_library_is_caught_as_it_comes(
    browser: Any, serve: Any, tmp_path: Path
) -> None:
    served = serve(home=tmp_path, settings={"providers": {"sandbox": {"home": str(tmp_path)}}})
    browser.get(f"{served.url}/preview")
    assert _find(browser, ".message") == []
    mail = Email(
        "Your invoice",
        html='<img id="logo" src="cid:logo">',
        attachments=(
            Attachment.inline(PIXEL, "logo", content_type="image/png"),
            Attachment(b"Total: 10 EUR", "invoice.txt"),
        ),
    )
    with Dispatcher([Sandbox(tmp_path / "sandbox.sqlite3")]) as dispatcher:
        dispatcher.send(Sms("By the library"), to="+447700900123")
        dispatcher.send(mail, to="zoe@example.com")

    _until(lambda: len(_find(browser, ".message")) == 2)

    assert _find(browser, ".message.sms .said")[0].text == "By the library"
    assert _find(browser, ".message.sms .tenant")[0].text == "(library)"
    link = next(one for one in _find(browser, ".files a") if one.text == "invoice.txt")
    file = httpx.get(link.get_attribute("href"))
    assert file.content == b"Total: 10 EUR"
    assert file.headers["content-disposition"].startswith("attachment")
    browser.switch_to.frame(_find(browser, "iframe")[0])
    _until(lambda: _find(browser, "#logo")[0].get_property("naturalWidth") == 1)
    browser.switch_to.default_content()


def test_the_page_shows_what_was_sent_without_javascript(serve: Any) -> None:
    served = serve()
    served.sms(text="Your code is <4821>")

    shown = httpx.get(f"{served.url}/preview").text

    assert "Your code is &lt;4821&gt;" in shown


@pytest.mark.usefixtures("_viewer")
def test_the_calls_are_described_and_tried_on_the_page(browser: Any, serve: Any) -> None:
    served = serve()
    browser.get(f"{served.url}/docs")
    call = _until(lambda: _find(browser, "#operations-Addresses-send_sms_to_addresses"))[0]
    assert len(_find(browser, ".opblock")) >= 25
    assert _find(browser, ".problems #rejected")
    _find(browser, ".authorize")[0].click()
    _until(lambda: _find(browser, ".auth-container input"))[0].send_keys(served.key)
    _find(browser, ".auth-btn-wrapper .authorize")[0].click()
    _find(browser, ".auth-btn-wrapper .btn-done")[0].click()
    call.find_element("css selector", ".opblock-summary-control").click()
    _until(lambda: call.find_elements("css selector", ".execute"))[0].click()
    shown = _until(lambda: call.find_elements("css selector", ".live-responses-table .response"))[0]
    _until(lambda: "PENDING_ACCEPTED" in shown.text)
    faults = [one["message"] for one in browser.get_log("browser") if one["level"] == "SEVERE"]
    assert [line for line in faults if served.url in line] == []


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/assets/docs.js", "/assets/live.js", "/assets/style.css", "/preview", "/openapi.json"],
)
def test_the_pages_load_nothing_from_elsewhere(served: Any, path: str) -> None:
    answer = served.client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    text = answer.text.replace("https://example.com/", "").replace("https?://", "")
    assert "://" not in text


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css"])
@pytest.mark.usefixtures("_viewer")
def test_the_viewer_of_the_calls_comes_from_this_service(served: Any, name: str) -> None:
    assert served.client.get(f"/assets/{name}").status_code == 200


@pytest.mark.parametrize("name", ["../endpoints.py", "..%2fendpoints.py", "docs.html", "nothing"])
def test_nothing_else_is_served_as_a_file(served: Any, name: str) -> None:
    assert served.client.get(f"/assets/{name}").status_code == 404


def test_the_page_of_the_development_is_for_this_machine_and_not_by_another_name(served: Any) -> None:
    names = (
        "evil.example",
        f"evil.example:{httpx.URL(served.url).port}",
        "127.0.0.1.evil.example",
        "",
        "localhost:x",
    )
    for host in names:
        for path in ("/preview", "/preview/messages", "/preview/x/files/0"):
            assert httpx.get(served.url + path, headers={"host": host}).status_code == 404
    assert httpx.get(f"{served.url}/preview").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-server", "x-forwarded", "forwarded", "x-real-ip", "via",
        "cf-connecting-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "fly-client-ip", "x-original-forwarded-for",
        "x-envoy-external-address", "x-amzn-trace-id", "tailscale-user-login", "x-appengine-user-ip", "x-azure-clientip", "cdn-loop",
        "cloudfront-viewer-address", "x-varnish", "x-request-start", "x-amz-cf-id", "surrogate-capability", "akamai-origin-hop", "x-railway-edge",
    ],
)  # fmt: skip
def test_the_page_of_the_development_is_not_reached_through_a_proxy(served: Any, header: str) -> None:
    for path in ("/preview", "/preview/messages"):
        assert httpx.get(served.url + path, headers={header: "203.0.113.5"}).status_code == 404


def test_a_proxy_that_says_nothing_but_speaks_as_proxies_do_is_refused(served: Any) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port), timeout=10) as connection:
        connection.sendall(b"GET /preview HTTP/1.0\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        answer = connection.recv(4096)

    assert b" 404 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("connection", "status"),
    [("Connection: keep-alive\r\n", 200), ("Connection: close\r\n", 404), ("Connection: upgrade, x\r\n", 404), ("", 404)],
    ids=str,
)  # fmt: skip
def test_a_browser_that_a_silent_proxy_speaks_for_is_refused(
    served: Any, connection: str, status: int
) -> None:
    """As nginx does with `proxy_http_version 1.1` and no more, or a development server with `changeOrigin`: they name our host and no other."""
    import socket

    request = f"GET /preview HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n{connection}\r\n"
    with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port), timeout=10) as client:
        client.sendall(request.encode())
        answer = client.recv(4096)

    assert answer.split(b" ")[1] == str(status).encode()


def test_a_program_may_close_its_connection(served: Any) -> None:
    headers = {"connection": "close", "user-agent": "Python-urllib/3.13"}

    assert httpx.get(f"{served.url}/preview/messages", headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["origin", "referer"])
def test_a_page_of_elsewhere_cannot_read_the_page_of_the_development(served: Any, header: str) -> None:
    answer = httpx.get(f"{served.url}/preview/messages", headers={header: "https://shop.example.com"})

    assert answer.status_code == 404


def test_a_name_of_the_page_of_the_development_may_be_configured_for_a_trusted_proxy(serve: Any) -> None:
    served = serve(trusted_proxies="127.0.0.1", preview_hosts="dev.example.com")
    through = {"x-forwarded-for": "203.0.113.5", "x-forwarded-proto": "https"}

    statuses = [
        httpx.get(f"{served.url}/preview", headers={**through, "x-forwarded-host": host}).status_code
        for host in ("dev.example.com", "www.example.com")
    ]

    assert statuses == [200, 404]


def test_a_name_that_is_configured_is_worth_nothing_without_a_trusted_proxy(serve: Any) -> None:
    served = serve(preview_hosts="dev.example.com")

    answer = httpx.get(f"{served.url}/preview", headers={"host": "dev.example.com"})

    assert answer.status_code == 404


def test_there_is_no_such_page_in_production(serve: Any) -> None:
    served = serve(preview=False)
    assert served.client.get("/preview").status_code == 404
    assert served.client.get("/preview/messages").status_code == 404


def test_the_first_page_says_what_this_is_and_where_to_go(browser: Any, served: Any) -> None:
    told = httpx.get(served.url + "/").json()
    browser.get(served.url + "/")

    assert told["name"] == "messaging-channels"
    places = {one.get_attribute("href") for one in _find(browser, "main a")}
    assert places >= {
        served.url + told[name] for name in ("docs", "openapi", "operator", "preview", "health")
    }


def test_the_first_page_names_the_page_of_the_development_to_nobody_else(served: Any) -> None:
    told = httpx.get(served.url + "/", headers={"x-forwarded-for": "203.0.113.5"}).json()

    assert told["preview"] is None
