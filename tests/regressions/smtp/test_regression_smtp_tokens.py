"""Access tokens for logging in: how they are asked for, by whom, and what happens when there is none just now."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
from regression_mail_server import MAIL, Way, both_ways, sent, smtp_of

from messaging_channels import Dispatcher, Outcome
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.testing.emulator import Emulator, Request, json_response
from messaging_channels.testing.faults import Fault, FaultKind
from messaging_channels_smtp import OAuthRefreshToken
from messaging_channels_smtp.emulator import SmtpEmulator

SCOPE = "https://outlook.example.com/.default"
LOGIN = ("shop@example.org", "canary-token")


class Authority(Emulator):
    """Gives out the same access token, for a second, and each time another refresh token."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []

    def handle(self, request: Request) -> HttpResponse:
        self.forms.append(dict(parse_qsl(request.body.decode(), keep_blank_values=True)))
        return json_response(
            {
                "access_token": LOGIN[1],
                "expires_in": 1,
                "refresh_token": f"rotated{len(self.forms)}",
                "token_type": "Bearer",
            }
        )


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as authority:
        yield authority


@pytest.fixture
def server() -> Iterator[SmtpEmulator]:
    with SmtpEmulator(login=LOGIN) as server:
        yield server


@pytest.fixture
def account(
    server: SmtpEmulator, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Set an account in the environment, all but its kind of grant."""
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(server.port),
        "TLS": "none",
        "SENDER": "shop@example.org",
        "USERNAME": LOGIN[0],
        "OAUTH_URL": authority.url + "/token",
        "OAUTH_CLIENT_ID": "canary-client",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"MESSAGING_CHANNELS_SMTP_{name}", value)
    return monkeypatch


def _grant(authority: Authority) -> OAuthRefreshToken:
    return OAuthRefreshToken(authority.url + "/token", "canary-client", "canary-secret", "given0")


def test_an_application_gets_its_token_by_client_credentials_and_a_scope(
    account: pytest.MonkeyPatch, authority: Authority
) -> None:
    account.setenv("MESSAGING_CHANNELS_SMTP_OAUTH_CLIENT_SECRET", "canary-secret")
    account.setenv("MESSAGING_CHANNELS_SMTP_OAUTH_SCOPE", SCOPE)

    with Dispatcher.from_config() as dispatcher:
        told = dispatcher.send(MAIL, to="zoe@example.com").outcome

    assert told is Outcome.ACCEPTED
    assert authority.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "canary-client",
            "client_secret": "canary-secret",
            "scope": SCOPE,
        }
    ]


def test_a_public_client_asks_for_a_token_without_a_secret(
    account: pytest.MonkeyPatch, authority: Authority
) -> None:
    account.setenv("MESSAGING_CHANNELS_SMTP_OAUTH_REFRESH_TOKEN", "given0")

    with Dispatcher.from_config() as dispatcher:
        told = dispatcher.send(MAIL, to="zoe@example.com").outcome

    assert told is Outcome.ACCEPTED
    assert authority.forms == [
        {"grant_type": "refresh_token", "client_id": "canary-client", "refresh_token": "given0"}
    ]


@both_ways
def test_a_refresh_token_that_comes_with_an_answer_replaces_the_one_before(
    send: Way, authority: Authority, server: SmtpEmulator
) -> None:
    smtp = smtp_of(server.port, username=LOGIN[0], oauth_token=_grant(authority))

    told = send(smtp, [MAIL, MAIL, MAIL])

    assert told == [Outcome.ACCEPTED] * 3
    assert [form["refresh_token"] for form in authority.forms] == ["given0", "rotated1", "rotated2"]


@both_ways
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.THROTTLE),
        Fault(FaultKind.THROTTLE, seconds=1),
        Fault(FaultKind.STATUS, status=503),
    ],
    ids=["429", "429-with-a-time", "503"],
)
def test_a_token_endpoint_that_is_busy_just_now_refuses_no_mail(
    send: Way, fault: Fault, authority: Authority, server: SmtpEmulator
) -> None:
    authority.faults.add(fault)

    told = send(smtp_of(server.port, username=LOGIN[0], oauth_token=_grant(authority)))

    assert told in ([Outcome.ACCEPTED], [Outcome.NOT_SENT])


def test_a_token_endpoint_that_refuses_the_credentials_is_the_fault_of_the_account(
    authority: Authority, server: SmtpEmulator
) -> None:
    authority.faults.add(Fault(FaultKind.STATUS, status=400, times=5))

    told = sent(smtp_of(server.port, username=LOGIN[0], oauth_token=_grant(authority)))

    assert told == [Outcome.NOT_SENT]
