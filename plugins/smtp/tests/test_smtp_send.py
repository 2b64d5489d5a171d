from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from loopback import Peer, Server

from messaging_channels import AsyncDispatcher, Configuration, Dispatcher, Email, Outcome, Sms, errors
from messaging_channels._config import plugin_manager as plugins
from messaging_channels.messages import Attachment
from messaging_channels.plugins import AttemptResult, Reason
from messaging_channels_smtp import Smtp, settings
from messaging_channels_smtp._table_errors import CODES
from messaging_channels_smtp.protocol.mail import TransactionResult
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.server import Server as MailServer
from messaging_channels_smtp.protocol.server import SmtpTimeouts
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.responses import parse_delivery

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

PASSWORD = "canary-password"
MAIL = Email("Hello", "the body", sender="Shop <shop@example.org>", bcc="copy@example.com")


class Mailbox(Controller):
    """A real SMTP server on loopback that keeps what it took."""

    def __init__(self, *, implicit: ssl.SSLContext | None = None, **options: Any) -> None:
        self.taken: list[Envelope] = []
        self._implicit = implicit
        self._options = options
        super().__init__(self, hostname="127.0.0.1", port=0, server_hostname="mail.example.org")

    def factory(self) -> SMTP:
        return SMTP(self, ident="test", **self._options)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, host="127.0.0.1", port=0, ssl=self._implicit)

    def _trigger_server(self) -> None:
        """Make the first connection: the controller waits for one before it counts as started."""
        self.port = self.server.sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            if self._implicit is None:
                connection.recv(1024)
                return
            anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            anybody.check_hostname = False
            anybody.verify_mode = ssl.CERT_NONE
            with anybody.wrap_socket(connection) as secured:
                secured.recv(1024)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 2.0.0 Ok: queued as 4XyZ"


@contextmanager
def _mailbox(**options: Any) -> Iterator[Mailbox]:
    mailbox = Mailbox(**options)
    mailbox.start()
    try:
        yield mailbox
    finally:
        mailbox.stop()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def _login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(handled=False, success=(data.login, data.password) == (b"shop", PASSWORD.encode()))


def _sent(smtp: Smtp, mail: Email = MAIL) -> AttemptResult:
    with Dispatcher([smtp]) as dispatcher:
        try:
            receipt = dispatcher.send(mail, to="zoe@example.com")
        except errors.SendFailed as failed:
            receipt = failed.receipt
    for secret in (PASSWORD, "zoe@example.com", "copy@example.com", "the body"):
        assert secret not in repr(receipt)
        assert secret not in receipt.attempts[-1].result.detail
    return receipt.attempts[-1].result


def test_a_mail_arrives_whole_for_the_recipient_and_the_blind_copy() -> None:
    with _mailbox() as mailbox:
        told = _sent(Smtp(host="127.0.0.1", port=mailbox.port, tls="none"))
    assert (told.outcome, told.status.name, told.provider_id) == (Outcome.ACCEPTED, "PENDING_ENROUTE", "4XyZ")
    (taken,) = mailbox.taken
    assert taken.mail_from == "shop@example.org"
    assert taken.rcpt_tos == ["zoe@example.com", "copy@example.com"]
    assert isinstance(taken.content, bytes)
    mail = email.message_from_bytes(taken.content, policy=email.policy.default)
    assert (mail["Subject"], mail["To"], mail["Bcc"]) == ("Hello", "zoe@example.com", None)


def test_the_asynchronous_door_sends_the_same() -> None:
    async def send(port: int) -> Outcome:
        async with AsyncDispatcher([Smtp(host="127.0.0.1", port=port, tls="none")]) as dispatcher:
            return (await dispatcher.send(MAIL, to="zoe@example.com")).outcome

    with _mailbox() as mailbox:
        assert asyncio.run(send(mailbox.port)) is Outcome.ACCEPTED
    assert len(mailbox.taken) == 1


