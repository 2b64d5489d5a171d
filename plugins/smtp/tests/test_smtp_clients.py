"""Clients that others wrote talk to the mail server for tests: smtplib, aiosmtplib, Django and curl are taken, or refused rightly."""

from __future__ import annotations

import asyncio
import json
import shutil
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import aiosmtplib
import pytest
import trustme

from messaging_channels_smtp.emulator import EXTENSIONS, SmtpEmulator

SENDER, RECIPIENT, USER, SECRET = "a@example.org", "zoe@example.com", "shop", "canary"
LINE = b"x" * 76 + b"\r\n"
ROOMY = tuple("SIZE 30000000" if one.startswith("SIZE") else one for one in EXTENSIONS)
CONTENTS = {
    "a line": b"Subject: s\r\n\r\nHello\r\n",
    "dots": b"Subject: s\r\n\r\n.\r\n..\r\n.a\r\n\r\n.\r\n",
    "octets of eight bits": "Subject: s\r\n\r\nGr\u00fc\u00dfe\r\n".encode(),
    "11 MB": b"Subject: s\r\n\r\n" + LINE * 141_000,
}


class Account(NamedTuple):
    """How a client gets in."""

    port: int
    secret: str = SECRET
    mechanism: str = ""
    ca: Path | None = None

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def _by_smtplib(account: Account, content: bytes) -> bool:
    with smtplib.SMTP("localhost", account.port, timeout=60) as client:
        if account.ca:
            client.starttls(context=account.trusting)
        client.ehlo()
        client.user, client.password = USER, account.secret
        try:
            if account.mechanism:
                ways: dict[str, Any] = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}
                client.auth(account.mechanism, ways[account.mechanism])
            client.sendmail(SENDER, [RECIPIENT], content)
        except smtplib.SMTPException:
            return False
    return True


def _by_aiosmtplib(account: Account, content: bytes) -> bool:
    async def run() -> bool:
        context = account.trusting if account.ca else None
        client = aiosmtplib.SMTP(
            hostname="localhost",
            port=account.port,
            start_tls=bool(account.ca),
            tls_context=context,
            timeout=60,
        )
        async with client:
            await client.ehlo()
            try:
                if account.mechanism == "PLAIN":
                    await client.auth_plain(USER, account.secret)
                elif account.mechanism == "LOGIN":
                    await client.auth_login(USER, account.secret)
                elif account.mechanism:
                    await client.auth_xoauth2(USER, account.secret)
                await client.sendmail(SENDER, [RECIPIENT], content)
            except aiosmtplib.SMTPException:
                return False
        return True

    return asyncio.run(run())


