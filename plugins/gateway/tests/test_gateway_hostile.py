"""Pages under hostile input: what people, providers and clients send is shown as text, and no query breaks a page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${7*7}"
PATHS = (
    "/",
    "/docs",
    "/preview",
    "/operator",
    "/operator/login",
    "/operator/messages",
    "/operator/queue",
    "/operator/consent",
    "/operator/users",
    "/operator/persons",
    "/operator/settings",
)
VALUES = (
    EVIL,
    "",
    "\x00",
    "\ud7ff\uffff",
    "%",
    "' OR 1=1 --",
    "9" * 400,
    "-1",
    "1e400",
    "NaN",
    "0001-01-01T00:00",
    "9999-12-31T23:59:59.999999-23:59",
    "../../etc/passwd",
    "x" * 5000,
)
NAMES = (
    "to", "channel", "status", "provider", "since", "until", "cursor", "tenant", "period",
    "address", "category", "id", "after", "next", "saved", "retried", "resumed",
)  # fmt: skip
_SEARCHED = ("/operator/messages", "/operator/consent", "/operator/users", "/operator/queue")


@pytest.fixture(scope="module")
def stand(serve_once: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A gateway whose every text is hostile."""
    home = tmp_path_factory.mktemp("hostile")
    settings = {
        "providers": {"sandbox": {"home": str(home)}},
        "routes": dict.fromkeys(("sms", "whatsapp", "email"), "sandbox"),
        "ledger": {"url": f"sqlite:{home / 'ledger.sqlite3'}"},
    }
    served = serve_once(home=home, settings=settings, poll_interval=60)
    served.sms(text=EVIL, headers={"idempotency-key": EVIL})
    content = {
        "subject": EVIL,
        "text": EVIL,
        "html": f"</iframe>{EVIL}",
        "attachments": [{"filename": f"{EVIL}.html", "contentType": "text/html", "content": "PHNjcmlwdD4="}],
    }
    mail = {"to": "zoe@example.com", "content": content}
    assert served.client.post("/v1/apps/message/email", json=mail).status_code == 200
    template = {"template": {"name": EVIL, "language": "en", "parameters": [EVIL]}}
    served.client.post("/v1/apps/message/whatsapp", json={"to": "447700900123", "content": template})
    user = {"username": EVIL, "channel": {"sms": EVIL}, "data": {EVIL: EVIL}}
    served.client.put("/v1/users/u1", json=user)
    person = {"firstName": EVIL, "lastName": EVIL, "customAttributes": {EVIL: EVIL}}
    served.client.put("/v1/identities/i1", json={"person": person, "data": {EVIL: EVIL}})
    return served


def _is_harmless(text: str) -> bool:
    return "<script>alert" not in text and "<img src=x" not in text and "{{7*7}}" in text


def test_every_text_is_shown_as_text(stand: Any) -> None:
    client = stand.log_in()
    ids = [one["messageId"] for one in stand.client.get("/v1/messages").json()["messages"]]
    assert len(ids) == 3
    shown = {path: client.get(path) for path in [f"/operator/messages/{one}" for one in ids]}
    shown |= {path: client.get(path) for path in ("/preview", "/operator/users/u1", "/operator/persons/i1")}
    assert {path: one.status_code for path, one in shown.items() if one.status_code != 200} == {}
    assert [path for path, one in shown.items() if not _is_harmless(one.text)] == []
    lists = [client.get(path).text for path in ("/operator/users", "/operator/persons", "/operator/messages")]
    assert [text for text in lists if "<script>alert" in text or "<img src=x" in text] == []