def test_dots_and_odd_line_ends_arrive_as_one_mail() -> None:
    with _mailbox() as mailbox:
        _sent(
            Smtp(host="127.0.0.1", port=mailbox.port, tls="none"),
            Email("s", ".\n.\r\n..\r.\r\n\n.\nend", sender="a@example.org"),
        )
    (taken,) = mailbox.taken
    assert isinstance(taken.content, bytes)
    assert taken.content.endswith(b"\r\n\r\n.\r\n.\r\n..\r\n.\r\n\r\n.\r\nend\r\n")


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_a_mail_goes_over_verified_tls_after_logging_in(
    mode: Any, tls: ssl.SSLContext, ca_file: Path
) -> None:
    options: dict[str, Any] = {"authenticator": _login, "auth_required": True}
    if mode == "implicit":
        options |= {"implicit": tls, "auth_require_tls": False}
    else:
        options |= {"tls_context": tls, "require_starttls": True}
    with _mailbox(**options) as mailbox:
        smtp = Smtp(
            host="localhost", port=mailbox.port, tls=mode, ca_file=ca_file, username="shop", password=PASSWORD
        )
        assert _sent(smtp).outcome is Outcome.ACCEPTED
    assert len(mailbox.taken) == 1


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_an_unverified_certificate_is_refused_before_anything_is_sent(mode: Any, tls: ssl.SSLContext) -> None:
    options: dict[str, Any] = {"implicit": tls} if mode == "implicit" else {"tls_context": tls}
    with _mailbox(**options) as mailbox:
        assert _sent(Smtp(host="localhost", port=mailbox.port, tls=mode)).reason is Reason.NO_COVERAGE
    assert mailbox.taken == []


def test_a_server_without_starttls_is_not_spoken_to_in_clear() -> None:
    with _mailbox() as mailbox:
        assert _sent(Smtp(host="127.0.0.1", port=mailbox.port)).reason is Reason.NO_COVERAGE
    assert mailbox.taken == []


def test_a_wrong_password_is_a_matter_of_credentials() -> None:
    with _mailbox(authenticator=_login, auth_required=True, auth_require_tls=False) as mailbox:
        smtp = Smtp(host="127.0.0.1", port=mailbox.port, tls="none", username="shop", password="wrong")
        assert _sent(smtp).reason is Reason.CREDENTIALS


def test_nobody_listening_is_not_sent() -> None:
    with Server(Peer.serve) as server:
        port = server.port
    assert _sent(Smtp(host="127.0.0.1", port=port, tls="none")).outcome is Outcome.NOT_SENT


class Script:
    """An SMTP server that answers each command as told; None closes the connection."""

    def __init__(self, **replies: str | None) -> None:
        self._replies = {"banner": "220 hi", "content": "250 ok"} | replies
        self.commands: list[str] = []

    def __call__(self, peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            self._talk(peer, lines)

    def _talk(self, peer: Peer, lines: Any) -> None:
        if not self._say(peer, "banner"):
            return
        for line in lines:
            command = line[:4].decode().strip().lower()
            self.commands.append(command)
            if not self._say(peer, command):
                return
            if command == "data" and str(self._replies.get("data", "354")).startswith("354"):
                while (content := next(lines, b"")) not in (b".\r\n", b""):
                    pass
                if content and not self._say(peer, "content"):
                    return

    def _say(self, peer: Peer, command: str) -> bool:
        reply = self._replies.get(command, "354 go on" if command == "data" else "250 ok")
        if reply is None:
            return False
        peer.answer(reply.encode() + b"\r\n")
        return True


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ({"banner": None}, Reason.UNREACHABLE),
        ({"banner": "554 go away"}, Reason.NO_COVERAGE),
        ({"mail": None}, Reason.UNREACHABLE),
        ({"rcpt": None}, Reason.UNREACHABLE),
        ({"data": None}, Reason.UNREACHABLE),
        ({"content": None}, Reason.CONNECTION),
        ({"content": "nonsense"}, Reason.CONNECTION),
        ({"content": "421 shutting down"}, Reason.THROTTLED),
        ({"content": "552 5.3.4 too big"}, Reason.INVALID),
        ({"content": "554 spam"}, Reason.POLICY),
        ({"mail": "550 5.7.1 no"}, Reason.POLICY),
        ({"rcpt": "550 5.1.1 no such user zoe@example.com"}, Reason.RECIPIENT),
        ({"rcpt": "450 4.2.0 greylisted"}, Reason.THROTTLED),
        ({"data": "554 5.5.1 no valid recipients"}, Reason.INVALID),
        ({"content": "250 ok"}, Reason.ACCEPTED),
    ],
)
def test_what_is_lost_before_the_final_dot_is_not_sent_and_after_it_unknown(
    replies: dict[str, str | None], reason: Reason
) -> None:
    with Server(Script(**replies)) as server:
        assert _sent(Smtp(host="127.0.0.1", port=server.port, tls="none")).reason is reason


