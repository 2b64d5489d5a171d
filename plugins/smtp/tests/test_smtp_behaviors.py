"""What a server may do at every stage, written once: a thread and a task tell the same of it, and the truth, and in time."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import pytest
import trustme
from loopback import Peer, Server

from messaging_channels import Email, EmailAddress, Outcome
from messaging_channels.plugins import AttemptResult, Envelope
from messaging_channels.testing import AsyncTransport, Transport
from messaging_channels_smtp import Smtp, SmtpTimeouts

pytestmark = pytest.mark.slow

SMALL = Email("Hello", "the body", sender="shop@example.org")
BIG = Email("Hello", ("x" * 70 + "\n") * 200_000, sender="shop@example.org")
MOST = 20.0
"""Seconds after which nobody waits any more; a hundred times of what is needed, for a machine that is busy."""


@dataclass
class Talk:
    """The server's side of one connection."""

    peer: Peer
    behavior: Behavior
    stage: str
    tls: ssl.SSLContext | None
    offers: tuple[str, ...]
    over: threading.Event
    taken: list[bytes] = field(default_factory=list)
    lines: BinaryIO = field(init=False)

    def run(self) -> None:
        """Do as a server does, up to the stage at which it behaves otherwise."""
        self.lines = self.peer.connection.makefile("rb")
        with suppress(OSError, EOFError, ssl.SSLError):
            self.reach("greeting", "220 mx.example.com ESMTP")
            self.greet()
            if self.tls:
                self.hear()
                self.reach("starttls", "220 go ahead")
                self.secure()
                self.greet(again=True)
            self.hear()
            self.reach("auth", "235 welcome")
            for stage in ("mail", "rcpt"):
                self.hear()
                self.reach(stage, "250 ok")
            self.hear()
            self.reach("data", "354 go on")
            self.content()
            self.reach("end", "250 2.0.0 queued as 4XyZ")
            self.refuse_everything()
        self.over.set()

    def greet(self, *, again: bool = False) -> None:
        self.hear()
        offers = [*self.offers, "AUTH PLAIN"] + (["STARTTLS"] if self.tls and not again else [])
        if not again:
            self.reach(
                "ehlo", "250-mx.example.com\r\n" + "".join(f"250-{one}\r\n" for one in offers) + "250 HELP"
            )
        else:
            self.say("250-mx.example.com\r\n" + "".join(f"250-{one}\r\n" for one in offers) + "250 HELP")

    def secure(self) -> None:
        if self.stage == "handshake":
            self.peer.connection.recv(65536)
            self.reach("handshake", "")
        assert self.tls
        self.peer.connection = self.tls.wrap_socket(self.peer.connection, server_side=True)
        self.lines = self.peer.connection.makefile("rb")

    def content(self) -> None:
        held = b""
        if self.stage == "content":
            self.lines.read(1000)
            self.reach("content", "")
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise EOFError
            held += line
        self.taken.append(held)

    def reach(self, stage: str, reply: str) -> None:
        if stage == self.stage:
            self.behavior.act(self)
            raise EOFError
        self.say(reply)

    def say(self, line: str) -> None:
        self.peer.answer(f"{line}\r\n".encode())

    def hear(self) -> bytes:
        if not (line := self.lines.readline()):
            raise EOFError
        return line

    def refuse_everything(self) -> None:
        while not self.hear().startswith(b"QUIT"):
            self.say("503 5.5.1 no")


def _reply(line: str) -> Callable[[Talk], None]:
    def act(talk: Talk) -> None:
        talk.say(line)
        talk.refuse_everything()

    return act


def _silence(talk: Talk) -> None:
    talk.over.wait(MOST)


def _drip(octets: bytes, first: bytes = b"") -> Callable[[Talk], None]:
    def act(talk: Talk) -> None:
        talk.peer.answer(first)
        for piece in itertools.repeat(octets):
            talk.peer.answer(piece)
            if talk.over.wait(0.03):
                return

    return act


def _send_and_close(octets: bytes) -> Callable[[Talk], None]:
    return lambda talk: talk.peer.answer(octets)


