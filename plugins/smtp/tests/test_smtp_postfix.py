"""Against Postfix and its smtp-sink, where they are installed: real replies, real reports."""

from __future__ import annotations

import os
import queue
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from messaging_channels import Email, EmailAddress, Outcome, WebhookRequest
from messaging_channels._model.status import PENDING_ENROUTE, merge
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.plugins import AttemptResult, Envelope, Reason
from messaging_channels.testing import Transport
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.protocol.server import SmtpTimeouts
from messaging_channels_smtp.sources import MailServer
from messaging_channels_smtp.verp import VerpReturnPath

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")
needs_sink = pytest.mark.skipif(SINK is None, reason="smtp-sink is not installed (Debian: postfix)")
needs_postfix = pytest.mark.skipif(
    POSTFIX is None or os.geteuid() != 0,
    reason="Postfix is not installed, or this is not root, as whom its master starts",
)
MAIL = Email("Hello", "the body", sender="shop@example.org")


def _free_port() -> int:
    """Return a port below those that the system gives to whoever asks for any: nobody takes it before its server does."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _wait_for(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and (process is None or process.poll() is None):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"nobody listens on port {port}")


@contextmanager
def _sink(*options: str, folder: Path | None = None) -> Iterator[int]:
    port = _free_port()
    user = (
        ["-u", "nobody"]
        if os.geteuid() == 0 and folder is None
        else ["-u", "root"]
        if os.geteuid() == 0
        else []
    )
    assert SINK
    process = subprocess.Popen(
        [SINK, *user, *options, f"127.0.0.1:{port}", "100"], cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _sent(smtp: Smtp, *names: str, mail: Email = MAIL) -> list[AttemptResult]:
    batch = [
        Envelope(f"{number:032x}", "email", mail, EmailAddress.parse(name))
        for number, name in enumerate(names)
    ]
    with Transport(None, smtp.executors) as transport:
        return [*transport.run(smtp.send(batch))]


def _smtp(port: int, **options: Any) -> Smtp:
    return Smtp(host="127.0.0.1", port=port, tls="none", **options)


@needs_sink
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ((), Outcome.ACCEPTED),
        (("-p",), Outcome.ACCEPTED),
        (("-e",), Outcome.ACCEPTED),
        (("-f", "CONNECT"), Outcome.REJECTED),
        (("-q", "MAIL"), Outcome.NOT_SENT),
        (("-q", "DATA"), Outcome.NOT_SENT),
        (("-Q", "RCPT"), Outcome.NOT_SENT),
        (("-r", "RCPT"), Outcome.NOT_SENT),
        (("-f", "RCPT", "-B", "550 5.1.1 no such user"), Outcome.REJECTED),
        (("-f", "."), Outcome.REJECTED),
        (("-r", "."), Outcome.NOT_SENT),
        (("-Q", "."), Outcome.NOT_SENT),
        (("-q", "."), Outcome.UNKNOWN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_outcome_is_what_the_sink_was_told_to_do(options: Sequence[str], kind: Outcome) -> None:
    with _sink(*options) as port:
        told = _sent(_smtp(port, timeouts=SmtpTimeouts(data_end=5.0)), "a@in.example")[0]
    assert told.outcome is kind


@needs_sink
def test_a_hundred_mails_go_over_one_pipelined_connection(tmp_path: Path) -> None:
    with _sink("-d", "mail.", folder=tmp_path) as port:
        told = _sent(_smtp(port), *(f"u{number}@in.example" for number in range(100)))
    assert {one.outcome for one in told} == {Outcome.ACCEPTED}
    taken = sorted(path.read_bytes() for path in tmp_path.glob("mail.*"))
    assert len(taken) == 100
    assert len({re.search(rb"Message-ID: <(.*)@", one)[1] for one in taken}) == 100  # type: ignore[index]


@needs_sink
def test_a_body_that_tries_to_end_early_is_one_mail(tmp_path: Path) -> None:
    smuggled = "a\n.\nMAIL FROM:<x@example.com>\r\n.\r\nRCPT TO:<y@example.com>\r.\rDATA\r\n..\n"
    with _sink("-d", "mail.", folder=tmp_path) as port:
        told = _sent(_smtp(port), "a@in.example", mail=Email("s", smuggled, sender="a@example.org"))
    assert told[0].outcome is Outcome.ACCEPTED
    assert len([*tmp_path.glob("mail.*")]) == 1


MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
default_transport = discard
smtp_host_lookup = native
smtpd_peername_lookup = no
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
  check_recipient_access inline:{{{{gone@in.example=550 5.1.1 no such user}} {{full@in.example=452 4.2.2 full}}}},
  permit_mynetworks, reject
transport_maps = inline:{{{{nouser.example=smtp:[127.0.0.1]:{refusing}}}, {{spam.example=smtp:[127.0.0.1]:{spam}}},
  {{busy.example=smtp:[127.0.0.1]:{busy}}}, {{example.org=smtp:[127.0.0.1]:{back}}}, {{inbox.example=lmtp:inet:127.0.0.1:{inbox}}}}}
maximal_queue_lifetime = 0
bounce_queue_lifetime = 1d
queue_run_delay = 2s
minimal_backoff_time = 2s
message_size_limit = 1000000
"""
SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Relay:
    """A Postfix of the test's own."""

    def __init__(self, port: int, reports: Path, inbox: queue.Queue[bytes]) -> None:
        self.port = port
        self.inbox = inbox
        self._reports = reports

    def reports(self, count: int) -> list[bytes]:
        """Return the mails that came back, as soon as there are that many."""
        until = time.monotonic() + 40
        while time.monotonic() < until:
            whole = [path.read_bytes() for path in self._reports.glob("dsn.*")]
            if len(whole) >= count and all(one.rstrip().endswith(b"--") for one in whole):
                return whole
            time.sleep(0.1)
        pytest.fail(f"{len([*self._reports.glob('dsn.*')])} of {count} reports came back")


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    assert POSTFIX
    folder = tmp_path_factory.mktemp("postfix")
    top = Path(tempfile.gettempdir()).resolve()
    for above in (folder, *(one for one in folder.parents if one != top and one.is_relative_to(top))):
        above.chmod(0o755)  # pytest's folders are root's alone, and Postfix is many users
    for name in ("etc", "queue", "data", "reports"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    port = _free_port()
    with ExitStack() as stack:
        sinks = {
            "refusing": stack.enter_context(_sink("-f", "RCPT", "-B", "550 5.1.1 no such user here")),
            "spam": stack.enter_context(_sink("-f", ".", "-B", "554 5.7.1 spam")),
            "busy": stack.enter_context(_sink("-r", "RCPT", "-b", "452 4.2.2 mailbox full")),
            "back": stack.enter_context(_sink("-d", "dsn.", folder=folder / "reports")),
        }
        inbox: queue.Queue[bytes] = queue.Queue()
        server = stack.enter_context(MailServer(inbox.put))
        (folder / "etc/main.cf").write_text(MAIN.format(folder=folder, inbox=server.port, **sinks))
        (folder / "etc/master.cf").write_text(SERVICES.format(port=port))
        for name in ("postfix-files", "dynamicmaps.cf"):
            shutil.copy(Path("/etc/postfix") / name, folder / "etc")
        command = [POSTFIX, "-c", str(folder / "etc")]
        started = subprocess.run([*command, "start"], capture_output=True, text=True, check=False, timeout=60)
        if started.returncode:
            log = folder / "log"
            pytest.fail(f"Postfix does not start: {started.stderr}{log.read_text() if log.exists() else ''}")
        try:
            _wait_for(port)
            yield Relay(port, folder / "reports", inbox)
        finally:
            subprocess.run([*command, "stop"], capture_output=True, check=False, timeout=60)


@needs_postfix
def test_postfix_takes_and_refuses_and_each_outcome_is_its_own(relay: Relay) -> None:
    names = ("ok1@in.example", "gone@in.example", "ok2@in.example", "full@in.example", "ok3@in.example")
    told = _sent(_smtp(relay.port), *names)
    assert [one.reason for one in told] == [
        Reason.ACCEPTED,
        Reason.RECIPIENT,
        Reason.ACCEPTED,
        Reason.THROTTLED,
        Reason.ACCEPTED,
    ]
    assert told[0].provider_id
    assert told[0].status == PENDING_ENROUTE
    big = Email("s", ("x" * 70 + "\n") * 20_000, sender="a@example.org")
    assert _sent(_smtp(relay.port), "ok4@in.example", mail=big)[0].status.name == "REJECTED_MESSAGE_TOO_LONG"


@needs_postfix
def test_a_real_bounce_changes_the_status_of_its_mail(relay: Relay) -> None:
    back = VerpReturnPath(EmailAddress.parse("bounces@example.org"), "canary")
    smtp = _smtp(relay.port, return_path=back, report_success=True)
    names = ("who@nouser.example", "a@spam.example", "b@busy.example", "c@delivered.example")
    told = _sent(smtp, *names)
    assert {one.outcome for one in told} == {Outcome.ACCEPTED}
    after: dict[str, StatusChanged] = {}
    for raw in relay.reports(4):
        # No token: what proves the report is the return path that it came to.
        events = smtp.handle_webhook(WebhookRequest(raw, received_at=time.time())).events
        after |= {event.message_id: event for event in events if isinstance(event, StatusChanged)}
    statuses = [merge(one.status, after[f"{number:032x}"].status) for number, one in enumerate(told)]
    assert [status.name for status in statuses] == [
        "UNDELIVERABLE_NOT_DELIVERED",
        "UNDELIVERABLE_REJECTED_OPERATOR",
        "EXPIRED_EXPIRED",
        "DELIVERED_TO_HANDSET",
    ]
    assert [after[f"{number:032x}"].detail for number in range(3)] == [
        "5.1.1 EC_INVALID_EMAIL_ADDRESS",
        "5.7.1 EC_RECIPIENT_DOMAIN_POLICY_ERROR",
        "4.2.2 EC_RECIPIENT_INBOX_FULL",
    ]


@needs_postfix
def test_postfix_hands_a_mail_over_by_lmtp_once_for_each_recipient(relay: Relay) -> None:
    mail = Email("Grüße", "the first line\n.\nthe last one", sender="zoe@example.com", cc="b@inbox.example")
    (told,) = _sent(_smtp(relay.port), "a@inbox.example", mail=mail)
    assert told.outcome is Outcome.ACCEPTED
    taken = [relay.inbox.get(timeout=40) for _ in range(2)]
    reader = Smtp(host="127.0.0.1", port=1, tls="none", webhook_token="canary")
    heard: dict[str, MessageReceived] = {}
    for raw in taken:
        request = WebhookRequest(raw, {"authorization": "Bearer canary"}, received_at=time.time())
        (event,) = reader.handle_webhook(request).events
        assert isinstance(event, MessageReceived)
        heard[event.to] = event
    assert heard.keys() == {"a@inbox.example", "b@inbox.example"}
    for event in heard.values():
        assert (event.subject, event.sender.plain) == ("Grüße", "zoe@example.com")
        assert (event.text or "").split("\n") == ["the first line", ".", "the last one", ""]
    assert relay.inbox.empty()
