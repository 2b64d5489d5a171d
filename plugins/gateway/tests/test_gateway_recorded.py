"""The answers of the nine calls, byte for byte, as they were recorded before the interface was rebuilt: `recorded_answers.json`.

`RECORD_ANSWERS=1 pytest plugins/gateway/tests/test_gateway_recorded.py -n0` records them anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).with_name("recorded_answers.json")
WORDS_OF_THE_LIBRARY = {
    "invalid_address",
    "invalid_message",
    "unsupported",
    "no_address",
    "recipient_inactive",
    "idempotency_key_reused",
    "rejected",
}
"""Problems whose `detail` the library words, and may word better."""
SMS = {"to": "38598123456", "content": {"text": "My text message"}}
MAIL = {"to": "user@example.com", "content": {"subject": "s", "text": "t", "html": "<b>t</b>"}}
PATHS = {"address": "/v1/apps/message/{}", "user": "/v1/users/u1/message/{}", "person": "/v1/identities/i1/person/message/{}"}  # fmt: skip
PERSON = {
    "firstName": "Zoë",
    "contactInformation": {"phone": [{"number": "447700900103"}], "email": [{"address": "z@example.com"}]},
}
USER = {
    "username": "zoe",
    "password": "secret",
    "channel": {"sms": "447700900101", "whatsapp": "447700900101", "email": "u@example.com"},
}

Request = tuple[str, str, dict[str, str], bytes]


def _json(value: object, **headers: str) -> tuple[dict[str, str], bytes]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return {"content-type": "application/json", **named}, json.dumps(value).encode()


def _post(path: str, value: object, **headers: str) -> Request:
    return ("POST", path, *_json(value, **headers))


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")


def _bodies() -> Iterator[tuple[str, str, object]]:
    """Yield name, channel and body of what is posted to each of the three kinds of recipient."""
    yield "least", "sms", {"content": {"text": "My text message"}}
    yield (
        "flash",
        "sms",
        {"content": {"text": "Hello", "flash": True}, "sender": "ACME", "validitySeconds": 60},
    )
    yield "mms", "sms", {"content": {"text": "Hello", "media": ["https://example.com/a.png"]}}
    yield "later", "sms", {"content": {"text": "Hello"}, "sendAt": _in_an_hour()}
    yield "past", "sms", {"content": {"text": "Hello"}, "sendAt": "2001-05-01T09:00:00Z"}
    yield "no time", "sms", {"content": {"text": "Hello"}, "sendAt": "2001-05-01T09:00:00"}
    yield "no text", "sms", {"content": {"text": ""}}
    yield "no content", "sms", {}
    yield "a list", "sms", []
    yield "unknown", "sms", {"content": {"text": "Hello", "color": "secret-blue"}, "secret-name": 1}
    yield "number", "sms", {"content": {"text": 5}}
    yield "private", "sms", {"content": {"text": "Hello"}, "callbackUrl": "https://127.0.0.1/x"}
    yield "private media", "sms", {"content": {"text": "Hello", "media": ["https://10.0.0.1/a.png"]}}
    yield "least", "whatsapp", {"content": {"text": "Hello"}}
    yield (
        "template",
        "whatsapp",
        {"content": {"template": {"name": "order", "language": "en", "parameters": ["1"]}}},
    )
    yield (
        "image",
        "whatsapp",
        {"content": {"media": {"type": "image", "url": "https://example.com/a.png", "caption": "c"}}},
    )
    yield (
        "sticker",
        "whatsapp",
        {"content": {"media": {"type": "sticker", "url": "https://example.com/a.webp", "caption": "c"}}},
    )
    yield "nothing", "whatsapp", {"content": {}}
    yield "least", "email", {"content": {"subject": "s", "html": "<b>t</b>"}}
    yield (
        "all",
        "email",
        {
            "content": {
                "subject": "s",
                "text": "t",
                "html": "<b>t</b>",
                "cc": ["c@example.com"],
                "replyTo": ["r@example.com"],
                "attachments": [{"filename": "a.txt", "contentType": "text/plain", "content": "aGVsbG8="}],
            }
        },
    )
    yield (
        "no base64",
        "email",
        {"content": {"subject": "s", "text": "t", "attachments": [{"filename": "a", "content": "!"}]}},
    )
    yield "neither", "email", {"content": {"subject": "s"}}
    yield "no subject", "email", {"content": {"text": "t"}}


def _requests() -> Iterator[tuple[str, Request]]:
    """Yield everything that is sent, in order."""
    yield "user made", ("PUT", "/v1/users/u1", *_json(USER))
    yield "user without addresses", ("PUT", "/v1/users/u2", *_json({"username": "x"}))
    yield "user off", ("PUT", "/v1/users/u3", *_json({**USER, "active": False}))
    yield "identity made", ("PUT", "/v1/identities/i1", *_json({"type": "person", "person": PERSON}))
    for name, channel, body in _bodies():
        for kind, path in PATHS.items():
            given = body
            if kind == "address" and isinstance(body, dict):
                given = {"to": "u@example.com" if channel == "email" else "38598123456", **body}
            yield f"{channel} to {kind}: {name}", _post(path.format(channel), given)
    for kind, path in PATHS.items():
        for channel in ("fax", "SMS", "sms/"):
            yield f"{kind}: channel {channel}", _post(path.format(channel), SMS)
        yield f"{kind}: GET", ("GET", path.format("sms"), {}, b"")
        yield f"{kind}: media type", ("POST", path.format("sms"), {"content-type": "text/plain"}, b"{}")
        yield f"{kind}: nothing at all", ("POST", path.format("sms"), {}, b"")
    for who in ("u2", "u3", "nobody", "no%20id"):
        yield f"user {who}", _post(f"/v1/users/{who}/message/sms", {"content": {"text": "x"}})
    yield (
        "no identity",
        _post("/v1/identities/nobody/person/message/email", {"content": {"subject": "s", "text": "t"}}),
    )


def _malformed() -> Iterator[tuple[str, Request]]:
    """Yield bodies that are no JSON, and recipients that are none."""
    apps = "/v1/apps/message/sms"
    for number, text in enumerate(
        (
            b"",
            b"{",
            b'{"to":1,}',
            b'{"a":1,"a":2}',
            b"\xff",
            b"\xef\xbb\xbf{}",
            b'{"a":NaN}',
            b'{"a":1e999}',
            b"[" * 80,
            b'"\\ud800"',
            b"null",
        )
    ):
        yield f"json {number}", ("POST", apps, {"content-type": "application/json"}, text)
    for to in (
        "12",
        "",
        "+38598123456",
        "not a number",
        ["38598123456", "447700900001"],
        [],
        ["38598123456", "x"],
        5,
        None,
    ):
        yield f"to {to!r}", _post(apps, {**SMS, "to": to})
    yield "mail to no mailbox", _post("/v1/apps/message/email", {**MAIL, "to": "no mailbox"})
    yield (
        "mail to several",
        _post("/v1/apps/message/email", {**MAIL, "to": ["a@example.com", "b@example.com"]}),
    )
    yield "refused", _post(apps, {**SMS, "to": "447700900001"})


def _with_keys() -> Iterator[tuple[str, Request]]:
    """Yield calls with idempotency keys, and with API keys."""
    apps = "/v1/apps/message/sms"
    for turn in ("first", "again"):
        yield f"key: {turn}", _post(apps, SMS, idempotency_key="27373fabc392933deffda")
        yield f"quoted key: {turn}", _post(apps, SMS, idempotency_key='"27373fabc392933deffda"')
        yield f"key for several: {turn}", _post(apps, {**SMS, "to": ["38598123456"]}, idempotency_key="many")
        yield (
            f"key for a user: {turn}",
            _post("/v1/users/u1/message/sms", {"content": {"text": "x"}}, idempotency_key="user"),
        )
        yield (
            f"key, later: {turn}",
            _post(apps, {**SMS, "sendAt": "2026-01-01T00:00:00Z"}, idempotency_key="late"),
        )
    yield (
        "key: another body",
        _post(apps, {**SMS, "to": "38598123457"}, idempotency_key="27373fabc392933deffda"),
    )
    yield (
        "key: another call",
        _post(
            "/v1/users/u1/message/sms", {"content": {"text": "x"}}, idempotency_key="27373fabc392933deffda"
        ),
    )
    for number, key in enumerate(("", "x" * 256, "tab\there")):
        yield f"bad key {number}", _post(apps, SMS, idempotency_key=key)
    yield "no api key", _post(apps, SMS, x_api_key="")
    yield "wrong api key", _post(apps, SMS, x_api_key="mc_live_aaaaaaaa_" + "a" * 43)
    yield "too large", ("POST", apps, {"content-type": "application/json"}, b" " * (1024 * 1024 + 1))
    yield "no path", ("GET", "/v1/nothing", {}, b"")


def _stable(answer: httpx.Response) -> dict[str, Any]:
    """Return what is the same each time: ids are numbered as they come, and times are left out."""
    headers = sorted(
        (name, value) for name, value in answer.headers.items() if name not in ("date", "x-request-id")
    )
    numbers: dict[str, str] = {}
    text = re.sub(
        r"\b[0-9a-f]{32}\b", lambda found: numbers.setdefault(found[0], f"id{len(numbers) + 1}"), answer.text
    )
    text = re.sub(r'"created_at":\d+', '"created_at":0', text)
    text = re.sub(r'"owner":"\w+"', '"owner":""', text)
    headers = [
        (name, "" if name == "content-length" and "owner" in text else value) for name, value in headers
    ]
    if any(f'"code": "{code}"' in text for code in WORDS_OF_THE_LIBRARY) or " on channel " in text:
        text = re.sub(r'"(detail|message)": "[^"]*"', r'"\1": ""', text)
        headers = [(name, "" if name == "content-length" else value) for name, value in headers]
    return {"status": answer.status_code, "headers": [list(one) for one in headers], "body": text}


def _answers(served: Any) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for name, (method, path, headers, content) in (*_requests(), *_malformed(), *_with_keys()):
        given = {"x-api-key": served.key, **headers}
        with httpx.Client(base_url=served.url, timeout=20) as client:
            answers[name] = _stable(client.request(method, path, headers=given, content=content))
    return answers


def test_the_nine_calls_answer_as_they_were_recorded(serve: Any) -> None:
    answers = _answers(serve())
    if os.environ.get("RECORD_ANSWERS"):
        RECORDED.write_text(json.dumps(answers, indent=1) + "\n", "utf-8")

    recorded = json.loads(RECORDED.read_text("utf-8"))

    assert list(answers) == list(recorded)
    assert [name for name in answers if answers[name] != recorded[name]] == []


def test_no_answer_repeats_what_was_refused() -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))

    repeating = [name for name, one in recorded.items() if one["status"] >= 400 and "secret" in one["body"]]

    assert repeating == []
