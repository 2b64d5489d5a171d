from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from loopback import Peer, Server

from messaging_channels import Email, EmailAddress, Outcome
from messaging_channels.plugins import AttemptResult, Envelope, HttpResponse, Reason, Sleep, ask
from messaging_channels.testing import (
    AsyncTransport,
    Emulator,
    Fault,
    FaultKind,
    Request,
    Transport,
    json_response,
)
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.emulator import EXTENSIONS, SmtpEmulator
from messaging_channels_smtp.oauth import OAuthRefreshToken
from messaging_channels_smtp.protocol.server import PoolLimits, SmtpTimeouts
from messaging_channels_smtp.verp import VerpReturnPath

MAIL = Email("Hello", "the body\n.\nends", "<p>the body</p>", sender="Shop <shop@example.org>")
Sending = Callable[[Smtp, Sequence[Sequence[Envelope]]], list[list[AttemptResult]]]


def _smtp(port: int, **options: Any) -> Smtp:
    return Smtp(**{"host": "127.0.0.1", "port": port, "tls": "none", **options})


def _to(*names: str, mail: Email = MAIL) -> list[Envelope]:
    return [
        Envelope(f"id-{name}", "email", mail, EmailAddress.parse(f"{name}@example.com")) for name in names
    ]


def _in_turn(smtp: Smtp, batches: Sequence[Sequence[Envelope]]) -> list[list[AttemptResult]]:
    with Transport(None, smtp.executors) as transport:
        return [[*transport.run(smtp.send(batch))] for batch in batches]


def _in_turn_async(smtp: Smtp, batches: Sequence[Sequence[Envelope]]) -> list[list[AttemptResult]]:
    async def run() -> list[list[AttemptResult]]:
        async with AsyncTransport(None, smtp.executors) as transport:
            return [[*await transport.run(smtp.send(batch))] for batch in batches]

    return asyncio.run(run())


def _at_once(smtp: Smtp, batches: Sequence[Sequence[Envelope]]) -> list[list[AttemptResult]]:
    told: list[list[AttemptResult]] = [[] for _ in batches]
    with Transport(None, smtp.executors) as transport:

        def send(index: int) -> None:
            told[index] = [*transport.run(smtp.send(batches[index]))]

        threads = [threading.Thread(target=send, args=(index,)) for index in range(len(batches))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return told


def _at_once_async(smtp: Smtp, batches: Sequence[Sequence[Envelope]]) -> list[list[AttemptResult]]:
    async def run() -> list[list[AttemptResult]]:
        async with AsyncTransport(None, smtp.executors) as transport:
            told = await asyncio.gather(*(transport.run(smtp.send(batch)) for batch in batches))
        return [[*one] for one in told]

    return asyncio.run(run())


both_ways = pytest.mark.parametrize("send", [_in_turn, _in_turn_async])
crowds = pytest.mark.parametrize("send", [_at_once, _at_once_async])
offers = pytest.mark.parametrize(
    "extensions", [EXTENSIONS, ("PIPELINING",), ()], ids=["all", "pipelining", "none"]
)


@both_ways
@offers
def test_one_connection_serves_one_mail_after_the_other(send: Sending, extensions: tuple[str, ...]) -> None:
    with SmtpEmulator(extensions=extensions) as server:
        told = send(_smtp(server.port), [_to("a"), _to("b", "reject", "c"), _to("d")])
    assert [one.outcome for batch in told for one in batch] == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
    ]
    assert [mail.recipients for mail in server.mails] == [(f"{name}@example.com",) for name in "abcd"]
    assert server.connections == 1


@both_ways
@offers
def test_every_mail_of_a_batch_has_an_outcome_of_its_own(send: Sending, extensions: tuple[str, ...]) -> None:
    names = ["a", "reject", "b", "spam", "full", "c", "greylist", "d"]
    with SmtpEmulator(extensions=extensions) as server:
        (told,) = send(_smtp(server.port), [_to(*names)])
    assert [one.reason for one in told] == [
        Reason.ACCEPTED,
        Reason.RECIPIENT,
        Reason.ACCEPTED,
        Reason.POLICY,
        Reason.THROTTLED,
        Reason.ACCEPTED,
        Reason.THROTTLED,
        Reason.ACCEPTED,
    ]
    assert told[6].retry_after == 300.0
    assert told[1].status.name == "UNDELIVERABLE_NOT_DELIVERED"
    assert [mail.recipients[0][0] for mail in server.mails] == ["a", "b", "c", "d"]


