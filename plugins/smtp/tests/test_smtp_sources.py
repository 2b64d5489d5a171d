"""The ways in: each hands a mail over once, and keeps it until it is taken."""

from __future__ import annotations

import argparse
import imaplib
import os
import pwd
import random
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from messaging_channels import Dispatcher
from messaging_channels.errors import InvalidSetting
from messaging_channels.events import Event, MessageReceived
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.commands import mail, watch_source
from messaging_channels_smtp.sources import Handover, ImapMailbox, MaildirFolder, MailServer, with_envelope

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
needs_dovecot = pytest.mark.skipif(
    DOVECOT is None or os.geteuid() != 0,
    reason="Dovecot is not installed (Debian: dovecot-imapd), or this is not root, as whom its master starts",
)
MAIL = b"From: Zoe <zoe@example.com>\r\nTo: desk@example.org\r\nSubject: %d\r\nMessage-ID: <%d@example.com>\r\n\r\nhello\r\n"


class Collector:
    """Takes mails, but for those that it is told to fail at."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.failures = 0
        self.news = threading.Condition()

    def __call__(self, raw: bytes) -> None:
        with self.news:
            if self.failures:
                self.failures -= 1
                self.news.notify_all()
                raise ConnectionError("the ledger is away")
            self.mails.append(raw)
            self.news.notify_all()

    def wait_for(self, count: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.mails) >= count, timeout=120), "no mail came"

    @property
    def subjects(self) -> list[int]:
        return [int(raw.partition(b"Subject: ")[2].split()[0]) for raw in self.mails]


def _maildir(folder: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def _deliver(folder: Path, number: int) -> None:
    waiting = folder / "tmp" / f"{number:06d}.M1.host"
    waiting.write_bytes(MAIL % (number, number))
    waiting.rename(folder / "new" / waiting.name)


def test_a_maildir_hands_over_each_mail_once_and_in_order(tmp_path: Path) -> None:
    folder, taken = _maildir(tmp_path / "box"), Collector()
    for number in (2, 1, 3):
        _deliver(folder, number)
    source = MaildirFolder(folder)
    assert source.read_new(taken) == 3
    assert source.read_new(taken) == 0
    assert taken.subjects == [1, 2, 3]
    assert min(path.name for path in (folder / "cur").iterdir()) == "000001.M1.host:2,S"


def test_a_mail_of_a_maildir_that_is_not_taken_stays_and_keeps_no_other_back(tmp_path: Path) -> None:
    folder, taken = _maildir(tmp_path / "box"), Collector()
    for number in (1, 2):
        _deliver(folder, number)
    taken.failures = 1
    source = MaildirFolder(folder)
    assert source.read_new(taken) == 1
    assert taken.subjects == [2]
    assert source.read_new(taken) == 1
    assert taken.subjects == [2, 1]


def test_a_maildir_is_watched_until_it_is_stopped(tmp_path: Path) -> None:
    folder, taken, stop = _maildir(tmp_path / "box"), Collector(), threading.Event()
    watching = threading.Thread(
        target=MaildirFolder(folder, interval=0.01).watch, args=(taken, stop), daemon=True
    )
    watching.start()
    _deliver(folder, 7)
    taken.wait_for(1)
    stop.set()
    watching.join(timeout=120)
    assert not watching.is_alive()
    assert taken.subjects == [7]


def test_a_folder_that_is_no_maildir_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="new"):
        MaildirFolder(tmp_path)


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_a_server_takes_a_mail_for_each_recipient_with_its_envelope(protocol: Any) -> None:
    taken = Collector()
    with MailServer(taken, protocol=protocol) as server:
        client = (smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP)("127.0.0.1", server.port, timeout=30)
        for to in ("desk@example.org", "bounces+1@example.org"):
            client.sendmail("zoe@example.com", [to], MAIL % (1, 1))
        client.sendmail("", ["desk@example.org"], MAIL % (2, 2))
        client.quit()
    heads = [raw.partition(b"From:")[0].decode() for raw in taken.mails]
    assert heads == [
        "Return-Path: <zoe@example.com>\r\nDelivered-To: desk@example.org\r\n",
        "Return-Path: <zoe@example.com>\r\nDelivered-To: bounces+1@example.org\r\n",
        "Return-Path: <>\r\nDelivered-To: desk@example.org\r\n",
    ]


def test_a_server_asks_for_a_mail_again_that_could_not_be_kept() -> None:
    taken = Collector()
    taken.failures = 1
    with MailServer(taken) as server, smtplib.LMTP("127.0.0.1", server.port, timeout=30) as client:
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            client.sendmail("zoe@example.com", ["desk@example.org"], MAIL % (1, 1))
        assert refusal.value.smtp_code == 451
        client.sendmail("zoe@example.com", ["desk@example.org"], MAIL % (1, 1))
    assert taken.subjects == [1]


def test_a_second_recipient_of_one_transaction_is_asked_for_in_a_transaction_of_its_own() -> None:
    with (
        MailServer(Collector(), protocol="smtp") as server,
        smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client,
    ):
        refused = client.sendmail("zoe@example.com", ["a@example.org", "b@example.org"], MAIL % (1, 1))
    assert {to: code for to, (code, _) in refused.items()} == {"b@example.org": 452}


@pytest.mark.parametrize(
    ("failures", "size", "codes"),
    [(0, 1000, [250, 250]), (1, 1000, [451, 250]), (2, 1000, [451, 451]), (0, 10, [552, 552])],
)
def test_over_lmtp_each_recipient_of_a_mail_has_an_answer_of_its_own(
    failures: int, size: int, codes: list[int]
) -> None:
    taken = Collector()
    taken.failures = failures
    with (
        MailServer(taken, max_size=size) as server,
        smtplib.LMTP("127.0.0.1", server.port, timeout=30) as client,
    ):
        client.ehlo()
        client.mail("zoe@example.com")
        for to in ("a@example.org", "b@example.org"):
            assert client.rcpt(to)[0] == 250
        first, _ = client.data(MAIL % (1, 1))
        assert [first, client.getreply()[0]] == codes
        assert client.noop()[0] == 250
    told = [raw.partition(b"Delivered-To: ")[2].split()[0] for raw in taken.mails]
    assert told == [
        to for to, code in zip((b"a@example.org", b"b@example.org"), codes, strict=True) if code == 250
    ]


def test_an_envelope_cannot_write_headers_of_its_own() -> None:
    raw = with_envelope(b"Subject: x\r\n\r\n", "a>\r\nX-Evil: 1", ["b\r\nX-Evil: 2"])
    assert raw.split(b"\r\n")[:2] == [b"Return-Path: <aX-Evil: 1>", b"Delivered-To: bX-Evil: 2"]


def test_a_mail_that_is_handed_over_twice_is_heard_of_once() -> None:
    heard: list[Event] = []

    class Listener:
        def event_received(self, event: Event) -> None:
            heard.append(event)

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_args, **_named: None

    smtp = Smtp(host="127.0.0.1", tls="none", webhook_token="canary")
    listener: Any = Listener()
    with Dispatcher([smtp], observer=listener) as dispatcher:
        handover = Handover(dispatcher, token="canary", clock=lambda: 1795528315.0)
        handover(MAIL % (1, 1))
        handover(MAIL % (1, 1))
    assert [type(one) for one in heard] == [MessageReceived]


class Imap:
    """A Dovecot of the test's own, with one account."""

    def __init__(self, port: int, box: Path) -> None:
        self.port = port
        self.box = box

    def mailbox(self, **options: Any) -> ImapMailbox:
        return ImapMailbox(
            host="127.0.0.1", port=self.port, username="desk", password="canary", tls=False, **options
        )

    def deliver(self, number: int) -> None:
        """Put a mail there as an MTA does."""
        _deliver(self.box, number)

    def append(self, number: int) -> None:
        """Put a mail there as another client does."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=120) as client:
            client.login("desk", "canary")
            client.append("INBOX", "", "", MAIL % (number, number))


CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mailbox_idle_check_interval = 1 secs
mail_location = maildir:{folder}/box
passdb {{
  driver = static
  args = password=canary
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={folder}/box
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


def _free_port() -> int:
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _open_to_others(folder: Path) -> None:
    """Let the users that Dovecot runs as reach a folder of pytest's, and write the mails in it."""
    top = Path(tempfile.gettempdir()).resolve()
    for above in (folder, *(one for one in folder.parents if one != top and one.is_relative_to(top))):
        above.chmod(0o755)
    for below in (folder / "box").rglob("*"):
        below.chmod(0o777)
    (folder / "box").chmod(0o777)