def _reset(talk: Talk) -> None:
    talk.lines.close()
    talk.peer.reset()


class Behavior(NamedTuple):
    """Something that a server does in place of what it should, and what that means before the end of the content and after it."""

    name: str
    act: Callable[[Talk], None]
    before: Outcome = Outcome.NOT_SENT
    after: Outcome = Outcome.UNKNOWN
    endless: bool = False


BEHAVIORS = (
    Behavior("silence", _silence, endless=True),
    Behavior("lines that drip", _drip(b"250-more\r\n"), endless=True),
    Behavior("octets that drip", _drip(b"o", b"250 "), endless=True),
    Behavior("close", _send_and_close(b"")),
    Behavior("reset", _reset),
    Behavior("cut", _send_and_close(b"25")),
    Behavior("421 and close", _send_and_close(b"421 4.3.2 closing\r\n"), after=Outcome.NOT_SENT),
    Behavior("451", _reply("451 4.3.0 later"), after=Outcome.NOT_SENT),
    Behavior("550", _reply("550 5.7.1 no"), Outcome.REJECTED, Outcome.REJECTED),
    Behavior("554 over lines", _reply("554-5.7.1 no\r\n554 5.7.1 never"), Outcome.REJECTED, Outcome.REJECTED),
    Behavior("another protocol", _send_and_close(b"HTTP/1.1 200 OK\r\n\r\n")),
    Behavior("no text", _send_and_close(b"\0\xff\xfe\r\n")),
    Behavior("a line without end", _send_and_close(b"250 " + b"x" * 70_000)),
    Behavior("codes that differ", _send_and_close(b"250-ok\r\n550 no\r\n")),
    Behavior("another kind of reply", _reply("399 what")),
)
DONE = Behavior("done at once", _reply("250 ok"))
WITHIN = (
    Behavior("silence", _silence, endless=True),
    Behavior("close", _send_and_close(b"")),
    Behavior("reset", _reset),
    Behavior("451", _send_and_close(b"451 4.3.0 later\r\n")),
    Behavior("421", _send_and_close(b"421 4.3.2 closing\r\n")),
)
HANDSHAKE = (
    Behavior("silence", _silence, endless=True),
    Behavior("close", _send_and_close(b"")),
    Behavior("reset", _reset),
    Behavior("another protocol", _send_and_close(b"220 what?\r\n")),
)
STAGES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end")


def _behaviors_at(stage: str) -> tuple[Behavior, ...]:
    """Return them all, but for a reply that means something at this stage: go on."""
    if stage in ("auth", "data"):
        return (*BEHAVIORS[:-1], *((DONE,) if stage == "data" else ()))
    return BEHAVIORS


Script: TypeAlias = tuple[str, Behavior, tuple[str, ...]]
TABLE: list[Script] = [
    *((stage, one, ()) for stage in STAGES for one in _behaviors_at(stage)),
    *(
        (stage, one, ("PIPELINING",))
        for stage in ("mail", "rcpt", "data", "end")
        for one in _behaviors_at(stage)
    ),
    *(("content", one, offers) for one in WITHIN for offers in ((), ("PIPELINING",))),
    *(("handshake", one, ()) for one in HANDSHAKE),
]


def _run(smtp: Smtp, mail: Email) -> AttemptResult:
    batch = [Envelope("id-1", "email", mail, EmailAddress.parse("zoe@example.com"))]
    with Transport(None, smtp.executors) as transport:
        return transport.run(smtp.send(batch))[0]


def _run_async(smtp: Smtp, mail: Email) -> AttemptResult:
    batch = [Envelope("id-1", "email", mail, EmailAddress.parse("zoe@example.com"))]

    async def run() -> AttemptResult:
        async with AsyncTransport(None, smtp.executors) as transport:
            return (await transport.run(smtp.send(batch)))[0]

    return asyncio.run(run())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return context, path