def test_a_reply_that_never_comes_is_unknown() -> None:
    def handle(peer: Peer) -> None:
        Script(content=None)(peer)
        peer.wait_for_the_other_side()

    with Server(handle) as server:
        told = _sent(
            Smtp(host="127.0.0.1", port=server.port, tls="none", timeouts=SmtpTimeouts(data_end=0.2))
        )
    assert told.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("stage", Stage)
def test_every_reply_has_a_meaning(stage: Stage) -> None:
    for code in range(200, 600):
        kind = parse_delivery(TransactionResult(stage, Reply(code, "words"))).outcome
        assert (kind is Outcome.ACCEPTED) == (code // 100 == 2)
        assert kind is not Outcome.UNKNOWN


MAILING = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT)


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("5")])
def test_the_first_digit_says_whether_to_try_again_and_the_enhanced_code_why(code: str) -> None:
    for stage in MAILING:
        told = parse_delivery(TransactionResult(stage, Reply(554, f"{code} words")))
        assert told.outcome is CODES[code].reason.policy.outcome
        assert told.reason is CODES[code].reason
        assert (told.status.group_id, told.status.id) == (CODES[code].group, CODES[code].status)
        later = parse_delivery(TransactionResult(stage, Reply(451, f"{code} words")))
        assert (later.outcome, later.reason) == (Outcome.NOT_SENT, Reason.THROTTLED)


@pytest.mark.parametrize(
    ("stage", "code", "reason", "status"),
    [
        (Stage.MAIL, 550, Reason.POLICY, "REJECTED_SOURCE"),
        (Stage.MAIL, 552, Reason.INVALID, "REJECTED_MESSAGE_TOO_LONG"),
        (Stage.MAIL, 530, Reason.CREDENTIALS, "REJECTED_ROUTE_NOT_AVAILABLE"),
        (Stage.RCPT, 550, Reason.RECIPIENT, "UNDELIVERABLE_NOT_DELIVERED"),
        (Stage.RCPT, 552, Reason.THROTTLED, "PENDING_NOT_SENT"),
        (Stage.RCPT, 554, Reason.POLICY, "UNDELIVERABLE_REJECTED_OPERATOR"),
        (Stage.CONTENT, 552, Reason.INVALID, "REJECTED_MESSAGE_TOO_LONG"),
        (Stage.CONTENT, 554, Reason.POLICY, "UNDELIVERABLE_REJECTED_OPERATOR"),
        (Stage.CONNECT, 554, Reason.NO_COVERAGE, "REJECTED_ROUTE_NOT_AVAILABLE"),
        (Stage.TLS, 501, Reason.NO_COVERAGE, "REJECTED_ROUTE_NOT_AVAILABLE"),
        (Stage.AUTH, 535, Reason.CREDENTIALS, "REJECTED_ROUTE_NOT_AVAILABLE"),
        (Stage.AUTH, 454, Reason.THROTTLED, "PENDING_NOT_SENT"),
        (Stage.DATA, 503, Reason.INVALID, "REJECTED_INTERNAL_ERROR"),
    ],
)
def test_without_an_enhanced_code_the_stage_says_why(
    stage: Stage, code: int, reason: Reason, status: str
) -> None:
    told = parse_delivery(TransactionResult(stage, Reply(code, "words")))
    assert (told.reason, told.status.name) == (reason, status)


@pytest.mark.parametrize(
    ("text", "queue_id"),
    [
        ("2.0.0 Ok: queued as 4F1A", "4F1A"),
        ("2.6.0 Message queued as <k3v9@mail.example>", "k3v9@mail.example"),
        ("OK id=1abcDE-000123-4f", "1abcDE-000123-4f"),
        ("2.0.0 4APA12 Message accepted for delivery", "4APA12"),
        ("2.6.0 <x@y> [InternalId=4711] Queued mail", "4711"),
        ("thank you", None),
    ],
)
def test_the_servers_own_id_is_kept_where_it_gives_one(text: str, queue_id: str | None) -> None:
    assert (
        parse_delivery(TransactionResult(Stage.CONTENT, Reply(250, text), committed=True)).provider_id
        == queue_id
    )


