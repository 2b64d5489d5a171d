"""The operator's page: who may look, and what it shows, in a real browser and without one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging_channels import Dispatcher, SqliteLedger
from messaging_channels.events import Advice, FailureReason
from messaging_channels.plugins import Outcome
from messaging_channels_gateway.pages._table_advice import ADVICE_TEXTS, FAILURE_TEXTS, OUTCOME_TEXTS

pytestmark = pytest.mark.slow

PAGES = (
    "",
    "/messages",
    "/queue",
    "/consent?address=447700900101",
    "/users",
    "/users/u1",
    "/persons",
    "/persons/i1",
    "/settings",
)
MAIL = {
    "to": "zoe@example.com",
    "content": {
        "subject": "Your <i>invoice</i>",
        "text": "plain words",
        "html": '<b id="good">bold</b><script>parent.document.title="evil"</script>',
        "attachments": [{"filename": "a.txt", "contentType": "text/html", "content": "PHNjcmlwdD4="}],
    },
}


def _write_directory(served: Any) -> None:
    person = {"firstName": "Zoë", "contactInformation": {"phone": [{"number": "447700900103"}]}}
    served.client.put("/v1/users/u1", json={"username": "zoe", "channel": {"sms": "447700900101"}})
    served.client.put("/v1/identities/i1", json={"type": "person", "person": person})


@pytest.fixture(scope="module")
def stand(serve_once: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A gateway with a message of each end, a mail, a User and a Person: to be looked at."""
    home = tmp_path_factory.mktemp("operator")
    settings = {
        "providers": {"sandbox": {"home": str(home)}},
        "routes": dict.fromkeys(("sms", "whatsapp", "email"), "sandbox"),
        "ledger": {"url": f"sqlite:{home / 'ledger.sqlite3'}"},
    }
    served = serve_once(home=home, settings=settings, poll_interval=0.05)
    ids = [served.sms(to=to).json()["messages"][0]["messageId"] for to in ("447700900123", "447700900005")]
    served.sms(to="447700900001")
    ids.append(served.client.post("/v1/apps/message/email", json=MAIL).json()["messages"][0]["messageId"])
    _write_directory(served)
    for message_id, end in zip(ids, ("delivered", "failed", "delivered"), strict=True):
        served.told(message_id, end)
    return served


@pytest.fixture
def written(serve: Any) -> Any:
    """A gateway with a User and a Person: to be written to."""
    served = serve()
    _write_directory(served)
    return served


