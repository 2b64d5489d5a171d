"""Secrets of an account, tokens from endpoints that have moods, and what one mail asks for of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import pytest

from messaging_channels import Email, EmailAddress, Outcome
from messaging_channels.errors import InvalidMessage, InvalidSetting, Phase, TransportError
from messaging_channels.plugins import AttemptResult, Envelope, HttpResponse, Reason
from messaging_channels.testing import (
    AsyncTransport,
    Emulator,
    Fault,
    FaultKind,
    Request,
    Transport,
    json_response,
)
from messaging_channels_smtp import OAuthClientCredentials, OAuthRefreshToken, Smtp, SmtpEmailOptions
from messaging_channels_smtp.emulator import EXTENSIONS, SmtpEmulator

MAIL = Email("Hello", "the body", sender="shop@example.org")
Run = Callable[[Smtp, Sequence[Email]], list[AttemptResult]]


def _envelopes(mails: Sequence[Email]) -> list[Envelope]:
    to = EmailAddress.parse("zoe@example.com")
    return [Envelope(f"id-{number}", "email", mail, to) for number, mail in enumerate(mails)]


def _at_once(smtp: Smtp, mails: Sequence[Email]) -> list[AttemptResult]:
    told: dict[str, AttemptResult] = {}
    with Transport(None, smtp.executors) as transport:

        def send(envelope: Envelope) -> None:
            told[envelope.id] = transport.run(smtp.send([envelope]))[0]

        threads = [threading.Thread(target=send, args=(one,)) for one in _envelopes(mails)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [*told.values()]


def _at_once_async(smtp: Smtp, mails: Sequence[Email]) -> list[AttemptResult]:
    async def run() -> list[AttemptResult]:
        async with AsyncTransport(None, smtp.executors) as transport:
            told = await asyncio.gather(*(transport.run(smtp.send([one])) for one in _envelopes(mails)))
        return [one[0] for one in told]

    return asyncio.run(run())


runs = pytest.mark.parametrize("run", [_at_once, _at_once_async])


def _smtp(port: int, **options: Any) -> Smtp:
    return Smtp(host="127.0.0.1", port=port, tls="none", **options)


@runs
@pytest.mark.parametrize(
    "password",
    [
        "p%40ss%",
        "a:b/c?d#e@f",
        "two words",
        "p\u00e4ss\u8a9e",
        "{'\"\\}",
        "=",
        "\u00a0inner\u00a0x"[1:],
        "x" * 500,
    ],
)
def test_a_password_of_any_signs_logs_in(run: Run, password: str) -> None:
    for offered in ("PLAIN", "LOGIN"):
        with SmtpEmulator(login=("shop@example.org", password)) as server:
            smtp = _smtp(server.port, username="shop@example.org", password=password)
            assert [one.outcome for one in run(smtp, [MAIL])] == [Outcome.ACCEPTED], offered


@pytest.mark.parametrize("setting", ["username", "password", "webhook_token"])
@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}", "{}\t", "\u00a0{}", "a\0{}"])
def test_white_space_around_a_secret_is_refused_at_the_start_and_said(setting: str, around: str) -> None:
    given = {"username": "shop", "password": "canary"} | {setting: around.format("canary")}
    with pytest.raises(InvalidSetting) as caught:
        _smtp(1, **given)
    assert setting in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("setting", ["oauth_client_id", "oauth_client_secret", "oauth_refresh_token"])
def test_white_space_around_the_secrets_of_tokens_is_refused_too(setting: str) -> None:
    given = {"oauth_client_id": "a", "oauth_client_secret": "b", "oauth_refresh_token": "c"} | {
        setting: "canary\n"
    }
    with pytest.raises(InvalidSetting, match=setting):
        _smtp(1, username="shop", oauth_url="https://login.example.com/token", **given)


@pytest.mark.parametrize("given", [{}, {"oauth_client_id": "a"}, {"oauth_client_secret": "b"}])
def test_a_token_endpoint_without_a_client_is_refused_at_the_start(given: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting):
        _smtp(1, username="shop", oauth_url="https://login.example.com/token", **given)


class Authority(Emulator):
    """Gives a token out, with another refresh token each time."""

    def __init__(self, lifetime: Any = 3600, **answer: Any) -> None:
        super().__init__()
        self.answer = {"access_token": "canary-token", "expires_in": lifetime} | answer
        self.forms: list[dict[str, str]] = []

    def handle(self, request: Request) -> HttpResponse:
        self.forms.append(dict(parse_qsl(request.body.decode())))
        return json_response(self.answer | {"refresh_token": f"rotated{len(self.forms)}"})


def _by_token(server: SmtpEmulator, source: Any) -> Smtp:
    return _smtp(server.port, username="shop", oauth_token=source)


@runs
@pytest.mark.parametrize("lifetime", [3600, "3600", 1, None])
def test_many_mails_that_wait_for_a_token_ask_for_it_once(run: Run, lifetime: Any) -> None:
    with Authority(lifetime) as authority, SmtpEmulator(login=("shop", "canary-token")) as server:
        authority.faults.add(Fault(FaultKind.SLOW, seconds=0.3))
        smtp = _by_token(server, OAuthClientCredentials(authority.url, "client", "canary", "scope"))
        told = run(smtp, [MAIL] * 12)
    assert {one.outcome for one in told} == {Outcome.ACCEPTED}
    assert (
        len(authority.forms) == 1 or lifetime == 1
    )  # one that is over at once is no good for who comes later


@runs
def test_many_mails_share_the_refusal_of_a_token_too(run: Run) -> None:
    with Authority() as authority, SmtpEmulator(login=("shop", "canary-token")) as server:
        authority.faults.add(Fault(FaultKind.STATUS, status=400, times=100))
        told = run(_by_token(server, OAuthRefreshToken(authority.url, "client", None, "given")), [MAIL] * 5)
    assert {one.reason for one in told} == {Reason.CREDENTIALS}
    assert "canary" not in str(told)


def test_a_refresh_token_that_is_replaced_is_kept_and_given_out_to_be_kept() -> None:
    kept: list[str] = []
    with Authority(1) as authority, SmtpEmulator(login=("shop", "canary-token")) as server:
        source = OAuthRefreshToken(authority.url, "client", None, "given", "mail.send", kept.append)
        smtp = _by_token(server, source)
        for _ in range(3):
            assert _at_once(smtp, [MAIL])[0].outcome is Outcome.ACCEPTED
    assert [form["refresh_token"] for form in authority.forms] == ["given", "rotated1", "rotated2"]
    assert kept == ["rotated1", "rotated2", "rotated3"]
    assert authority.forms[0] == {
        "grant_type": "refresh_token", "client_id": "client", "refresh_token": "given", "scope": "mail.send",
    }  # fmt: skip


@runs
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.THROTTLE, seconds=7),
        Fault(FaultKind.STATUS, status=408),
        Fault(FaultKind.STATUS, status=429),
    ],
)
def test_a_token_endpoint_that_is_busy_refuses_nothing(run: Run, fault: Fault) -> None:
    with Authority() as authority, SmtpEmulator(login=("shop", "canary-token")) as server:
        authority.faults.add(fault)
        smtp = _by_token(server, OAuthRefreshToken(authority.url, "client", "canary", "given"))
        busy = run(smtp, [MAIL])[0]
        assert (busy.outcome, busy.reason) == (Outcome.NOT_SENT, Reason.THROTTLED)
        if fault.kind is FaultKind.THROTTLE:
            assert busy.retry_after == 7.0
        assert run(smtp, [MAIL])[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "token", [None, "", " \n", ["canary"], {"a": "canary"}, True, 5, "can\1ary", "c\u00e4nary"]
)
def test_what_is_no_token_is_never_logged_in_with(token: Any) -> None:
    with Authority(access_token=token) as authority, SmtpEmulator(login=("shop", "canary")) as server:
        smtp = _by_token(server, OAuthRefreshToken(authority.url, "client", "secret", "given"))
        with (
            Transport(None, smtp.executors) as transport,
            pytest.raises(TransportError, match="without a token") as told,
        ):
            transport.run(smtp.send(_envelopes([MAIL])))
        assert server.commands == []
    assert told.value.phase is Phase.CONNECT
    assert "canary" not in str(told.value)


@pytest.mark.parametrize("lifetime", ["soon", -5, 0, [], {}, "nan", "inf", "1e999", True, ""])
def test_a_lifetime_that_cannot_be_read_costs_no_token(lifetime: Any) -> None:
    with Authority(lifetime) as authority, SmtpEmulator(login=("shop", "canary-token")) as server:
        smtp = _by_token(server, OAuthClientCredentials(authority.url, "client", "canary", "scope"))
        for _ in range(2):
            assert _at_once(smtp, [MAIL])[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("odd", [None, "", {"a": 1}, ["x"], 7, "a\nb"])
def test_a_refresh_token_that_is_none_replaces_none(odd: Any) -> None:
    class Odd(Authority):
        def handle(self, request: Request) -> HttpResponse:
            super().handle(request)
            return json_response(self.answer | {"refresh_token": odd})

    kept: list[str] = []
    with Odd(1) as authority, SmtpEmulator(login=("shop", "canary-token")) as server:
        smtp = _by_token(
            server, OAuthRefreshToken(authority.url, "client", None, "given", on_rotated=kept.append)
        )
        for _ in range(2):
            assert _at_once(smtp, [MAIL])[0].outcome is Outcome.ACCEPTED
    assert [form["refresh_token"] for form in authority.forms] == ["given", "given"]
    assert kept == []


def test_a_mail_asks_for_reports_of_its_own() -> None:
    asked = [
        (SmtpEmailOptions(notify=("failure", "success")), "RET=HDRS", "NOTIFY=FAILURE,SUCCESS"),
        (SmtpEmailOptions(notify=()), "RET=HDRS", "NOTIFY=NEVER"),
        (SmtpEmailOptions(return_content="full"), "RET=FULL", "NOTIFY=FAILURE,DELAY"),
    ]
    with SmtpEmulator() as server:
        for options, *_ in asked:
            _at_once(
                _smtp(server.port), [Email("s", "t", sender="a@example.org", provider_options=(options,))]
            )
        told = [one.parameters.split() for one in server.mails]
    assert all(ret in one and notify in one for one, (_, ret, notify) in zip(told, asked, strict=True))
    for wrong in ({"notify": ("never",)}, {"return_content": "all"}):
        with pytest.raises(InvalidMessage):
            SmtpEmailOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("extensions", [EXTENSIONS, ()])
def test_of_several_recipients_those_refused_are_told_apart(extensions: tuple[str, ...]) -> None:
    mail = Email(
        "s",
        "t",
        sender="a@example.org",
        also_to=("reject-1@example.com", "b@example.com", "full@example.com"),
    )
    with SmtpEmulator(extensions=extensions) as server:
        (told,) = _at_once(_smtp(server.port), [mail])
        assert server.mails[0].recipients == ("zoe@example.com", "b@example.com")
    assert told.outcome is Outcome.ACCEPTED
    assert {address: reply.code for address, reply in told.raw_response.refused.items()} == {
        "reject-1@example.com": 550,
        "full@example.com": 452,
    }
    assert "reject-1" not in repr(told) + told.detail
