"""The pages, in a real browser without a window."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from loopback import Peer, Server

from messaging_channels.testing import Clock

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_a_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="chromium and chromedriver are not installed"
)
EVIL = (
    '<b id="good">bold</b><script>parent.document.title="evil"</script>'
    '<img src="data:," onerror="parent.document.title=\'evil\'"><a href="javascript:alert(1)">x</a>'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


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


@needs_a_browser
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
    _until(lambda: len(_find(browser, ".message .status.REJECTED")) == 1)


@needs_a_browser
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
        assert browser.title == "What was sent"
        assert tracker.connections == 0


@needs_a_browser
def test_the_calls_are_described_and_tried_on_the_page(browser: Any, serve: Any) -> None:
    served = serve()
    browser.get(f"{served.url}/docs")
    _until(lambda: _find(browser, "#send_sms_to_addresses"))
    assert len(_find(browser, "#calls > details")) >= 25
    assert _find(browser, "#problems #rejected")
    _find(browser, "#key")[0].send_keys(served.key)
    _find(browser, "#send_sms_to_addresses > summary")[0].click()
    _find(browser, "#send_sms_to_addresses button")[0].click()
    shown = _until(lambda: _find(browser, "#send_sms_to_addresses .result")[0].text)
    assert shown.startswith("200")
    assert "PENDING_ACCEPTED" in shown
    faults = [one["message"] for one in browser.get_log("browser") if one["level"] == "SEVERE"]
    assert [line for line in faults if served.url in line and "favicon" not in line] == []


@pytest.mark.parametrize(
    "path", ["/docs", "/docs.js", "/style.css", "/preview", "/preview.js", "/openapi.json"]
)
def test_the_pages_load_nothing_from_elsewhere(served: Any, path: str) -> None:
    answer = served.client.get(path)
    assert answer.status_code == 200
    assert "://" not in answer.text.replace("http://127.0.0.1", "").split('"info"', 1)[0].replace(
        "https?://", ""
    )


def test_the_page_of_the_development_is_for_this_machine_and_not_by_another_name(served: Any) -> None:
    for host in ("evil.example", f"evil.example:{httpx.URL(served.url).port}", "127.0.0.1.evil.example"):
        for path in ("/preview", "/preview/messages", "/preview.js"):
            assert httpx.get(served.url + path, headers={"host": host}).status_code == 404
    assert httpx.get(f"{served.url}/preview").status_code == 200


def test_there_is_no_such_page_in_production(serve: Any) -> None:
    served = serve(preview=False)
    assert served.client.get("/preview").status_code == 404
    assert served.client.get("/preview/messages").status_code == 404