@crowds
def test_a_crowd_shares_a_few_connections_and_each_mail_arrives_once(send: Sending) -> None:
    names = [f"n{number}" for number in range(60)]
    with SmtpEmulator() as server:
        told = send(_smtp(server.port, pool=PoolLimits(size=3)), [_to(name) for name in names])
    assert {one.outcome for batch in told for one in batch} == {Outcome.ACCEPTED}
    assert Counter(mail.recipients[0] for mail in server.mails) == Counter(
        f"{name}@example.com" for name in names
    )
    assert 1 <= server.connections <= 3


@both_ways
def test_a_connection_is_replaced_after_its_mails_and_when_it_was_idle_for_too_long(send: Sending) -> None:
    with SmtpEmulator() as server:
        send(
            _smtp(server.port, pool=PoolLimits(messages_per_connection=2)),
            [_to("a", "b", "c"), _to("d"), _to("e")],
        )
        assert server.connections == 3
        send(_smtp(server.port, pool=PoolLimits(keepalive_expiry=1e-9)), [_to("f"), _to("g")])
        assert server.connections == 5


@both_ways
def test_a_server_that_closes_between_mails_costs_none(send: Sending) -> None:
    with SmtpEmulator() as server:
        server.faults.add(Fault(FaultKind.SLOW, seconds=0, path="/mail"))
        server.faults.add(Fault(FaultKind.THROTTLE, path="/mail"))
        told = send(_smtp(server.port), [_to("a"), _to("b")])
        assert [batch[0].outcome for batch in told] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert (len(server.mails), server.connections) == (2, 2)


@both_ways
def test_a_line_that_was_closed_while_idle_is_not_used_again(send: Sending) -> None:
    def handle(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            for line in lines:
                if line == b".\r\n":
                    peer.answer(b"250 ok\r\n")
                    return
                if line[:4] in (b"EHLO", b"MAIL", b"RCPT", b"RSET"):
                    peer.answer(b"250 ok\r\n")
                elif line.startswith(b"DATA"):
                    peer.answer(b"354 go\r\n")

    with Server(handle) as server:
        told = send(_smtp(server.port), [_to("a"), _to("b"), _to("c")])
        assert [batch[0].outcome for batch in told] == [Outcome.ACCEPTED] * 3
        assert server.connections == 3


STAGES = ["/connect", "/ehlo", "/mail", "/rcpt", "/data"]


@both_ways
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "how",
    [FaultKind.RESET, FaultKind.CLOSE, FaultKind.HANG, FaultKind.GARBAGE, FaultKind.CUT, FaultKind.THROTTLE],
)
def test_what_is_lost_before_the_content_is_not_sent(send: Sending, stage: str, how: FaultKind) -> None:
    with SmtpEmulator(extensions=("PIPELINING",)) as server:
        server.faults.add(Fault(how, path=stage))
        patience = SmtpTimeouts(greeting=0.2, command=0.2) if how is FaultKind.HANG else SmtpTimeouts()
        told = send(_smtp(server.port, timeouts=patience), [_to("a")])[0][0]

        assert told.outcome is Outcome.NOT_SENT
        assert server.mails == []
        assert send(_smtp(server.port), [_to("a")])[0][0].outcome is Outcome.ACCEPTED


@both_ways
@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize(
    "how", [FaultKind.RESET, FaultKind.CLOSE, FaultKind.HANG, FaultKind.GARBAGE, FaultKind.CUT]
)
def test_a_reply_to_the_content_that_is_lost_makes_the_outcome_unknown(
    send: Sending, how: FaultKind, handled: bool
) -> None:
    with SmtpEmulator(extensions=("PIPELINING",)) as server:
        server.faults.add(Fault(how, handled=handled, path="/content"))
        told = send(_smtp(server.port, timeouts=SmtpTimeouts(data_end=0.2)), [_to("a")])[0][0]
        assert told.outcome is Outcome.UNKNOWN
        assert (told.reason is Reason.TIMEOUT) == (how is FaultKind.HANG)
        assert len(server.mails) == (1 if handled or how is FaultKind.CUT else 0)


