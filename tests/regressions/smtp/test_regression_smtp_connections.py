"""What becomes of a mail when the server is silent, slow, closes or refuses: both both_ways tell the same, and in time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from regression_mail_server import (
    MAIL,
    ROUTES,
    MailServer,
    Talk,
    Way,
    sent,
    sent_async,
    smtp_of,
    well,
)

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Outcome, errors
from messaging_channels.policies.routing import RetryPolicy, Route
from messaging_channels_smtp import PoolLimits, Smtp, SmtpTimeouts

BIG = Email("Hello", "x\n" * 2_000_000)
ONCE = {"email": Route("smtp", retry=RetryPolicy(max_attempts=1))}
HASTY = SmtpTimeouts(connect=0.2, greeting=0.2, command=0.2, data_block=0.2, data_end=0.2)


def _within(seconds: float, send: Way, smtp: Smtp, then: Callable[[], None]) -> list[Outcome] | None:
    """Send one mail in a thread; return what was told within that time, None for nothing. `then` lets it end."""
    told: list[list[Outcome]] = []
    thread = threading.Thread(target=lambda: told.append(send(smtp)))
    thread.start()
    thread.join(seconds)
    seen = told[0] if told else None
    then()
    thread.join()
    return seen


@pytest.mark.parametrize("send", [sent, sent_async])
def test_a_greeting_that_comes_drop_by_drop_is_not_waited_for_longer_than_one_greeting(send: Way) -> None:
    over = threading.Event()

    def drip(talk: Talk) -> None:
        with suppress(OSError):
            while not over.wait(0.1):
                talk.say("220-wait")

    with MailServer(drip) as server:
        told = _within(3.0, send, smtp_of(server.port, timeouts=HASTY), over.set)

    assert told == [Outcome.NOT_SENT]


def test_a_server_that_falls_silent_after_starttls_is_given_up_by_a_thread() -> None:
    over = threading.Event()

    def silent(talk: Talk) -> None:
        talk.secure()
        over.wait(20.0)

    with MailServer(silent) as server:
        told = _within(
            3.0, sent, smtp_of(server.port, host="localhost", tls="starttls", timeouts=HASTY), over.set
        )

    assert told == [Outcome.NOT_SENT]


def test_a_server_that_falls_silent_after_starttls_is_given_up_by_a_task() -> None:
    over = threading.Event()

    def silent(talk: Talk) -> None:
        talk.secure()
        over.wait(20.0)

    async def run(smtp: Smtp) -> Outcome | None:
        async with AsyncDispatcher([smtp], routes=ROUTES) as dispatcher:
            try:
                async with asyncio.timeout(3.0):
                    return (await dispatcher.send(MAIL, to="zoe@example.com")).outcome
            except errors.SendFailed as failed:
                return failed.receipt.outcome
            except TimeoutError:
                return None

    with MailServer(silent) as server:
        told = asyncio.run(run(smtp_of(server.port, host="localhost", tls="starttls", timeouts=HASTY)))
        over.set()

    assert told is Outcome.NOT_SENT


def test_a_server_that_closes_when_tls_begins_is_tried_again() -> None:
    """By a thread. A task waits for ever at times, in the same place as with the silent server above."""
    with MailServer(Talk.secure) as server:
        told = sent(smtp_of(server.port, host="localhost", tls="starttls"))

    assert told == [Outcome.NOT_SENT]
    assert server.connections == 2


@pytest.mark.parametrize("send", [sent, sent_async])
def test_a_mail_whose_content_was_cut_off_is_sent_again_and_arrives_once(send: Way) -> None:
    def broken(talk: Talk) -> None:
        talk.greet()
        talk.envelope()
        talk.lines.read(1000)

    with MailServer(broken, well) as server:
        told = send(smtp_of(server.port, timeouts=SmtpTimeouts()), [BIG])

    assert told == [Outcome.ACCEPTED]
    assert len(server.mails) == 1


@pytest.mark.parametrize("send", [sent, sent_async])
def test_a_refusal_within_the_content_is_read_and_the_mail_not_uploaded_again(send: Way) -> None:
    pace = threading.Event()

    def too_big(talk: Talk) -> None:
        talk.greet()
        talk.envelope()
        talk.lines.read(1000)
        talk.say("552 5.3.4 Message too big")
        talk.peer.connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while not pace.wait(0.05) and talk.peer.connection.recv(1 << 22):
                pass  # what was under way is read in large pieces

    with MailServer(too_big) as server:
        told = send(smtp_of(server.port), [BIG, BIG, BIG])

    assert told == [Outcome.REJECTED] * 3
    assert server.connections == 3


def _second_of_two(smtp: Smtp, begun: threading.Event) -> tuple[Outcome, Outcome]:
    """Send a mail, and another one while the first has the connection; return both outcomes."""
    first: list[Outcome] = []
    with Dispatcher([smtp], routes=ONCE) as dispatcher:

        def send(name: str) -> Outcome:
            try:
                return dispatcher.send(MAIL, to=f"{name}@example.com").outcome
            except errors.SendFailed as failed:
                return failed.receipt.outcome

        thread = threading.Thread(target=lambda: first.append(send("ann")))
        thread.start()
        begun.wait(20.0)
        second = send("zoe")
        thread.join()
    return first[0], second


def _second_of_two_async(smtp: Smtp, begun: threading.Event) -> tuple[Outcome, Outcome]:
    """Do the same under an event loop."""

    async def run() -> tuple[Outcome, Outcome]:
        async with AsyncDispatcher([smtp], routes=ONCE) as dispatcher:

            async def send(name: str) -> Outcome:
                try:
                    return (await dispatcher.send(MAIL, to=f"{name}@example.com")).outcome
                except errors.SendFailed as failed:
                    return failed.receipt.outcome

            first = asyncio.create_task(send("ann"))
            await asyncio.to_thread(begun.wait, 20.0)
            second = await send("zoe")
            return await first, second

    return asyncio.run(run())


@pytest.mark.parametrize("both", [_second_of_two, _second_of_two_async], ids=["sync", "async"])
def test_a_mail_that_found_no_free_connection_was_not_sent(
    both: Callable[[Smtp, threading.Event], tuple[Outcome, Outcome]],
) -> None:
    begun, pace = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        begun.set()
        pace.wait(0.5)
        talk.say("220 mx.example.com ESMTP")
        for _ in ("EHLO", "MAIL", "RCPT"):
            talk.hear()
            pace.wait(0.5)
            talk.say("250 ok")
        talk.hear()
        talk.say("354 go on")
        talk.content()
        talk.say("250 2.0.0 queued as 4XyZ")

    with MailServer(slow) as server:
        timeouts = SmtpTimeouts(connect=1, greeting=1, command=1, data_block=1, data_end=1)
        told = both(smtp_of(server.port, pool=PoolLimits(size=1), timeouts=timeouts), begun)

    assert told == (Outcome.ACCEPTED, Outcome.NOT_SENT)
    assert len(server.mails) == 1
