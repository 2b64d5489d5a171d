from __future__ import annotations

import base64
import hmac
import json
import re
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.plugins import (
    AccessToken,
    AttemptResult,
    HttpRequest,
    HttpResponse,
    NonPhoneSender,
    PhoneNumber,
    Reason,
    SenderFormat,
    WhatsAppUserId,
    ed25519_matches,
    hmac_matches,
    is_recent,
    json_object,
    jwt_claims,
    parse_sender,
    require_base_url,
    text_at,
    timestamp,
    value_at,
)
from messaging_channels.testing import Emulator, Request, Transport, json_response

NOW = 1_790_000_000.0


class _TokenServer(Emulator):
    def __init__(self, answers: Sequence[HttpResponse]) -> None:
        super().__init__()
        self._answers = list(answers)

    def handle(self, request: Request) -> HttpResponse:
        assert request.path == "/token"
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def _token(name: str = "t-1", **more: Any) -> HttpResponse:
    return json_response({"access_token": name, "expires_in": 3600, **more})


def _account(server: Emulator) -> AccessToken:
    return AccessToken(lambda: HttpRequest("POST", f"{server.url}/token"))


def test_many_threads_that_wait_for_a_token_make_one_request() -> None:
    with _TokenServer([_token()]) as server, Transport() as transport:
        account, got = _account(server), []
        threads = [
            threading.Thread(target=lambda: got.append(transport.run(account.get()))) for _ in range(16)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    assert got == ["t-1"] * 16
    assert len(server.requests) == 1


def test_a_token_that_was_refused_is_fetched_anew_and_a_newer_one_is_kept() -> None:
    with _TokenServer([_token("t-1"), _token("t-2")]) as server, Transport() as transport:
        account = _account(server)
        first = transport.run(account.get())
        account.invalidate("t-1")
        second = transport.run(account.get())
        account.invalidate("t-1")

        assert (first, second, transport.run(account.get())) == ("t-1", "t-2", "t-2")


def test_a_token_is_used_no_longer_than_it_lasts() -> None:
    with _TokenServer([_token("t-1", expires_in=60), _token("t-2")]) as server, Transport() as transport:
        account = _account(server)

        assert [transport.run(account.get()) for _ in range(2)] == ["t-1", "t-2"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HttpResponse(429, {"retry-after": "7"}, b""), Reason.THROTTLED),
        (HttpResponse(503, {}, b""), Reason.UNREACHABLE),
        (HttpResponse(401, {}, b'{"error": "invalid_client"}'), Reason.CREDENTIALS),
        (HttpResponse(200, {}, b"<html>"), Reason.CREDENTIALS),
        (HttpResponse(200, {}, b'{"access_token": "two\\r\\nlines"}'), Reason.CREDENTIALS),
    ],
)
def test_without_a_token_the_message_was_not_sent(answer: HttpResponse, reason: Reason) -> None:
    with _TokenServer([answer]) as server, Transport() as transport:
        told = transport.run(_account(server).get())

    assert isinstance(told, AttemptResult)
    assert told.reason is reason


@given(st.binary(max_size=100), st.text(min_size=1, max_size=20))
def test_a_signature_fits_under_its_own_key_alone(body: bytes, key: str) -> None:
    secret = key.encode("utf-8", "replace").decode()
    proof = hmac.new(secret.encode(), body, "sha256").digest()

    assert hmac_matches(["other", secret], body, proof.hex().upper())
    assert hmac_matches([secret], body, base64.b64encode(proof).decode(), encoding="base64")
    assert not hmac_matches([secret + "x"], body, proof.hex())
    assert not hmac_matches([""], body, hmac.new(b"", body, "sha256").hexdigest())


def test_an_ed25519_signature_fits_what_was_signed_alone() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    assert ed25519_matches(public, b"body", key.sign(b"body"))
    assert not ed25519_matches(public, b"body!", key.sign(b"body"))
    assert not ed25519_matches(b"short", b"body", b"short")


def _jwt(claims: dict[str, Any], key: str, alg: str = "HS256") -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": alg}, claims)
    ]
    proof = base64.urlsafe_b64encode(hmac.new(key.encode(), b".".join(parts), "sha256").digest()).rstrip(b"=")
    return b".".join([*parts, proof]).decode()


@pytest.mark.parametrize(
    ("token", "fits"),
    [
        (_jwt({"sub": "a", "exp": NOW + 60}, "key"), True),
        (_jwt({"sub": "a"}, "key"), True),
        (_jwt({"sub": "a", "exp": NOW}, "key"), False),
        (_jwt({"sub": "a", "nbf": NOW + 60}, "key"), False),
        (_jwt({"sub": "a"}, "other"), False),
        (_jwt({"sub": "a"}, "key", "none"), False),
        (_jwt({"sub": "a"}, "key", "RS256"), False),
        ("a.b", False),
        ("é.é.é", False),
        ("", False),
    ],
)
def test_the_claims_of_a_token_are_told_only_if_it_fits(token: str, *, fits: bool) -> None:
    claims = jwt_claims(token, ["key"], received_at=NOW)

    assert (claims or {}).get("sub") == ("a" if fits else None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_790_000_000, NOW),
        ("1790000000", NOW),
        ("1790000000123", NOW + 0.123),
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T16:13:20+02:00", NOW),
        ("2026-09-21 14:13:20", NOW),
        ("Mon, 21 Sep 2026 14:13:20 +0000", NOW),
        ("soon", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (-1, None),
        ([1], None),
    ],
)
def test_a_time_is_read_in_every_form_that_vendors_use(value: object, seconds: float | None) -> None:
    assert timestamp(value) == seconds


