"""`messaging-channels smtp check`: where an account fails is said in words, and no secret is."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from messaging_channels.testing import Fault, FaultKind
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.__main__ import main
from messaging_channels_smtp.checking import check_account
from messaging_channels_smtp.emulator import SmtpEmulator

PASSWORD = "canary-password"


def _told(smtp: Smtp, **options: Any) -> list[tuple[str, bool]]:
    findings = [*check_account(smtp, **options)]
    assert PASSWORD not in str(findings)
    assert all(len(one.words) > 4 for one in findings)
    return [(one.step, one.ok) for one in findings]


def _smtp(port: int, **options: Any) -> Smtp:
    given = {"host": "127.0.0.1", "tls": "none", "sender": "shop@example.org", "timeout": 5.0} | options
    return Smtp(port=port, **given)


GOOD = [(step, True) for step in ("DNS", "connect", "TLS", "EHLO", "AUTH", "limits", "mail")]


def test_a_good_account_is_told_step_by_step_and_sends_a_mail_to_itself() -> None:
    with SmtpEmulator(login=("shop", PASSWORD)) as server:
        assert _told(_smtp(server.port, username="shop", password=PASSWORD)) == GOOD
        assert [one.recipients for one in server.mails] == [("shop@example.org",)]
        assert _told(_smtp(server.port, username="shop", password=PASSWORD), send=False) == GOOD[:-1]
        assert len(server.mails) == 1


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_tls_is_part_of_it(mode: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with SmtpEmulator(tls=context, implicit=mode == "implicit") as server:
        account: dict[str, Any] = {"host": "localhost", "tls": mode}
        assert _told(_smtp(server.port, ca_file=tmp_path / "ca.pem", **account)) == GOOD
        (failed,) = [one for one in check_account(_smtp(server.port, **account)) if not one.ok]
        assert failed.step == "tls"
        assert "certificate" in failed.words


@pytest.mark.parametrize(
    ("fault", "options", "step"),
    [
        (Fault(FaultKind.CLOSE, path="/connect"), {}, "connect"),
        (Fault(FaultKind.STATUS, status=554, path="/connect"), {}, "connect"),
        (Fault(FaultKind.THROTTLE, path="/ehlo"), {}, "EHLO"),
        (None, {"password": "wrong"}, "AUTH"),
        (None, {"password": None, "oauth_token": lambda: "wrong"}, "AUTH"),
        (None, {"host": "no-such-host.invalid", "tls": "starttls"}, "DNS"),
        (Fault(FaultKind.STATUS, status=550, path="/mail"), {}, "mail"),
    ],
)
def test_it_ends_where_it_fails(fault: Fault | None, options: dict[str, Any], step: str) -> None:
    with SmtpEmulator(login=("shop", PASSWORD)) as server:
        if fault:
            server.faults.add(fault)
        account = {"username": "shop", "password": PASSWORD} | options
        told = _told(_smtp(server.port, **account))
    assert told[-1] == (step, False)
    assert all(ok for _, ok in told[:-1])


def test_the_command_prints_a_line_a_step_and_says_by_its_code_whether_all_was_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with SmtpEmulator() as server:
        dsn = f"smtp://127.0.0.1:{server.port}?tls=none&sender=shop@example.org"
        monkeypatch.setenv("MESSAGING_CHANNELS_SMTP_DSN", dsn)
        assert main(["check", "--to", "zoe@example.com"]) == 0
        assert server.mails[0].recipients == ("zoe@example.com",)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in lines] == [["ok", step] for step, _ in GOOD]
        server.faults.add(Fault(FaultKind.RESET, path="/ehlo"))
        assert main(["check", "--no-mail"]) == 5
        assert "FAIL" in capsys.readouterr().out
    monkeypatch.setenv("MESSAGING_CHANNELS_SMTP_DSN", "smtp://:p@ss/canary@host")
    assert main(["check"]) == 3
    assert "canary" not in capsys.readouterr().err