def _patience(stage: str, behavior: Behavior) -> SmtpTimeouts:
    """Return little patience where a server is endless, and only there: elsewhere a busy machine has all the time it needs."""
    if not behavior.endless:
        return SmtpTimeouts(MOST, MOST, MOST, MOST, MOST, MOST)
    if stage == "end":
        return SmtpTimeouts(MOST, MOST, MOST, MOST, 0.3, MOST)
    if stage == "content":
        return SmtpTimeouts(MOST, MOST, MOST, 0.3, MOST, MOST)
    if stage == "handshake":
        return SmtpTimeouts(0.5, MOST, MOST, MOST, MOST, MOST)
    return SmtpTimeouts(MOST, 0.5, 0.5, MOST, MOST, MOST)


def _drive(
    run: Callable[[Smtp, Email], AttemptResult],
    script: Script,
    authority: tuple[ssl.SSLContext, Path],
) -> AttemptResult:
    """Send one mail to a server that does what the script says, and see to it that it took the mail only where it should."""
    stage, behavior, offers = script
    private = stage in ("starttls", "handshake")
    over, taken = threading.Event(), list[bytes]()

    def handle(peer: Peer) -> None:
        Talk(peer, behavior, stage, authority[0] if private else None, offers, over, taken).run()

    with Server(handle) as server:
        smtp = Smtp(
            host="localhost" if private else "127.0.0.1",
            port=server.port,
            tls="starttls" if private else "none",
            ca_file=authority[1],
            username="shop",
            password="canary",
            timeouts=_patience(stage, behavior),
        )
        began = time.monotonic()
        try:
            told = run(smtp, BIG if stage == "content" else SMALL)
        finally:
            over.set()
        assert time.monotonic() - began < 3 * MOST
    assert bool(taken) == (stage == "end")
    return told


def _expected(stage: str, behavior: Behavior) -> Outcome:
    expected = behavior.after if stage == "end" else behavior.before
    if stage == "auth" and expected is Outcome.REJECTED:
        return Outcome.NOT_SENT  # the account's fault is no message's
    return expected


@pytest.mark.parametrize(
    ("stage", "offers"),
    dict.fromkeys((stage, offers) for stage, _, offers in TABLE),
    ids=lambda value: value if isinstance(value, str) else "pipelined" if value else "stepwise",
)
def test_whatever_a_server_does_both_drivers_tell_the_same_and_it_is_true(
    stage: str, offers: tuple[str, ...], authority: tuple[ssl.SSLContext, Path]
) -> None:
    """All scripts of a stage at once, each with a server of its own: most of their time is waiting."""
    scripts = [one for one in TABLE if (one[0], one[2]) == (stage, offers)]
    with ThreadPoolExecutor(2 * len(scripts)) as pool:
        told = {
            script[1].name: [pool.submit(_drive, run, script, authority) for run in (_run, _run_async)]
            for script in scripts
        }
    ends = {name: [one.result() for one in both] for name, both in told.items()}

    assert len(ends) == len(scripts)
    assert {name: [one.outcome for one in both] for name, both in ends.items()} == {
        behavior.name: [_expected(stage, behavior)] * 2 for _, behavior, _ in scripts
    }
    assert [name for name, (first, second) in ends.items() if first.reason is not second.reason] == []


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 120


