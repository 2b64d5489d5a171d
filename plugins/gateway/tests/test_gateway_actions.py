"""What an operator does on the page: dead letters, paused accounts, consent; by forms alone, as they stand on the page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, Route, Sms, SqliteLedger, Worker
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels.plugins import Reason
from messaging_channels.policies import RetryPolicy

TO = "447700900101"


def _forms(text: str, path: str) -> list[tuple[str, dict[str, str]]]:
    """Return the forms of a page that lead there: where, and with which fields."""
    forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>', text, re.DOTALL)
    hidden = r'<input type="hidden" name="([^"]*)" value="([^"]*)">'
    return [
        (unescape(action), {name: unescape(value) for name, value in re.findall(hidden, inner)})
        for action, inner in forms
        if action.startswith(path)
    ]


def _leave(home: Path, reason: Reason, rounds: int, *, scope: str = "default", count: int = 2) -> list[str]:
    """Leave messages in the ledger of a gateway that certainly were not sent."""
    provider = Scripted("sandbox", *[reason] * 20)
    routes = {"sms": Route("sandbox", retry=RetryPolicy(max_attempts=1))}
    ledger = SqliteLedger(home / "ledger.sqlite3", owned=True)
    with Dispatcher([provider], ledger=ledger, routes=routes) as dispatcher:
        ids = [dispatcher.enqueue(Sms("<b>hello</b>"), to=TO, scope=scope).id for _ in range(count)]
        Worker(dispatcher, retry=QueueRetryPolicy(max_rounds=rounds)).drain()
    return ids


def _serve(serve: Any, home: Path, poll_interval: float) -> Any:
    settings = {
        "providers": {"sandbox": {"home": str(home)}},
        "routes": {"sms": "sandbox"},
        "ledger": {"url": f"sqlite:{home / 'ledger.sqlite3'}"},
    }
    return serve(home=home, settings=settings, poll_interval=poll_interval)


def test_dead_letters_are_sent_again_one_or_all(serve: Any, tmp_path: Path) -> None:
    ids = _leave(tmp_path, Reason.UNREACHABLE, 1, count=3)
    served = _serve(serve, tmp_path, 0.05)
    client = served.log_in()
    forms = _forms(client.get("/operator/queue").text, "/operator/queue/retry")
    assert [fields.get("id") for _, fields in forms] == [*reversed(ids), None]

    one = client.post(forms[0][0], data=forms[0][1], follow_redirects=True)
    assert "1 dead letters are sent again." in one.text
    rest = client.post(forms[-1][0], data=forms[-1][1], follow_redirects=True)
    assert "2 dead letters are sent again." in rest.text
    for message_id in ids:
        served.until(message_id, "DELIVERED")

    again = client.post(forms[0][0], data=forms[0][1], follow_redirects=True)
    assert "There was no such dead letter." in again.text


def test_a_paused_account_goes_on_at_once(serve: Any, tmp_path: Path) -> None:
    ids = _leave(tmp_path, Reason.CREDENTIALS, 12)
    served = _serve(serve, tmp_path, 0.05)
    client = served.log_in()
    for page in ("/operator", "/operator/queue"):
        ((action, fields),) = _forms(client.get(page).text, "/operator/queue/resume")
    assert fields == {"provider": "sandbox", "account": ""}

    done = client.post(action, data=fields, follow_redirects=True)

    assert "The account goes on." in done.text
    assert _forms(done.text, "/operator/queue/resume") == []
    for message_id in ids:
        served.until(message_id, "DELIVERED")
    assert "was not paused" in client.post(action, data=fields, follow_redirects=True).text
    other = client.post(action, data={"provider": "nobody"}, follow_redirects=True)
    assert "was not paused" in other.text


def test_what_somebody_said_by_phone_is_kept_and_lifted(serve: Any, tmp_path: Path) -> None:
    served = _serve(serve, tmp_path, 60)
    client = served.log_in()
    ((action, fields),) = _forms(client.get(f"/operator/consent?address={TO}").text, "/operator/consent")
    kept = client.post(action, data={**fields, "action": "opted_out", "reason": "<i>phone</i>"})
    assert "It is kept." in kept.text
    assert "&lt;i&gt;phone&lt;/i&gt;" in kept.text
    assert TO not in str(kept.url)
    refused = served.sms(to=TO)
    assert (refused.status_code, refused.json()["code"]) == (403, "message_blocked")

    lifted = client.post(action, data={**fields, "action": "remove", "reason": "asked again"})

    assert "1 statements that blocked were lifted." in lifted.text
    assert served.sms(to=TO).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"x": "y"},
        {"channel": "sms", "address": TO, "action": "opted_out"},
        {"channel": "sms", "address": TO, "action": "legal", "reason": "x"},
        {"channel": "fax", "address": TO, "action": "opted_out", "reason": "x"},
        {"channel": "sms", "address": "<script>", "action": "opted_out", "reason": "x"},
        {"channel": "email", "address": "a@@b", "action": "remove", "reason": "x"},
    ],
    ids=str,
)
def test_what_is_no_statement_is_said_and_nothing_is_kept(served: Any, form: dict[str, str]) -> None:
    answer = served.with_key(served.gateway.api_keys.create("x", scopes=["operate"])).post(
        "/operator/consent", data=form
    )

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert served.sms(to=TO).status_code == 200


ACTIONS = ("/operator/queue/retry", "/operator/queue/resume", "/operator/consent")


@pytest.mark.parametrize("path", ACTIONS)
def test_nobody_acts_who_may_not(serve: Any, tmp_path: Path, path: str) -> None:
    _leave(tmp_path, Reason.UNREACHABLE, 1)
    (theirs,) = _leave(tmp_path, Reason.UNREACHABLE, 1, scope="other", count=1)
    served = _serve(serve, tmp_path, 60)
    form = {"provider": "sandbox", "channel": "sms", "address": TO, "action": "opted_out", "reason": "x"}
    for scopes in (["read:messages"], ["read:messages", "send:sms", "send:advanced"]):
        key = served.gateway.api_keys.create("x", tenant="third", scopes=scopes)
        client = served.with_key(key)
        assert client.post(path, data={**form, "all": "yes"}).status_code == 403
        assert '<form method="post" action="/operator/queue' not in client.get("/operator/queue").text
        if path.endswith("retry"):
            assert client.post(path, data={"id": theirs}).status_code == 404
    assert httpx.post(f"{served.url}{path}", data=form).status_code == 303
    session = served.log_in(served.gateway.api_keys.create("me", scopes=["operate"]))
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert session.post(path, data=form, headers=headers).status_code == 403
    assert session.get(path).status_code in (200, 405)
    shown = session.get("/operator/queue").text
    assert len(_forms(shown, "/operator/queue/retry")) == 4, "all dead letters are there still"