def _by_curl(account: Account, content: bytes, *further: str) -> bool:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    by_token = account.mechanism in ("XOAUTH2", "OAUTHBEARER")
    login = (
        ["--user", USER, "--oauth2-bearer", account.secret]
        if by_token
        else ["--user", f"{USER}:{account.secret}"]
    )
    options = [*login, "--login-options", f"AUTH={account.mechanism}"] if account.mechanism else []
    secure = ["--ssl-reqd", "--cacert", str(account.ca)] if account.ca else []
    url = f"smtp://localhost:{account.port}/me.example.org"
    told = subprocess.run(
        ["curl", "-sS", "--max-time", "60", url, "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "-T", "-", *options, *secure, *further],
        input=content, capture_output=True, check=False,
    )  # fmt: skip
    return told.returncode == 0


def _by_curl_at_once(account: Account, content: bytes) -> bool:
    """The secret goes with AUTH itself."""
    return _by_curl(account, content, "--sasl-ir")


Client = Callable[[Account, bytes], bool]
CLIENTS: dict[Client, tuple[str, ...]] = {
    _by_smtplib: ("PLAIN", "LOGIN"),
    _by_aiosmtplib: ("PLAIN", "LOGIN", "XOAUTH2"),
    _by_curl: ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"),
    _by_curl_at_once: ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"),
}
every_client = pytest.mark.parametrize("send", [_by_smtplib, _by_aiosmtplib, _by_curl])


@every_client
@pytest.mark.parametrize("content", CONTENTS)
def test_what_a_client_sends_is_what_arrives(send: Client, content: str) -> None:
    with SmtpEmulator(extensions=ROOMY) as server:
        assert send(Account(server.port), CONTENTS[content])
        (mail,) = server.mails
    assert (mail.sender, mail.recipients) == (SENDER, (RECIPIENT,))
    assert mail.content == CONTENTS[content]


@pytest.mark.parametrize(
    ("send", "mechanism"), [(send, one) for send, mechanisms in CLIENTS.items() for one in mechanisms]
)
def test_the_right_secret_gets_a_client_in_and_a_wrong_one_does_not(send: Client, mechanism: str) -> None:
    with SmtpEmulator(login=(USER, SECRET)) as server:
        assert not send(Account(server.port, "wrong", mechanism), CONTENTS["a line"])
        assert not send(Account(server.port), CONTENTS["a line"])
        assert server.mails == []
        assert send(Account(server.port, SECRET, mechanism), CONTENTS["a line"])
        assert len(server.mails) == 1


@every_client
def test_a_client_goes_on_in_private(send: Client, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with SmtpEmulator(tls=context, login=(USER, SECRET)) as server:
        assert send(Account(server.port, SECRET, "LOGIN", tmp_path / "ca.pem"), CONTENTS["a line"])
        assert len(server.mails) == 1


@every_client
def test_a_mail_beyond_the_limit_is_refused(send: Client) -> None:
    with SmtpEmulator() as server:
        assert not send(Account(server.port), CONTENTS["11 MB"])
        assert server.mails == []


def test_eleven_megabytes_in_chunks_arrive_as_they_were() -> None:
    """The chunks by hand: none of the clients knows BDAT."""
    content, size = CONTENTS["11 MB"], 1 << 18
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    with (
        SmtpEmulator(extensions=ROOMY) as server,
        smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client,
    ):
        client.ehlo()
        client.mail(SENDER)
        client.rcpt(RECIPIENT)
        began = time.process_time()
        for piece in pieces:
            last = b" LAST" if piece is pieces[-1] else b""
            client.send(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
            assert client.getreply()[0] == 250
        assert time.process_time() - began < 5  # of this process; the clock of a busy machine says nothing
        assert server.mails[0].content == content


DJANGO = r"""
import json, sys
from django.conf import settings
settings.configure(EMAIL_HOST="localhost", EMAIL_PORT=int(sys.argv[1]), EMAIL_HOST_USER="shop", EMAIL_HOST_PASSWORD=sys.argv[2])
from django.core.mail import EmailMultiAlternatives, get_connection
mails = []
for number in range(2):
    mail = EmailMultiAlternatives("Gr\u00fc\u00dfe", "text\n.\n", "a@example.org", ["zoe@example.com"], bcc=["hidden@example.com"])
    mail.attach_alternative("<p>html</p>", "text/html")
    mail.attach("a.bin", bytes(range(256)), "application/octet-stream")
    mails.append(mail)
try:
    print(json.dumps(get_connection("django.core.mail.backends.smtp.EmailBackend").send_messages(mails)))
except OSError as refusal:
    print(json.dumps(refusal.smtp_code))
"""


def _by_django(port: int, secret: str) -> Any:
    command = [sys.executable, "-c", DJANGO, str(port), secret]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_djangos_backend_sends_its_mails_over_one_connection_and_is_told_of_a_wrong_password() -> None:
    with SmtpEmulator(login=(USER, SECRET)) as server:
        assert _by_django(server.port, SECRET) == 2
        assert [one.recipients for one in server.mails] == [(RECIPIENT, "hidden@example.com")] * 2
        assert len({one.connection for one in server.mails}) == 1
        assert _by_django(server.port, "wrong") == 535


@pytest.mark.parametrize(
    ("recipient", "code"), [("reject@example.com", 550), ("full@example.com", 452), ("spam@example.com", 554)]
)
def test_clients_read_the_same_refusal(recipient: str, code: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SENDER, recipient, "s"
    mail.set_content("text")
    with SmtpEmulator() as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)) as told:
                client.send_message(mail)
            assert str(code) in str(told.value)
        with pytest.raises((aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError)) as said:
            asyncio.run(aiosmtplib.send(mail, hostname="127.0.0.1", port=server.port, start_tls=False))
        assert str(code) in str(said.value)
        assert server.mails == []