@both_ways
@offers
def test_of_a_batch_that_breaks_only_what_was_under_way_is_unknown(
    send: Sending, extensions: tuple[str, ...]
) -> None:
    names = [f"n{number}" for number in range(12)]
    with SmtpEmulator(extensions=extensions) as server:
        for _ in range(5):
            server.faults.add(Fault(FaultKind.SLOW, seconds=0, path="/content"))
        server.faults.add(Fault(FaultKind.RESET, handled=True, path="/content"))
        (told,) = send(_smtp(server.port, pool=PoolLimits(pipeline_depth=4)), [_to(*names)])
    kinds = [one.outcome for one in told]
    unknown = kinds.count(Outcome.UNKNOWN)
    assert 1 <= unknown <= (4 if "CHUNKING" in extensions else 1)
    assert kinds.count(Outcome.ACCEPTED) == 12 - unknown
    arrived = Counter(mail.recipients[0] for mail in server.mails)
    assert max(arrived.values()) == 1
    for name, kind in zip(names, kinds, strict=True):
        assert kind is Outcome.UNKNOWN or arrived[f"{name}@example.com"] == 1


@both_ways
def test_a_closing_reply_to_the_content_is_a_refusal_and_not_unknown(send: Sending) -> None:
    with SmtpEmulator() as server:
        server.faults.add(Fault(FaultKind.THROTTLE, path="/content"))
        assert send(_smtp(server.port), [_to("a")])[0][0].reason is Reason.THROTTLED
        assert server.mails == []