def test_a_call_is_recent_within_five_minutes_of_its_time() -> None:
    assert is_recent("1790000000", NOW + 300)
    assert is_recent(NOW * 1000, NOW - 300)
    assert not is_recent("1790000000", NOW + 301)
    assert not is_recent("yesterday", NOW)


@given(st.binary(max_size=60))
def test_reading_a_body_raises_nothing(body: bytes) -> None:
    told = json_object(body)

    assert isinstance(told, dict)
    assert text_at(told, "a", 0, "b") is None or isinstance(text_at(told, "a", 0, "b"), str)


def test_values_are_found_by_their_path() -> None:
    told = json_object(b'{"to": [{"status": "sent", "code": 7}]}')

    assert (text_at(told, "to", 0, "status"), value_at(told, "to", -1, "code")) == ("sent", 7)
    assert (text_at(told, "to", 0, "code"), value_at(told, "to", 1)) == (None, None)


@pytest.mark.parametrize(
    "given", ["+44 7700 900000", "00447700900000", "+44-7700-900-000", "447700900000", " +447700900000\u200f"]
)
def test_a_sender_is_written_as_the_vendor_writes_numbers(given: str) -> None:
    assert SenderFormat("acme").format(given, "sender") == "+447700900000"
    assert (
        SenderFormat("acme", prefix="").require_setting(given, "sender", numbers_only=True) == "447700900000"
    )


@pytest.mark.parametrize("given", ["Shop", "My Shop 24", "20601"])
def test_names_and_short_codes_are_senders_where_numbers_alone_are_not_asked_for(given: str) -> None:
    assert SenderFormat("acme").format(f" {given} ", "sender") == given
    with pytest.raises(InvalidMessage, match="must be a number"):
        SenderFormat("acme").format(given, "sender", numbers_only=True)


@pytest.mark.parametrize(
    "given",
    ["", "9", "+44 (0) 7700 900000", "0123456789", "12345678901234567", "TwelveLetter", "a_b", "١٢٣٤٥٦٧٨"],
)
def test_what_no_account_can_have_is_refused_under_the_name_of_its_setting(given: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        SenderFormat("acme", name_pattern=re.compile(r"[A-Za-z]{1,11}")).require_setting(given, "sms_sender")
    assert refused.value.setting == "acme.sms_sender"
    assert len(given) < 2 or given not in str(refused.value)
    assert SenderFormat("acme").require_setting(None, "sms_sender") is None


def test_who_wrote_is_the_first_of_the_vendors_values_that_is_an_address() -> None:
    assert parse_sender(None, "", "Shop", 447700900123) == PhoneNumber("447700900123")
    assert parse_sender("US.13491208655302741918") == WhatsAppUserId.parse("US.13491208655302741918")
    assert parse_sender("", " Shop ", "another") == NonPhoneSender("Shop")
    assert parse_sender(20601) == NonPhoneSender("20601")
    assert parse_sender(None, "", True, []) is None


@pytest.mark.parametrize(
    ("pasted", "used"),
    [
        (None, "https://api.example.com"),
        (" ", "https://api.example.com"),
        ("eu.example.com", "https://eu.example.com"),
        (" https://EU.example.com/ ", "https://eu.example.com"),
        ("https://proxy.example.com:8443/vendor/", "https://proxy.example.com:8443/vendor"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025"),
        ("http://[::1]:8025/", "http://[::1]:8025"),
        ("http://localhost:8025", "http://localhost:8025"),
    ],
)
def test_a_base_url_is_taken_as_people_paste_it(pasted: str | None, used: str) -> None:
    assert require_base_url(pasted, provider="acme", default="https://api.example.com") == used


@pytest.mark.parametrize(
    "pasted",
    ["https://", "https:///path", "http://eu.example.com", "//eu.example.com", "ftp://eu.example.com", "https://eu .com", "https://[::1",
     "https://eu.example.com:99999", "https://user:secret@eu.example.com", "https://eu.example.com?key=1", "https://eu.example.com#a", "https://-eu.example.com"],
)  # fmt: skip
def test_a_base_url_of_no_host_is_refused_and_not_shown(pasted: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        require_base_url(pasted, provider="acme", default="https://api.example.com")
    assert refused.value.setting == "acme.base_url"
    assert "secret" not in str(refused.value)