def test_a_file_is_saved_under_a_name_that_breaks_no_header(stand: Any) -> None:
    (mail,) = stand.client.get("/v1/messages?channel=email").json()["messages"]
    for place in ("/operator/messages", "/preview"):
        file = stand.log_in().get(f"{place}/{mail['messageId']}/files/0")
        disposition = file.headers["content-disposition"]
        assert disposition.startswith("attachment; filename*=UTF-8''")
        assert not set(disposition) & set('<>"\r\n')
        assert file.headers["content-type"] == "application/octet-stream"
        for position in ("-1", "1", "x", "9" * 30, "%00", "\u0660"):
            assert stand.log_in().get(f"{place}/{mail['messageId']}/files/{position}").status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_no_query_breaks_a_page_or_comes_back_as_markup(stand: Any, path: str) -> None:
    client = stand.log_in()
    found: dict[str, int] = {}
    for value in VALUES:
        given = [f"{name}={quote(value)}" for name in NAMES]
        together = path not in _SEARCHED and len(value) < len(EVIL) + 1
        for one in ["&".join(given)] if together else given:
            answer = client.get(f"{path}?{one}", headers={"accept": "text/html"})
            if answer.status_code >= 500 or "<script>alert" in answer.text:
                found[one[:60]] = answer.status_code
    assert found == {}


@pytest.mark.parametrize("query", ["%ff%fe", "to=%ff", "%", "&&&=&=", "a=b;c=d", "to=1&to=2", "=" * 500])
def test_a_query_that_is_none_breaks_no_page(stand: Any, query: str) -> None:
    client = stand.log_in()
    answers = [client.get(httpx.URL(f"{stand.url}{path}?{query}")).status_code for path in PATHS]
    assert max(answers) < 500


@pytest.mark.parametrize(
    "given",
    [
        "x",
        "0" * 32,
        "%00",
        "..%2f..",
        "%ff",
        "a" * 3000,
        quote(EVIL, safe=""),
        "\u0660",
        "%0d%0aset-cookie:x",
    ],
)
def test_what_is_not_there_is_told_as_a_problem(stand: Any, given: str) -> None:
    client = stand.log_in()
    for place in ("messages", "users", "persons"):
        answer = client.get(f"/operator/{place}/{given}")
        assert answer.status_code == 404
        assert "<script>alert" not in answer.text
        assert "x" not in dict(answer.cookies)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_another_method_is_refused_on_every_page(stand: Any, method: str) -> None:
    client = stand.log_in()
    for path in (
        *PATHS,
        "/operator/messages/x",
        "/operator/users/u1",
        "/operator/logout",
        "/assets/style.css",
    ):
        answer = client.request(method, path)
        assert (path, answer.status_code) == (path, 405)
        assert answer.headers["allow"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"&" * 5000, b"a=" + b"%00" * 1000, b"key=%ff"])
def test_no_form_breaks_a_page(stand: Any, body: bytes) -> None:
    client, kind = stand.log_in(), {"content-type": "application/x-www-form-urlencoded"}
    for path in ("/operator/login", "/operator/queue/retry", "/operator/queue/resume", "/operator/consent", "/operator/users/u9"):  # fmt: skip
        assert client.post(path, content=body, headers=kind).status_code < 500
        assert client.post(path, content=body, headers={"content-type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "localhost"), ("forwarded", "for=203.0.113.5")],
        [("host", "localhost"), ("x-forwarded-prefix", "/x")],
        [("host", "localhost"), ("x-forwarded-scheme", "https")],
        [("host", "localhost"), ("x-http-forwarded-for", "203.0.113.5")],
        [("host", "localhost"), ("x-original-host", "evil.example")],
        [("host", "localhost"), ("X-REAL-IP", "203.0.113.5")],
        [("host", "localhost"), ("via", "")],
        [("host", "localhost."), ("x-y", "z")],
        [("host", "127.1")],
        [("host", "0.0.0.0")],
        [("host", "localhost@evil.example")],
        [("host", "evil.example#localhost")],
        [("host", "[::1].evil.example")],
        [("host", "localhost:80:80")],
        [("host", "LOCALHOST.evil.example")],
    ],
    ids=str,
)
def test_the_page_of_the_development_stays_on_this_machine(
    stand: Any, headers: list[tuple[str, str]]
) -> None:
    for path in ("/preview", "/preview/messages"):
        assert httpx.get(f"{stand.url}{path}", headers=headers).status_code == 404