@both_ways
def test_a_server_that_takes_no_content_off_our_hands_is_not_waited_for_for_ever(send: Sending) -> None:
    over = threading.Event()

    def handle(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            for line in lines:
                if line.startswith(b"DATA"):
                    peer.answer(b"354 go\r\n")
                    over.wait()
                    return
                peer.answer(b"250 ok\r\n")

    with Server(handle) as server:
        smtp = _smtp(server.port, timeouts=SmtpTimeouts(data_block=0.1))
        told = send(smtp, [_to("a", mail=Email("s", ("x" * 70 + "\n") * 200_000, sender="a@example.org"))])[
            0
        ][0]
        over.set()
    assert told.outcome is Outcome.NOT_SENT


@both_ways
def test_words_in_clear_after_starttls_end_the_session(send: Sending) -> None:
    said: list[bytes] = []

    def handle(peer: Peer) -> None:
        with suppress(OSError), peer.connection.makefile("rb") as lines:
            peer.answer(b"220 hi\r\n")
            for line in lines:
                said.append(line)
                if line.startswith(b"EHLO"):
                    peer.answer(b"250-mail\r\n250 STARTTLS\r\n")
                else:
                    peer.answer(b"220 go\r\n250 AUTH PLAIN\r\n")

    with Server(handle) as server:
        told = send(_smtp(server.port, tls="starttls"), [_to("a")])[0][0]
    assert told.outcome is Outcome.NOT_SENT
    assert [line.split()[0] for line in said] == [b"EHLO", b"STARTTLS"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@both_ways
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_tls_is_verified_before_a_password_is_said(
    send: Sending, mode: str, authority: trustme.CA, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    account: dict[str, Any] = {"host": "localhost", "tls": mode, "username": "shop", "password": "canary"}
    with SmtpEmulator(tls=context, implicit=mode == "implicit", login=("shop", "canary")) as server:
        trusting = _smtp(server.port, ca_file=tmp_path / "ca.pem", **account)
        assert send(trusting, [_to("a"), _to("b")])[1][0].outcome is Outcome.ACCEPTED
        assert server.connections == 1
        assert send(_smtp(server.port, **account), [_to("c")])[0][0].reason is Reason.NO_COVERAGE
        elsewhere = _smtp(server.port, ca_file=tmp_path / "ca.pem", **account | {"host": "127.0.0.1"})
        assert send(elsewhere, [_to("d")])[0][0].reason is Reason.NO_COVERAGE
    assert len(server.mails) == 2
    assert server.commands.count("AUTH") == 1


@both_ways
def test_a_stale_token_is_renewed_once_and_the_mails_sent(send: Sending) -> None:
    tokens = iter(["stale", "fresh", "never"])
    with SmtpEmulator(login=("shop", "fresh")) as server:
        smtp = _smtp(server.port, username="shop", oauth_token=lambda: next(tokens))
        told = send(smtp, [_to("a", "b"), _to("c")])
    assert {one.outcome for batch in told for one in batch} == {Outcome.ACCEPTED}
    assert next(tokens) == "never"
    assert server.commands.count("AUTH") == 2


@both_ways
def test_a_refused_login_is_no_unknown_when_no_fresh_token_can_be_had(send: Sending) -> None:
    with Authority() as authority, SmtpEmulator(login=("shop", "other")) as server:
        grant = OAuthRefreshToken(authority.url + "/token", "client", "canary", "good")
        authority.faults.add(Fault(FaultKind.SLOW, seconds=0))
        authority.faults.add(Fault(FaultKind.RESET))
        told = send(_smtp(server.port, username="shop", oauth_token=grant), [_to("a")])[0][0]
        assert told.reason is Reason.CREDENTIALS
        assert len(authority.requests) == 2


@both_ways
def test_a_token_that_stays_refused_is_a_matter_of_credentials(send: Sending) -> None:
    with SmtpEmulator(login=("shop", "fresh")) as server:
        told = send(_smtp(server.port, username="shop", oauth_token=lambda: "stale"), [_to("a")])[0][0]
        assert told.reason is Reason.CREDENTIALS
        assert server.mails == []


class Authority(Emulator):
    """Gives tokens out."""

    def handle(self, request: Request) -> HttpResponse:
        if b"refresh_token=good" not in request.body:
            return json_response({"error": "invalid_grant"}, status=400)
        return json_response({"access_token": "fresh", "expires_in": 3600})


@both_ways
def test_tokens_come_from_the_endpoint_and_are_kept(send: Sending) -> None:
    with Authority() as authority, SmtpEmulator(login=("shop", "fresh")) as server:
        grant = OAuthRefreshToken(authority.url + "/token", "client", "canary", "good")
        told = send(_smtp(server.port, username="shop", oauth_token=grant), [_to("a"), _to("b")])
        assert [one[0].outcome for one in told] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert len(authority.requests) == 1
        assert "canary" not in repr(grant) + repr(grant.token_request())
        refused = OAuthRefreshToken(authority.url + "/token", "client", "canary", "bad")
        assert (
            send(_smtp(server.port, username="shop", oauth_token=refused), [_to("c", "d")])[0][1].reason
            is Reason.CREDENTIALS
        )
        authority.faults.add(Fault(FaultKind.STATUS, status=503))
        with Transport(None, Smtp.executors) as transport, pytest.raises(Exception, match="503"):
            transport.run(_smtp(server.port, username="shop", oauth_token=grant).send(_to("e")))


def test_a_cancelled_mail_leaves_no_connection_in_the_middle_of_something() -> None:
    async def run(server: SmtpEmulator) -> list[Outcome]:
        smtp = _smtp(server.port)
        async with AsyncTransport(None, smtp.executors) as transport:
            server.faults.add(Fault(FaultKind.HANG, handled=True, path="/content"))
            task = asyncio.create_task(transport.run(smtp.send(_to("a"))))
            while not server.mails:
                await transport.run(ask(Sleep(0.01)))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return [one.outcome for one in await transport.run(smtp.send(_to("b")))]

    with SmtpEmulator() as server:
        assert asyncio.run(run(server)) == [Outcome.ACCEPTED]
        assert server.connections == 2


FORKS = """
import os, sys
from messaging_channels import Email, EmailAddress
from messaging_channels.plugins.provider import Envelope
from messaging_channels._transport.drivers import Transport
from messaging_channels_smtp import Smtp

smtp = Smtp(host="127.0.0.1", port=int(sys.argv[1]), tls="none", sender="a@example.org")
def send(name):
    batch = [Envelope(name, "email", Email("s", "t"), EmailAddress.parse(f"{name}@example.com"))]
    assert transport.run(smtp.send(batch))[0].outcome == "accepted", name

transport = Transport(None, smtp.executors)
send("before")
child = os.fork()
send("child" if child == 0 else "parent")
send("child2" if child == 0 else "parent2")
transport.close()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_has_connections_of_its_own() -> None:
    with SmtpEmulator() as server:
        subprocess.run(
            [sys.executable, "-W", "error", "-c", FORKS, str(server.port)],
            check=True,
            timeout=60,
            capture_output=True,
        )
        on = {mail.recipients[0].split("@")[0]: mail.connection for mail in server.mails}
    assert on["before"] == on["parent"] == on["parent2"]
    assert on["child"] == on["child2"] != on["parent"]
    assert server.commands.count("QUIT") == 2


def test_the_envelope_asks_for_reports_and_names_a_return_path_of_the_mails_own() -> None:
    back = VerpReturnPath(EmailAddress.parse("bounces@example.org"), "canary")
    with SmtpEmulator() as server:
        smtp = _smtp(server.port, return_path=back, report_success=True)
        envelope = Envelope("0192f0e7a1b2" + "c" * 20, "email", MAIL, EmailAddress.parse("zoe@example.com"))
        _in_turn(smtp, [[envelope]])
        (mail,) = server.mails
        assert back.message_id_in(mail.sender) == envelope.id
        assert f"ENVID={envelope.id}" in mail.parameters
        assert "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;zoe@example.com" in mail.parameters
        assert "canary" not in repr(back) + repr(smtp)


@pytest.mark.parametrize(
    ("mail", "path"),
    [
        (MAIL, "shop@example.org"),
        (Email("s", "t", sender="a@example.org", envelope_sender="b@example.org"), "b@example.org"),
        (Email("s", "t", sender="a@example.org", envelope_sender=""), ""),
        (Email("s", "t", sender="a@example.org", auto_submitted="auto-replied"), ""),
    ],
)
def test_the_return_path_is_the_mails_or_nobodys_for_a_robots_reply(mail: Email, path: str) -> None:
    with SmtpEmulator() as server:
        _in_turn(_smtp(server.port), [_to("a", mail=mail)])
        assert server.mails[0].sender == path


def test_a_repeated_mail_is_the_same_octets_whenever_it_is_sent() -> None:
    now = 1795528315
    envelope = Envelope(f"{now * 1000:012x}" + "c" * 20, "email", MAIL, EmailAddress.parse("zoe@example.com"))
    flow = _smtp(1).send([envelope])
    flow.send(None)
    first: Any = flow.send(now + 5.0)
    again = _smtp(1).send([envelope])
    again.send(None)
    second: Any = again.send(now + 3600.0)
    assert first.mails == second.mails
    assert b"Date: Tue, 24 Nov 2026 13:51:55 +0000\r\n" in first.mails[0].content


def test_a_mail_that_cannot_be_written_harms_no_other_of_its_batch() -> None:
    bad = Envelope("bad", "email", MAIL, EmailAddress("a>\r\nRCPT TO:<b", "example.com"))
    with SmtpEmulator() as server:
        (told,) = _in_turn(_smtp(server.port), [[bad, *_to("good")]])
        assert [one.outcome for one in told] == [Outcome.REJECTED, Outcome.ACCEPTED]
        assert len(server.mails) == 1
    assert not any("RCPT TO" in one.detail for one in told)


def test_an_address_beyond_ascii_arrives_in_the_envelope_and_the_header() -> None:
    with SmtpEmulator() as server:
        told = _in_turn(_smtp(server.port), [_to("ñandú")])[0][0]
        assert told.outcome is Outcome.ACCEPTED
        assert server.mails[0].recipients == ("ñandú@example.com",)
        assert "To: ñandú@example.com\r\n".encode() in server.mails[0].content
    with SmtpEmulator(extensions=("PIPELINING",)) as server:
        told = _in_turn(_smtp(server.port), [_to("ñandú")])[0][0]
        assert told.status.name == "REJECTED_DESTINATION"


def test_a_header_beyond_ascii_needs_a_server_that_takes_it() -> None:
    mail = Email("s", "t", sender="a@example.org", reply_to="ñ@example.org")
    with SmtpEmulator(extensions=("PIPELINING",)) as server:
        assert _in_turn(_smtp(server.port), [_to("a", mail=mail)])[0][0].outcome is Outcome.REJECTED
        assert server.mails == []


def test_the_emulator_runs_on_its_own_and_is_steered_over_http() -> None:
    import urllib.request

    program = [sys.executable, "-m", "messaging_channels_smtp.emulator"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        dsn, url = process.stdout.readline().strip(), process.stdout.readline().strip()
        port = int(dsn.split(":")[2].split("?")[0])
        assert _in_turn(_smtp(port), [_to("a")])[0][0].outcome is Outcome.ACCEPTED
        with urllib.request.urlopen(url + "/_emulator/state") as answer:
            assert json.load(answer)[0]["recipients"] == ["a@example.com"]
        process.terminate()