@pytest.mark.parametrize("run", [_run, _run_async])
def test_all_about_one_mail_takes_no_longer_than_its_limit(
    run: Callable[[Smtp, Email], AttemptResult],
) -> None:
    over = threading.Event()

    def slow(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            for _ in lines:
                if over.wait(0.2):
                    return
                peer.answer(b"250 ok\r\n")

    with Server(slow) as server:
        smtp = Smtp(
            host="127.0.0.1",
            port=server.port,
            tls="none",
            timeouts=SmtpTimeouts(MOST, MOST, MOST, MOST, MOST, 0.3),
        )
        told = run(smtp, SMALL)
        over.set()

    assert told.outcome is Outcome.NOT_SENT


def _refused_early(reply: bytes) -> Callable[[Peer], None]:
    def handle(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            for line in lines:
                if line.startswith(b"DATA"):
                    peer.answer(b"354 go on\r\n")
                    lines.read(100)
                    peer.answer(reply)
                    for _ in lines:
                        pass
                    return
                peer.answer(b"250 ok\r\n")

    return handle


@pytest.mark.parametrize("run", [_run, _run_async])
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"552 5.3.4 too big\r\n", Outcome.REJECTED),
        (b"554-5.7.1 no\r\n554 5.7.1 never\r\n", Outcome.REJECTED),
        (b"452 4.3.1 full\r\n", Outcome.NOT_SENT),
    ],
)
def test_a_refusal_within_the_content_is_the_answer(
    run: Callable[[Smtp, Email], AttemptResult], reply: bytes, outcome: Outcome
) -> None:
    with Server(_refused_early(reply)) as server:
        told = run(Smtp(host="127.0.0.1", port=server.port, tls="none"), BIG)

    assert told.outcome is outcome
    assert server.connections == 1


def _answered_at_once(replies: bytes, heard: list[bytes]) -> Callable[[Peer], None]:
    """Take the whole envelope, and give all the replies to it in one packet."""

    def handle(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            lines.readline()
            peer.answer(b"250-mail\r\n250 PIPELINING\r\n")
            while not lines.readline().startswith(b"DATA"):
                pass
            peer.answer(replies)
            for line in lines:
                heard.append(line)
                peer.answer(b"503 5.5.1 no\r\n")

    return handle


@pytest.mark.parametrize("run", [_run, _run_async])
@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        (b"550 5.7.1 no\r\nnonsense\r\n", Outcome.REJECTED),
        (b"550 5.7.1 no\r\n421 4.3.2 closing\r\n", Outcome.REJECTED),
        (b"250 ok\r\n550 5.1.1 who?\r\n554 5.5.1 nobody\r\n", Outcome.REJECTED),
        (b"250 ok\r\n550-5.1.1 who?\r\n550 5.1.1 never\r\n250-x\r\n550 y\r\n", Outcome.REJECTED),
        (b"451 4.3.0 later\r\n503 5.5.1 no\r\n503 5.5.1 no\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n421 4.3.2 closing\r\n354 go\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n250 ok\r\n250 ok\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n354 go\r\n354 go\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n250 ok\r\nnonsense\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n250 ok\r\n354 go\r\n354 go\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n250 ok\r\n354 go\r\n554 5.7.1 no\r\n", Outcome.REJECTED),
        (b"250 ok\r\n250 ok\r\n354 go\r\n421 4.3.2 closing\r\n", Outcome.NOT_SENT),
    ],
)
def test_of_replies_that_come_together_the_first_that_matters_decides(
    run: Callable[[Smtp, Email], AttemptResult], replies: bytes, outcome: Outcome
) -> None:
    heard = list[bytes]()
    with Server(_answered_at_once(replies, heard)) as server:
        told = run(Smtp(host="127.0.0.1", port=server.port, tls="none"), SMALL)

    assert told.outcome is outcome
    assert not any(line.startswith(b"Subject") for line in heard)


def test_slots_come_back_after_whatever_happened() -> None:
    over = threading.Event()

    def handle(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            lines.readline()
            peer.answer(b"250-mail\r\n250 STARTTLS\r\n")
            lines.readline()
            peer.answer(b"220 go\r\n")
            over.wait(MOST)

    async def run(smtp: Any) -> list[Outcome]:
        batch = [Envelope("id-1", "email", SMALL, EmailAddress.parse("zoe@example.com"))]
        async with AsyncTransport(None, smtp.executors) as transport:
            return [(await transport.run(smtp.send(batch)))[0].outcome for _ in range(3)]

    with Server(handle) as server:
        smtp = Smtp(
            host="127.0.0.1",
            port=server.port,
            pool_size=1,
            timeouts=SmtpTimeouts(0.2, MOST, MOST, MOST, MOST, MOST),
        )
        assert asyncio.run(run(smtp)) == [Outcome.NOT_SENT] * 3
        over.set()
    assert server.connections == 3
