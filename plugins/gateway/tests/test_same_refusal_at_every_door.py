"""One table of what cannot be meant, through every door: the library for threads and tasks, one and many, sent and stored, the gateway and the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Sandbox, Sms, SqliteLedger
from messaging_channels._cli.main import main
from messaging_channels.errors import MessagingError
from messaging_channels.messages import Message

from .conftest import Served

TO, MAIL_TO, HALF = "+447700900123", "zoe@example.com", "\ud83d"
KINDS: dict[str, type[Message]] = {"sms": Sms, "email": Email}
Case = tuple[str, dict[str, Any], str, str]

ADDRESSES: dict[str, tuple[str, str]] = {
    "a country code that is none": ("sms", "+999123456789"),
    "a trunk zero": ("sms", "+4407700900123"),
    "a digit too many": ("sms", "+12015550123456"),
    "a digit too few": ("sms", "+441"),
    "a name": ("sms", "my mother"),
    "two numbers": ("sms", f"{TO},+447700900124"),
    "half a character in a number": ("sms", TO + HALF),
    "NUL in a number": ("sms", f"{TO}\0"),
    "a mail address for a number": ("sms", MAIL_TO),
    "a number for a mail address": ("email", TO),
    "a mail address without a domain": ("email", "zoe"),
    "a header in a mail address": ("email", f"{MAIL_TO}\r\nBcc: yan@example.com"),
    "two mail addresses": ("email", f"{MAIL_TO}, yan@example.com"),
    "a domain that is none": ("email", "zoe@exa_mple..com"),
    "half a character in a mail address": ("email", f"zoe{HALF}@example.com"),
}
SMS, MAIL = {"text": "Hello"}, {"subject": "Hello", "text": "Hello"}
CASES: dict[str, Case] = {
    **{
        name: (channel, SMS if channel == "sms" else MAIL, to, "invalid_address")
        for name, (channel, to) in ADDRESSES.items()
    },
    "half a character in a text": ("sms", {"text": f"a{HALF}"}, TO, "invalid_message"),
    "no text": ("sms", {"text": ""}, TO, "invalid_message"),
    "a sender of two lines": ("sms", {**SMS, "sender": "Shop\r\nBcc: x"}, TO, "invalid_message"),
    "NUL in a sender": ("sms", {**SMS, "sender": "Shop\0"}, TO, "invalid_message"),
    "half a character in a sender": ("sms", {**SMS, "sender": f"Shop{HALF}"}, TO, "invalid_message"),
    "a subject of two lines": ("email", {**MAIL, "subject": "a\nBcc: x"}, MAIL_TO, "invalid_message"),
    "half a character in a subject": ("email", {**MAIL, "subject": HALF}, MAIL_TO, "invalid_message"),
    "half a character in a mail": ("email", {**MAIL, "text": HALF}, MAIL_TO, "invalid_message"),
    "half a character in HTML": ("email", {**MAIL, "html": f"<b>{HALF}</b>"}, MAIL_TO, "invalid_message"),
    "a mail of no words": ("email", {"subject": "Hello"}, MAIL_TO, "invalid_message"),
}
KEYS = {"NUL in a key": "a\0", "a key of 256 characters": "a" * 256, "an empty key": ""}


@pytest.fixture(scope="module")
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher([Sandbox()], ledger=SqliteLedger(owned=True)) as made:
        yield made


def _codes(dispatcher: Dispatcher, channel: str, fields: dict[str, Any], to: str, **options: Any) -> set[str]:
    """Return what all calls of the library say."""

    def made() -> Message:
        return KINDS[channel](**fields)

    async def in_tasks() -> list[str]:
        async with AsyncDispatcher([Sandbox()], ledger=SqliteLedger(owned=True)) as tasks:
            calls: list[Callable[[], Any]] = [
                lambda: tasks.send(made(), to=to, **options),
                lambda: tasks.enqueue(made(), to=to, **options),
                lambda: _drawn(tasks.send_each(made(), to=[to], **options)),
                lambda: _drawn(tasks.enqueue_each(made(), to=[to], **options)),
            ]
            return [await _code_async(call) for call in calls]

    calls: list[Callable[[], Any]] = [
        lambda: dispatcher.send(made(), to=to, **options),
        lambda: dispatcher.enqueue(made(), to=to, **options),
        lambda: [*dispatcher.send_each(made(), to=[to], **options)],
        lambda: [*dispatcher.enqueue_each(made(), to=[to], **options)],
    ]
    return {*map(_code, calls), *asyncio.run(in_tasks())}


async def _drawn(each: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in each]


def _code(call: Callable[[], Any]) -> str:
    try:
        return _code_of(call())
    except MessagingError as error:
        return error.code


async def _code_async(call: Callable[[], Any]) -> str:
    try:
        return _code_of(await call())
    except MessagingError as error:
        return error.code


def _code_of(told: Any) -> str:
    results = cast("list[Any]", told) if isinstance(told, list) else []
    return str(results[0].error.code) if results and results[0].error else "taken"


@pytest.mark.parametrize("name", CASES)
def test_the_library_says_the_same_by_every_call(name: str, dispatcher: Dispatcher) -> None:
    channel, fields, to, code = CASES[name]
    assert _codes(dispatcher, channel, fields, to) == {code}


@pytest.mark.parametrize("name", CASES)
def test_the_gateway_says_the_same(name: str, served: Served) -> None:
    channel, fields, to, code = CASES[name]
    content = {key: value for key, value in fields.items() if key != "sender"}
    body = {"to": to, "content": content, **({"sender": fields["sender"]} if "sender" in fields else {})}
    answer = served.client.post(
        f"/v1/apps/message/{channel}", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    expected = (422, code if all(content.values()) else "invalid_body")
    if HALF in json.dumps(
        body, ensure_ascii=False
    ):  # refused by whoever reads the body: no JSON text holds it
        expected = (400, "invalid_json")
    assert (answer.status_code, answer.json()["code"]) == expected, answer.text
    assert HALF not in answer.text
    assert to not in answer.text


@pytest.mark.parametrize("name", [name for name, (_, to) in ADDRESSES.items() if HALF not in to])
def test_the_gateway_names_the_one_of_several_that_is_wrong(name: str, served: Served) -> None:
    channel, to = ADDRESSES[name]
    content, good = (SMS, TO) if channel == "sms" else (MAIL, MAIL_TO)
    answer = served.client.post(f"/v1/apps/message/{channel}", json={"to": [good, to], "content": content})
    (found,) = answer.json()["errors"]
    assert answer.status_code == 422
    assert (found["pointer"], found["problem"]) == ("/to/1", "invalid_address")


@pytest.mark.parametrize("name", CASES)
def test_the_command_line_says_the_same(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    channel, fields, to, code = CASES[name]
    monkeypatch.chdir(tmp_path)
    options = [f"--{key}={value}" for key, value in fields.items()]
    assert main(["send", channel, f"--to={to}", *options]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"{code}: ")
    assert not printed.out
    assert to not in printed.err


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_cannot_be_kept_is_refused_at_every_door(
    name: str, dispatcher: Dispatcher, served: Served, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    key = KEYS[name]
    assert _codes(dispatcher, "sms", SMS, TO, idempotency_key=key) == {"invalid_message"}
    monkeypatch.chdir(tmp_path)
    assert main(["send", "sms", f"--to={TO}", "--text=Hello", f"--idempotency-key={key}"]) == 2
    assert capsys.readouterr().err.startswith("invalid_message: ")
    if "\0" not in key:  # which no header can hold
        assert served.sms(TO, headers={"idempotency-key": key}).status_code in (400, 422)