@pytest.fixture
def imap() -> Iterator[Imap]:
    with tempfile.TemporaryDirectory(prefix="imap-", dir="/tmp") as folder:
        yield from _dovecot(Path(folder))


def _dovecot(tmp_path: Path) -> Iterator[Imap]:
    assert DOVECOT
    port = _free_port()
    box = _maildir(tmp_path / "box")
    _open_to_others(tmp_path)
    user = pwd.getpwnam("mail").pw_uid  # root reads no mail
    (tmp_path / "conf").write_text(CONFIGURATION.format(folder=tmp_path, port=port, user=user))
    process = subprocess.Popen([DOVECOT, "-F", "-c", str(tmp_path / "conf")], stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 120
        while True:
            if process.poll() is not None or time.monotonic() > until:
                log = tmp_path / "log"
                pytest.fail(f"Dovecot does not start: {log.read_text() if log.exists() else process.stderr}")
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.02)
        yield Imap(port, box)
    finally:
        process.terminate()
        process.communicate()


@needs_dovecot
def test_a_mailbox_hands_over_each_mail_once_whoever_else_reads_it(imap: Imap) -> None:
    taken = Collector()
    for number in (1, 2):
        imap.deliver(number)
    assert imap.mailbox().read_new(taken) == 2
    imap.deliver(3)
    assert imap.mailbox().read_new(taken) == 1
    assert imap.mailbox().read_new(taken) == 0
    assert taken.subjects == [1, 2, 3]
    assert taken.mails[0] == MAIL % (1, 1)


