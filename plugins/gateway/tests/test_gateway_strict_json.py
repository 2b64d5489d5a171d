"""What is JSON, and what only looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels_gateway.api.strict_json import parse_json
from messaging_channels_gateway.problems import Problem

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_every_value_is_read_as_it_was_written(value: Any, ascii_only: bool) -> None:
    if not ascii_only and not _encodable(value):
        return
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        assert parse_json(text.encode()) == value
    except Problem:
        assert not _encodable(value)


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@given(st.binary(max_size=60) | st.text(alphabet='{}[],:"\\u0d8 ntf', max_size=30).map(str.encode))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    refused = None
    try:
        parse_json(body)
    except Problem as problem:
        refused = problem.code
    assert refused in (None, "invalid_json")


@given(
    VALUES.filter(lambda value: isinstance(value, (list, dict)) and bool(value)),
    st.text(" \n\t\r", max_size=3),
)
def test_a_comma_before_a_closing_bracket_is_found(value: Any, space: str) -> None:
    text = json.dumps(value)
    broken = f"{text[:-1]}{space},{space}{text[-1]}"
    with pytest.raises(Problem) as refused:
        parse_json(broken.encode())
    at = len(text) - 1 + len(space)
    line = broken.count("\n", 0, at) + 1
    column = at - broken.rfind("\n", 0, at)
    assert (
        refused.value.detail == f"a comma stands before the closing {text[-1]}: line {line} column {column}"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b'{"a": Infinity}',
        b"[1e999]",
        b'{"a": 1, "a": 2}',
        b'["\\ud800"]',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"1" * 5000,
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 01}',
        b"// no\n{}",
    ],
)
def test_what_parsers_differ_about_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse_json(body)
    assert refused.value.status == 400


def test_what_was_sent_is_not_in_the_answer(served: Any) -> None:
    for body in (
        b'{"to": marker7431}',
        b'{"marker7431": 1}',
        b'{"to": {"marker7431": "marker7431"}, "content": "marker7431"}',
    ):
        answer = served.client.post(
            "/v1/apps/message/sms", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (400, 422)
        assert "7431" not in answer.text
    for path in (
        "/v1/messages/marker7431",
        "/v1/users/marker7431",
        "/marker7431",
        "/v1/messages?marker7431=marker7431",
    ):
        assert "7431" not in served.client.get(path).text


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "",
        "application/jsonx",
    ],
)
def test_only_json_is_read(served: Any, media_type: str) -> None:
    body = b'{"to": "447700900100", "content": {"text": "x"}}'
    answer = served.client.post("/v1/apps/message/sms", content=body, headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