def test_an_attachment_that_cannot_be_read_is_the_callers_mistake(tmp_path: Path) -> None:
    mail = Email("s", "t", sender="a@example.org", attachments=(Attachment(tmp_path / "none", "a"),))
    with pytest.raises(errors.InvalidMessage, match="cannot be read"):
        _sent(Smtp(host="127.0.0.1", tls="none"), mail)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Smtp(host="mail.example.com", username="shop"), errors.InvalidSetting),
        (
            lambda: Smtp(host="mail.example.com", username="s", password=PASSWORD, tls="none"),
            errors.InvalidSetting,
        ),
        (lambda: Smtp(host="mail.example.com", sender="nonsense"), errors.InvalidAddress),
        (lambda: _sent(Smtp(host="127.0.0.1"), Email("s", "t")), errors.InvalidMessage),
        (lambda: Dispatcher([Smtp(host="127.0.0.1")]).send(Sms("x"), to="447700900123"), errors.NoRoute),
        (lambda: _sent(Smtp(host="127.0.0.1", ca_file=Path("none.pem")), MAIL), errors.InvalidSetting),
    ],
)
def test_bad_input_is_refused_before_anything_leaves(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make()
    assert PASSWORD not in str(caught.value)


def test_no_repr_shows_the_password() -> None:
    smtp = Smtp(host="mail.example.com", username="shop", password=PASSWORD)
    server = MailServer("mail.example.com", 587, "starttls", "shop", PASSWORD)
    assert PASSWORD not in repr(smtp) + repr(server)


EVERYTHING = {
    "HOST": "mail.example.com",
    "PORT": "2525",
    "TLS": "implicit",
    "USERNAME": "shop",
    "OAUTH_URL": "https://login.example.com/token",
    "OAUTH_CLIENT_ID": "canary-1",
    "OAUTH_CLIENT_SECRET": "canary-2",
    "OAUTH_REFRESH_TOKEN": "canary-3",
    "SENDER": "Shop <shop@example.org>",
    "HOSTNAME": "app.example.org",
    "RETURN_PATH": "bounces@example.org",
    "RETURN_PATH_KEY": "canary-4",
    "WEBHOOK_TOKEN": "canary-5",
    "REPORT_SUCCESS": "true",
    "TIMEOUT": "5",
    "DATA_TIMEOUT": "700",
    "POOL_SIZE": "2",
    "MESSAGES_PER_CONNECTION": "50",
    "KEEPALIVE_EXPIRY": "10",
    "PIPELINE_DEPTH": "1",
}


def test_every_setting_can_come_from_the_environment_and_no_secret_is_shown() -> None:
    loaded = plugins.load_plugins(only=(), extra=[settings])
    given = {f"MESSAGING_CHANNELS_SMTP_{name}": value for name, value in EVERYTHING.items()}
    smtp = Configuration({}, given, {}, "none", loaded).provider("smtp")
    assert isinstance(smtp, Smtp)
    assert "canary" not in repr(vars(smtp))


@pytest.mark.parametrize(
    "wrong",
    [
        {"OAUTH_URL": "https://login.example.com", "PASSWORD": "x", "USERNAME": "y"},
        {"HOSTNAME": "a b"},
        {"DKIM_KEY": "nonsense", "DKIM_DOMAIN": "example.org", "DKIM_SELECTOR": "mc"},
        {"DKIM_KEY": "nonsense"},
    ],
)
def test_settings_that_fit_nothing_are_refused(wrong: dict[str, str]) -> None:
    loaded = plugins.load_plugins(only=(), extra=[settings])
    given = {f"MESSAGING_CHANNELS_SMTP_{name}": value for name, value in ({"HOST": "h"} | wrong).items()}
    with pytest.raises(errors.InvalidSetting):
        Configuration({}, given, {}, "none", loaded).provider("smtp")


def test_it_is_configured_by_a_dsn() -> None:
    loaded = plugins.load_plugins(only=(), extra=[settings])
    with _mailbox() as mailbox:
        dsn = f"smtp://127.0.0.1:{mailbox.port}?tls=none&sender=shop@example.org"
        configuration = Configuration({}, {"MESSAGING_CHANNELS_SMTP_DSN": dsn}, {}, "none", loaded)
        with Dispatcher([configuration.provider("smtp")]) as dispatcher:
            assert dispatcher.send(Email("s", "t"), to="zoe@example.com").outcome is Outcome.ACCEPTED
    assert mailbox.taken[0].mail_from == "shop@example.org"