@needs_dovecot
def test_a_mail_of_a_mailbox_that_is_not_taken_is_handed_over_again(imap: Imap) -> None:
    taken = Collector()
    imap.deliver(1)
    taken.failures = 1
    assert imap.mailbox().read_new(taken) == 0
    assert imap.mailbox().read_new(taken) == 1


@needs_dovecot
def test_a_mail_that_was_taken_may_be_moved_to_another_folder(imap: Imap) -> None:
    taken = Collector()
    _maildir(imap.box / ".Done")
    _open_to_others(imap.box.parent)
    imap.deliver(1)
    assert imap.mailbox(move_to="Done").read_new(taken) == 1
    assert imap.mailbox(folder="Done").read_new(taken) == 1
    assert imap.mailbox().read_new(taken) == 0
    assert taken.subjects == [1, 1]


@needs_dovecot
def test_a_mailbox_is_watched_with_idle_until_it_is_stopped(imap: Imap) -> None:
    taken, stop = Collector(), threading.Event()
    imap.deliver(1)
    watching = threading.Thread(target=imap.mailbox(poll_interval=5.0).watch, args=(taken, stop), daemon=True)
    watching.start()
    taken.wait_for(1)
    imap.append(2)
    taken.wait_for(2)
    stop.set()
    watching.join(timeout=120)
    assert not watching.is_alive()
    assert taken.subjects == [1, 2]


def _options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    mail(parser)
    return parser.parse_args(["watch", *arguments])


def test_the_command_reads_a_maildir_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, taken = _maildir(tmp_path / "box"), Collector()
    _deliver(folder, 1)
    assert watch_source(_options("--maildir", str(folder), "--once"), taken) == 0
    assert taken.subjects == [1]
    assert capsys.readouterr().err == "1 mails taken\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--imap", "https://desk@mail.example.com/"),
        ("--imap", "imaps://mail.example.com/"),
        ("--lmtp", "8024"),
        ("--smtp", "localhost:port"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_source(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSetting, match="Write "):
        watch_source(_options(*arguments, "--once"), Collector())


def test_the_command_watches_until_it_is_terminated(tmp_path: Path) -> None:
    folder = _maildir(tmp_path / "box")
    _deliver(folder, 1)
    environment = {
        **os.environ,
        "MESSAGING_CHANNELS_SMTP_HOST": "127.0.0.1",
        "MESSAGING_CHANNELS_SMTP_TLS": "none",
        "MESSAGING_CHANNELS_SMTP_WEBHOOK_TOKEN": "canary",
        "MESSAGING_CHANNELS_HOME": str(tmp_path),
    }
    program = (
        "import argparse; from messaging_channels_smtp.commands import mail; p = argparse.ArgumentParser(); mail(p)\n"
        "import sys; o = p.parse_args(sys.argv[1:]); raise SystemExit(o.run(o))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "watch", "--maildir", str(folder)],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        assert "watching for mail" in process.stderr.readline()
        until = time.monotonic() + 120
        while not [*(folder / "cur").iterdir()] and time.monotonic() < until:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        process.communicate()
    assert [path.name for path in (folder / "cur").iterdir()] == ["000001.M1.host:2,S"]
