"""The mail server for tests does as the RFCs have it: clients that others wrote pass there, or are refused rightly."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from messaging_channels_smtp.emulator import SmtpEmulator

LOGIN = ("shop", "canary")


class Line:
    """A client that says what it is told."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.lines = self.socket.makefile("rb")
        self.heard()

    def heard(self) -> str:
        """Return the code of the next reply, with the enhanced one."""
        while (line := self.lines.readline())[3:4] == b"-":
            pass
        code, _, text = line.decode().rstrip("\r\n").partition(" ")
        enhanced = text.split(" ")[0]
        return f"{code} {enhanced}" if enhanced.count(".") == 2 else code

    def say(self, line: str | bytes) -> str:
        self.socket.sendall((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.heard()

    def say_all(self, *lines: str) -> list[str]:
        return [self.say(line) for line in lines]


@contextmanager
def _line(server: SmtpEmulator, *, greet: bool = True) -> Iterator[Line]:
    line = Line(server.port)
    if greet:
        line.say("EHLO me.example.org")
    with line.socket, line.lines:
        yield line


@pytest.fixture
def server() -> Iterator[SmtpEmulator]:
    with SmtpEmulator() as server:
        yield server


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLAIN = _base64("\0shop\0canary")
XOAUTH2 = _base64("user=shop\1auth=Bearer canary\1\1")
OAUTHBEARER = _base64("n,a=shop,\1host=mx.example.com\1port=587\1auth=Bearer canary\1\1")


@pytest.mark.parametrize(
    ("dialogue", "last"),
    [
        ([f"AUTH PLAIN {PLAIN}"], "235 2.7.0"),
        (["AUTH PLAIN", PLAIN], "235 2.7.0"),
        (["auth plain", PLAIN], "235 2.7.0"),
        (["AUTH LOGIN", _base64("shop"), _base64("canary")], "235 2.7.0"),
        ([f"AUTH LOGIN {_base64('shop')}", _base64("canary")], "235 2.7.0"),
        ([f"AUTH XOAUTH2 {XOAUTH2}"], "235 2.7.0"),
        (["AUTH XOAUTH2", XOAUTH2], "235 2.7.0"),
        ([f"AUTH OAUTHBEARER {OAUTHBEARER}"], "235 2.7.0"),
        ([f"AUTH OAUTHBEARER {_base64('n,a=shop,' + chr(1) + 'auth=Bearer no' + chr(1) * 2)}", "AQ=="], "535 5.7.8"),
        ([f"AUTH XOAUTH2 {_base64('user=shop' + chr(1) + 'auth=Bearer no' + chr(1) * 2)}", ""], "535 5.7.8"),
        ([f"AUTH PLAIN {_base64(chr(0) + 'shop' + chr(0) + 'no')}"], "535 5.7.8"),
        (["AUTH PLAIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", "*"], "501 5.7.0"),
        (["AUTH PLAIN !!!"], "501 5.5.2"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        (["AUTH CRAM-MD5"], "504 5.5.4"),
        ([f"AUTH PLAIN {PLAIN}", f"AUTH PLAIN {PLAIN}"], "503 5.5.1"),
        (["MAIL FROM:<a@example.org>"], "530 5.7.0"),
    ],
)  # fmt: skip
def test_logging_in_is_as_the_mechanisms_have_it(dialogue: list[str], last: str) -> None:
    with SmtpEmulator(login=LOGIN) as server, _line(server) as line:
        assert line.say_all(*dialogue)[-1] == last
        assert line.say("NOOP") == "250 2.0.0"


@pytest.mark.parametrize(
    ("dialogue", "last"),
    [
        (["VRFY zoe"], "252 2.5.0"), (["HELP"], "214 2.0.0"), (["EXPN list"], "502 5.5.1"), (["WHAT"], "500 5.5.2"),
        (["STARTTLS"], "502 5.5.1"), (["AUTH PLAIN"], "502 5.5.1"), (["EHLO"], "501 5.5.4"), (["RSET now"], "501 5.5.4"),
        (["RCPT TO:<a@example.com>"], "503 5.5.1"), (["DATA"], "503 5.5.1"), (["MAIL FROM:<>"], "250 2.1.0"),
        (["MAIL FROM:<a@example.org>", "MAIL FROM:<a@example.org>"], "503 5.5.1"),
        (["MAIL FROM:<a@example.org>", "EHLO me.example.org", "MAIL FROM:<b@example.org>"], "250 2.1.0"),
        (["MAIL FROM:<a@example.org>", "RSET", "MAIL FROM:<b@example.org>"], "250 2.1.0"),
        (["MAIL FROM:<a@example.org>", "DATA"], "554 5.5.1"),
        (["MAIL FROM:<a@example.org>", "RCPT TO:<postmaster>"], "250 2.1.5"),
        (['MAIL FROM:<"a b"@example.org>'], "250 2.1.0"), (["MAIL FROM:<a@[127.0.0.1]>"], "250 2.1.0"),
        (["MAIL FROM:a@example.org"], "501 5.5.4"), (["MAIL FROM:<a b@example.org>"], "501 5.5.4"), (["MAIL FROM:<a>"], "501 5.5.4"),
        (["MAIL FROM:<a@example.org> SIZE=1000"], "250 2.1.0"), (["MAIL FROM:<a@example.org> SIZE=99999999"], "552 5.3.4"),
        (["MAIL FROM:<a@example.org> SIZE=x"], "501 5.5.4"), (["MAIL FROM:<a@example.org> SIZE=1 SIZE=2"], "501 5.5.4"),
        (["MAIL FROM:<a@example.org> BODY=8BITMIME"], "250 2.1.0"), (["MAIL FROM:<a@example.org> BODY=9BIT"], "501 5.5.4"),
        (["MAIL FROM:<a@example.org> RET=HDRS ENVID=x+2B"], "250 2.1.0"), (["MAIL FROM:<a@example.org> RET=WRONG"], "501 5.5.4"),
        (["MAIL FROM:<a@example.org> X=1"], "555 5.5.4"), (["MAIL FROM:<\u00f1@example.org>"], "553 5.6.7"),
        (["MAIL FROM:<\u00f1@example.org> SMTPUTF8"], "250 2.1.0"), (["MAIL FROM:<a@example.org> SMTPUTF8=1"], "501 5.5.4"),
        (["MAIL FROM:<a@example.org>", "RCPT TO:<a@example.com> NOTIFY=NEVER"], "250 2.1.5"),
        (["MAIL FROM:<a@example.org>", "RCPT TO:<a@example.com> NOTIFY=NEVER,SUCCESS"], "501 5.5.4"),
        (["MAIL FROM:<a@example.org>", "RCPT TO:<a@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@example.com"], "250 2.1.5"),
        (["MAIL FROM:<a@example.org>", "RCPT TO:<\u00f1@example.com>"], "553 5.6.7"),
        (["MAIL FROM:<a@example.org>", "RCPT TO:<a@example.com> SIZE=1"], "555 5.5.4"),
        *((["MAIL FROM:<a@example.org>", f"RCPT TO:<a@example.com> ORCPT={one}"], "501 5.5.4")
          for one in ("rfc822;a+zz", "rfc822;a+2b", "rfc822;\u00f1@example.com", "a@example.com")),
        (["MAIL FROM:<a@example.org> SMTPUTF8", "RCPT TO:<\u00f1@example.com> ORCPT=utf-8;\u00f1@example.com"], "250 2.1.5"),
        (["MAIL FROM:<a@example.org> ENVID=x+2b"], "501 5.5.4"),
        *(([f"MAIL FROM:<{one}>"], "501 5.5.4")
          for one in ("a..b@example.org", ".a@example.org", "a.@example.org", "a(b)@example.org", "a@b@example.org", "a@example..org",
                      "a@-x.example", "a@x-.example", "a@example.org.", "a@" + "x" * 64 + ".example", "@relay.example:")),
        *(([f"MAIL FROM:<{one}>"], "501 5.1.3")
          for one in ("a" * 65 + "@example.org", "a@" + "x." * 127 + "example", "a@[1.2.3]", "a@[999.1.1.1]", "a@[IPv6:::zz]")),
        *(([f"MAIL FROM:<{one}>"], "250 2.1.0")
          for one in ("a" * 64 + "@example.org", "a@[IPv6:::1]", "!#$%&'*+-/=?^_`{|}~@example.org", "@relay.example,@b.example:a@example.org")),
        *(([one], "501 5.5.4") for one in ("VRFY", "EXPN", "MAIL", "RCPT", "HELO", "AUTH", "QUIT now", "DATA now")),
    ],
)  # fmt: skip
def test_commands_are_answered_as_the_rfcs_have_it(
    server: SmtpEmulator, dialogue: list[str], last: str
) -> None:
    with _line(server) as line:
        assert line.say_all(*dialogue)[-1] == last


@pytest.mark.parametrize(
    "line_said",
    [
        "MAIL FROM:<a@example.org> SIZE=1",
        "MAIL FROM:<a@example.org> BODY=8BITMIME",
        "MAIL FROM:<a@example.org> RET=FULL",
    ],
)
def test_what_was_not_offered_is_refused(line_said: str) -> None:
    with SmtpEmulator(extensions=()) as server, _line(server) as line:
        assert line.say(line_said) == "555 5.5.4"
        assert line.say("BDAT 5 LAST") == "502 5.5.1"


def test_nothing_is_taken_before_ehlo(server: SmtpEmulator) -> None:
    with _line(server, greet=False) as line:
        assert line.say("MAIL FROM:<a@example.org>") == "503 5.5.1"
    with SmtpEmulator(login=LOGIN) as locked, _line(locked, greet=False) as line:
        assert line.say(f"AUTH PLAIN {PLAIN}") == "503 5.5.1"


def test_chunks_beyond_the_limit_are_refused_when_they_come() -> None:
    with SmtpEmulator(extensions=("SIZE 10", "CHUNKING")) as server, _line(server) as line:
        line.say_all("MAIL FROM:<a@example.org>", "RCPT TO:<zoe@example.com>")
        line.socket.sendall(b"BDAT 8\r\n12345678BDAT 8\r\n12345678BDAT 2 LAST\r\n90")
        assert [line.heard() for _ in range(3)] == ["250 2.0.0", "552 5.3.4", "503 5.5.1"]
        assert line.say("NOOP") == "250 2.0.0"
        assert server.mails == []


def test_a_content_may_come_in_chunks(server: SmtpEmulator) -> None:
    with _line(server) as line:
        line.say_all("MAIL FROM:<a@example.org>", "RCPT TO:<zoe@example.com>")
        line.socket.sendall(b"BDAT 6\r\nab\r\n.\nBDAT 4\r\nc\r\n.BDAT 2 LAST\r\n\r\n")
        assert [line.heard() for _ in range(3)] == ["250 2.0.0"] * 3
        assert server.mails[0].content == b"ab\r\n.\nc\r\n.\r\n"
        line.say_all("MAIL FROM:<a@example.org>", "RCPT TO:<zoe@example.com>")
        line.socket.sendall(b"BDAT 1\r\nx")
        line.heard()
        assert line.say("DATA") == "503 5.5.1"
        assert line.say("RSET") == "250 2.0.0"
        line.socket.sendall(b"BDAT 1 LAST\r\nx")
        assert line.heard() == "503 5.5.1"
        assert line.say("NOOP") == "250 2.0.0"
        assert line.say("BDAT x LAST") == "501 5.5.4"


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (b".\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n...b\r\n\r\n.\r\n", b"a\r\n..b\r\n\r\n"),
        (b"a\n.\nb\r.\r\nc\r\n.\r\n", b"a\n.\nb\r.\r\nc\r\n"),
    ],
)
def test_dots_and_bare_line_ends_are_content(server: SmtpEmulator, sent: bytes, arrived: bytes) -> None:
    with _line(server) as line:
        line.say_all("MAIL FROM:<a@example.org>", "RCPT TO:<zoe@example.com>", "DATA")
        line.socket.sendall(sent)
        assert line.heard() == "250 2.0.0"
    assert server.mails[0].content == arrived


def test_a_large_mail_costs_about_its_size_and_one_beyond_the_limit_is_refused(server: SmtpEmulator) -> None:
    small, large = (b"x" * 76 + b"\r\n") * 13_000, (b"x" * 76 + b"\r\n") * 141_000
    spent = []
    for content in (small, large):
        with smtplib.SMTP("127.0.0.1", server.port, timeout=100) as client:
            client.ehlo()
            assert client.mail("a@example.org")[0] == 250
            assert client.rcpt("zoe@example.com")[0] == 250
            began = time.process_time()
            code, _ = client.data(content)
            spent.append(time.process_time() - began)
            assert code == (250 if content is small else 552)
    assert spent[1] < 60 * max(spent[0], 0.02)  # eleven times the octets; quadratic would be over a hundred


def test_starttls_begins_anew_and_nothing_said_ahead_counts(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with (
        SmtpEmulator(tls=context, login=LOGIN) as server,
        smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client,
    ):
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert client.docmd("AUTH", f"PLAIN {PLAIN}")[0] == 538
        client.starttls(context=trusting)
        assert client.docmd("MAIL", "FROM:<a@example.org>")[0] == 503
        client.login(*LOGIN)
        assert client.docmd("STARTTLS")[0] == 503
        client.sendmail("a@example.org", ["zoe@example.com"], "Subject: s\n\nt")
        assert len(server.mails) == 1


def test_a_line_without_end_is_refused(server: SmtpEmulator) -> None:
    with _line(server) as line:
        line.socket.sendall(b"x" * 20_000)
        assert line.heard() == "500 5.5.2"
        assert line.lines.readline() == b""