def _element(browser: Any, selector: str) -> Any:
    """Wait for an element: a page may still be on its way."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda driver: driver.find_element("css selector", selector))


def _type_key(browser: Any, key: str) -> None:
    """Log in, and wait for the page behind the login."""
    _element(browser, "#key").send_keys(key + "\n")
    _element(browser, "nav[aria-label=Pages]")


def _look(browser: Any, scheme: str, width: int) -> None:
    feature = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.usefixtures("_viewer")
def test_axe_finds_nothing_on_any_page(browser: Any, axe: str, stand: Any) -> None:
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(f"{stand.url}/operator/login")
    _type_key(browser, stand.key)
    sent = stand.client.get("/v1/messages").json()["messages"]
    messages = [
        f"/messages/{one['messageId']}" for one in sent if one["channel"] == "email" or one["failure"]
    ]
    found: dict[str, Any] = {}
    for path in ("/", "/docs", "/preview", *(f"/operator{one}" for one in (*PAGES, *messages[:2], "/login"))):
        browser.get(stand.url + path)
        if path == "/docs":
            _element(browser, ".opblock")
        browser.execute_script(axe)
        for scheme, width in (("light", 1200), ("dark", 360)):
            _look(browser, scheme, width)
            wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
            run = "axe.run().then(done => arguments[0](done.violations.map(one => one.id)))"
            found[f"{path} {scheme}"] = [*browser.execute_async_script(run), *(["too wide"] if wide else [])]
    _look(browser, "light", 1200)

    assert {path: faults for path, faults in found.items() if faults} == {}


def test_a_person_logs_in_searches_and_reads_why_a_message_failed(browser: Any, stand: Any) -> None:
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(f"{stand.url}/operator/messages")
    _type_key(browser, stand.key)
    _element(browser, "[name=status]").send_keys("REJECTED\n")
    _element(browser, "[name=status][value=REJECTED]")
    rows = browser.find_elements("css selector", "table.found tbody tr")
    assert len(rows) == 1
    rows[0].find_element("css selector", "a").click()

    text = _element(browser, ".failure").text + browser.find_element("id", "main").text

    assert "REJECTED_DESTINATION" in text
    assert "Why, and what to do" in text
    assert "sandbox refused it for good" in text


def test_the_keyboard_goes_to_the_content_first_and_the_focus_is_seen(browser: Any, stand: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(f"{stand.url}/")
    browser.find_element("css selector", "body").send_keys(Keys.TAB)
    first = browser.switch_to.active_element
    assert first.get_attribute("href").endswith("#main")
    assert first.value_of_css_property("outline-style") != "none"
    first.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"


def test_the_mail_of_a_message_is_shown_as_it_looks_and_runs_nothing(browser: Any, stand: Any) -> None:
    message_id = stand.client.get("/v1/messages?channel=email").json()["messages"][0]["messageId"]
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(f"{stand.url}/operator/messages/{message_id}")
    _type_key(browser, stand.key)
    assert browser.find_element("css selector", ".subject").text == "Your <i>invoice</i>"
    assert browser.find_element("css selector", "pre.text").text == "plain words"
    frame = browser.find_element("css selector", "iframe")
    assert frame.get_attribute("sandbox") == ""
    browser.switch_to.frame(frame)
    assert browser.find_element("id", "good").text == "bold"
    browser.switch_to.default_content()
    assert browser.title.startswith("Message")

    file = stand.log_in().get(f"/operator/messages/{message_id}/files/0")

    assert file.text == "<script>"
    assert file.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in file.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_anything_without_logging_in(served: Any, path: str) -> None:
    answer = httpx.get(f"{served.url}/operator{path}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/operator/login?next=")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_without_javascript(stand: Any, path: str) -> None:
    answer = stand.log_in().get(f"/operator{path}")

    assert answer.status_code == 200
    assert "<h1>" in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize("key", ["", "x", "mc_live_aaaaaaaa_" + "a" * 43, "ü" * 60])
def test_a_wrong_key_opens_no_session(served: Any, key: str) -> None:
    answer = httpx.post(f"{served.url}/operator/login", data={"key": key})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert key == "" or key not in answer.text or key == "x"


def test_a_key_that_may_not_read_messages_opens_no_session(served: Any) -> None:
    key = served.gateway.api_keys.create("sender", tenant=served.tenant, scopes=["send:sms"])

    answer = httpx.post(f"{served.url}/operator/login", data={"key": key})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_session_ends_with_its_key_and_with_the_log_out(serve: Any) -> None:
    served = serve()
    client = served.log_in()
    assert client.get("/operator").status_code == 200
    cookie = dict(client.cookies)
    client.post("/operator/logout")
    assert client.get("/operator").status_code == 303

    served.gateway.api_keys.expire(served.key.split("_")[2], 0.0)

    assert httpx.get(f"{served.url}/operator", cookies=cookie).status_code == 303


def test_a_session_ends_after_twelve_hours(serve: Any, clock: Any) -> None:
    served = serve(clock=clock)
    client = served.log_in()
    clock.ahead = 12 * 3600 - 60
    assert client.get("/operator").status_code == 200

    clock.ahead = 12 * 3600 + 1

    assert client.get("/operator").status_code == 303


@pytest.mark.parametrize("change", ["until", "key", "signature", "nothing", "dots"])
def test_a_session_that_was_made_up_is_none(serve: Any, change: str) -> None:
    served = serve()
    key_id, until, signature = served.log_in().cookies["messaging_channels_operator"].split(".")
    made = {
        "until": f"{key_id}.{int(until) + 1}.{signature}",
        "key": f"aaaaaaaa.{until}.{signature}",
        "signature": f"{key_id}.{until}.{'0' * 64}",
        "nothing": "",
        "dots": "....",
    }[change]

    answer = httpx.get(f"{served.url}/operator", cookies={"messaging_channels_operator": made})

    assert answer.status_code == 303


def test_the_cookie_is_for_the_page_alone_and_no_script_reads_it(serve: Any) -> None:
    served = serve(public_url="https://messages.example.com")

    answer = httpx.post(f"{served.url}/operator/login", data={"key": served.key})

    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "secure", "path=/operator"))


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/operator/../x",
        "/operatorx",
        "/\\evil.example",
        "javascript:alert(1)",
        "/operator\r\nx: y",
    ],
)
def test_the_login_leads_nowhere_else(served: Any, wanted: str) -> None:
    answer = httpx.post(f"{served.url}/operator/login", data={"key": served.key, "next": wanted})

    assert answer.headers["location"] == "/operator"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_a_form_of_another_page_is_refused(serve: Any, headers: dict[str, str]) -> None:
    served = serve()
    client = served.log_in()

    refused = client.post("/operator/users/u1", data={"username": "x"}, headers=headers)

    assert refused.status_code == 403
    assert served.client.get("/v1/users/u1").status_code == 404


def test_a_tenant_sees_nothing_of_another_one(serve: Any) -> None:
    served = serve()
    theirs = served.sms().json()["messages"][0]["messageId"]
    key = served.gateway.api_keys.create("other", tenant="other")
    client = served.log_in(key)

    assert client.get(f"/operator/messages/{theirs}").status_code == 404
    assert theirs[-8:] not in client.get("/operator/messages?tenant=default").text
    assert client.get("/operator/settings").status_code == 403


def test_a_key_that_operates_sees_every_tenant(serve: Any) -> None:
    served = serve()
    theirs = served.sms().json()["messages"][0]["messageId"]
    key = served.gateway.api_keys.create("me", tenant="staff", scopes=["operate"])
    client = served.log_in(key)

    assert client.get(f"/operator/messages/{theirs}").status_code == 200
    assert theirs[-8:] in client.get("/operator/messages?tenant=default").text
    assert theirs[-8:] not in client.get("/operator/messages").text
    assert client.get("/operator/settings").status_code == 200


@pytest.fixture
def behind_proxy(serve: Any) -> Any:
    return serve(
        trusted_proxies="127.0.0.1", operator_header="x-auth-request-email", operator_users="zoe@example.com"
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("x-auth-request-email", "zoe@example.com")], 200),
        ([("x-auth-request-email", "eve@example.com")], 303),
        ([("x-auth-request-email", "")], 303),
        ([("x-auth-request-email", "zoe@example.com"), ("x-auth-request-email", "eve@example.com")], 303),
        ([("x-forwarded-email", "zoe@example.com")], 303),
        ([], 303),
    ],
)
def test_whom_the_proxy_names_is_let_in(
    behind_proxy: Any, headers: list[tuple[str, str]], status: int
) -> None:
    assert httpx.get(f"{behind_proxy.url}/operator", headers=headers).status_code == status


def test_nobody_is_believed_who_is_no_trusted_proxy(serve: Any) -> None:
    served = serve(trusted_proxies="192.0.2.1", operator_header="x-auth-request-email")

    answer = httpx.get(f"{served.url}/operator", headers={"x-auth-request-email": "zoe@example.com"})

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("to=%2B447700900123", 1),
        ("to=447700900001", 1),
        ("to=zoe%40example.com", 1),
        ("status=DELIVERED", 2),
        ("status=REJECTED_DESTINATION", 1),
        ("channel=email", 1),
        ("provider=sandbox", 4),
        ("provider=twilio", 0),
        ("since=2001-01-01T00:00", 4),
        ("until=2001-01-01T00:00", 0),
    ],
)
def test_messages_are_searched(stand: Any, query: str, expected: int) -> None:
    shown = stand.log_in().get(f"/operator/messages?{query}").text

    assert len(re.findall(r"<tr><th scope=.row.>", shown)) == expected


@pytest.mark.parametrize("query", ["to=x", "since=yesterday", "until=2026-99-01"])
def test_what_cannot_be_looked_for_is_said_on_the_page(stand: Any, query: str) -> None:
    answer = stand.log_in().get(f"/operator/messages?{query}")

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_a_long_list_has_pages_and_misses_none(serve: Any) -> None:
    served = serve()
    ids = {
        one["messageId"]
        for one in served.sms(to=[f"4477009{n:05}" for n in range(10_000, 10_120)]).json()["messages"]
    }
    client, found, path = served.log_in(), set(), "/operator/messages?provider=sandbox"
    while path:
        shown = client.get(path).text
        found |= set(re.findall(r"/operator/messages/([0-9a-f]{32})", shown))
        further = re.search(r'href="(\?[^"]*cursor=[^"]*)">Older', shown)
        path = "/operator/messages" + further[1].replace("&amp;", "&") if further else ""

    assert found == ids


def test_volumes_and_ends_are_drawn_with_their_numbers(stand: Any) -> None:
    shown = stand.log_in().get("/operator?period=week").text

    assert shown.count("<svg") == 2
    assert "2 sms, 0 whatsapp, 1 email" in shown
    assert "2 delivered, 2 failed, 0 expired" in shown


def test_what_was_said_about_an_address_is_shown(serve: Any, tmp_path: Path) -> None:
    served = serve(settings={"ledger": {"url": f"sqlite:{tmp_path / 'ledger.sqlite3'}"}})
    form = "/operator/consent?address=447700900101&channel=sms"
    client = served.log_in()
    before = client.get(form).text
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    with Dispatcher([], ledger=ledger) as dispatcher:
        dispatcher.consent.add("sms", "+44 7700 900101", reason="asked by phone")

    shown = client.get(form).text

    assert "may be sent" in before
    assert "No marketing message is sent" in shown
    assert "asked by phone" in shown


def test_a_user_is_written_on_the_page_with_every_field(written: Any) -> None:
    fields = {
        "username": "ann",
        "identity": "i1",
        "scopes": "own",
        "roles": "user",
        "channel.sms": "447700900111",
        "channel.whatsapp": "",
        "channel.email": "ann@example.com",
        "active": "no",
        "data": '{"a": 1}',
    }
    client = written.log_in()

    assert client.post("/operator/users/u1", data=fields).status_code == 303

    kept = written.client.get("/v1/users/u1").json()
    assert kept["channel"] == {"sms": "447700900111", "email": "ann@example.com"}
    assert (kept["username"], kept["active"], kept["data"]) == ("ann", False, {"a": 1})
    page = client.get("/operator/users/u1").text
    assert all(f'name="{name}"' in page for name in fields)


def test_a_person_is_made_on_the_page_and_can_be_written_to(written: Any) -> None:
    fields = {
        "type": "person",
        "country": "HR",
        "currency": "EUR",
        "person.firstName": "Ann",
        "person.contactInformation.phone.0.number": "447700900112",
        "person.customAttributes": '{"vip": true}',
    }
    client = written.log_in()
    assert client.get("/operator/persons/i2").status_code == 404

    assert client.post("/operator/persons/i2", data=fields).status_code == 303

    kept = written.client.get("/v1/identities/i2").json()
    assert kept["person"]["customAttributes"] == {"vip": True}
    sent = written.client.post("/v1/identities/i2/person/message/sms", json={"content": {"text": "x"}}).json()
    assert sent["messages"][0]["destination"] == "447700900112"


@pytest.mark.parametrize("fields", [{"data": "{"}, {"data": "[]"}, {"username": "x" * 321}], ids=str)
def test_what_does_not_fit_is_said_and_nothing_is_written(written: Any, fields: dict[str, str]) -> None:
    answer = written.log_in().post("/operator/users/u1", data=fields)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert written.client.get("/v1/users/u1").json()["username"] == "zoe"


def test_settings_show_where_they_come_from_and_no_secret(serve: Any) -> None:
    served = serve(unsubscribe_secrets="a secret of some length", public_url="https://messages.example.com")

    shown = served.client.get("/operator/settings").text

    assert "gateway.unsubscribe_secrets" in shown
    assert "(secret)" in shown
    assert "a secret of some length" not in shown
    assert "https://messages.example.com" in shown


def test_there_is_no_page_where_it_is_turned_off(serve: Any) -> None:
    served = serve(operator_page=False)

    assert httpx.get(f"{served.url}/operator").status_code == 404
    assert httpx.get(f"{served.url}/operator/login").status_code == 404
    assert httpx.get(f"{served.url}/").json()["operator"] is None


def test_contents_are_not_kept_for_real_providers_unless_wished(serve: Any) -> None:
    for keep, shown in ((False, False), (True, True)):
        served = serve(preview=False, keep_content=keep)
        message_id = served.sms(text="Your code is 4821").json()["messages"][0]["messageId"]

        page = served.log_in().get(f"/operator/messages/{message_id}").text

        assert ("Your code is 4821" in page) == shown


def test_every_failure_outcome_and_advice_has_words() -> None:
    assert set(FAILURE_TEXTS) == set(FailureReason)
    assert set(ADVICE_TEXTS) == set(Advice)
    assert set(OUTCOME_TEXTS) == set(Outcome)
