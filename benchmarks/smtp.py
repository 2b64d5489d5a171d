"""Mails a second over one connection, ours beside peers, in one run: `python benchmarks/smtp.py`.

Each mail is text and html, about 2 KB, built and sent. The sink is a raw server in a process of its own, and so is the proxy that adds 20 ms of round
trip. First smtplib and `Dispatcher.send`, one mail after the other, take many short turns of the same time: a slow moment of the machine hits both
alike, and the ratio that counts is the median of those of the turns. Each row of the tables after that is the median of a few longer rounds. aiosmtplib and Django are left
out where they are not installed. CPU is the client's own, per mail. `--turns-only` leaves the tables out.
"""

from __future__ import annotations

import argparse
import asyncio
import email.utils
import gc
import multiprocessing
import smtplib
import socket
import statistics
import sys
import threading
import time
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP

from messaging_channels import Dispatcher, Email, EmailAddress
from messaging_channels.plugins.provider import Envelope
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.protocol.server import PoolLimits

ROUNDS = 5
TURNS, SECONDS_A_TURN = 100, 0.05
TEXT = "Your order 4821 left our house today and should be with you by Friday.\n" * 13
HTML = "<p>Your order <b>4821</b> left our house today, with you by Friday.</p>\n" * 13
SUBJECT = "Your order 4821 is on its way"
REPLIES = {
    b"EHLO": b"",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
}
TAKEN = b"250 2.0.0 Ok: queued as 4F1A\r\n"


def sink(listener, extensions):
    """Take everything, as fast as Python can."""
    offered = [b"sink.example", *extensions]
    hello = b"".join(b"250-" + one + b"\r\n" for one in offered[:-1]) + b"250 " + offered[-1] + b"\r\n"
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=swallow, args=(connection, hello), daemon=True).start()


def swallow(connection, hello):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"220 sink.example\r\n")
    held, in_data = b"", False
    while more := connection.recv(262144):
        held += more
        said, at = [], 0
        while True:
            if in_data:
                end = held.find(b"\r\n.\r\n", at)
                if end < 0:
                    break
                at, in_data = end + 5, False
                said.append(TAKEN)
                continue
            end = held.find(b"\r\n", at)
            if end < 0:
                break
            word = held[at : at + 4].upper()
            if word == b"BDAT":
                size = int(held[at + 5 : end].split()[0])
                if len(held) < end + 2 + size:
                    break
                at = end + 2 + size
                said.append(TAKEN)
                continue
            at = end + 2
            if word == b"DATA":
                in_data = True
                said.append(b"354 go ahead\r\n")
            elif word == b"QUIT":
                connection.sendall(b"".join(said) + b"221 bye\r\n")
                connection.close()
                return
            else:
                said.append(REPLIES.get(word) or hello)
        held = held[at:]
        if said:
            connection.sendall(b"".join(said))


def proxy(listener, port, delay):
    """Pass everything on, each way `delay` seconds late."""

    async def passed(reader, writer):
        loop = asyncio.get_running_loop()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := await reader.read(262144):
            loop.call_later(delay, writer.write, data)
        loop.call_later(delay, writer.close)

    async def connected(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(passed(reader, there[1]), passed(there[0], writer))

    async def run():
        await (await asyncio.start_server(connected, sock=listener)).serve_forever()

    asyncio.run(run())


def started(function, *arguments):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    process = multiprocessing.get_context("fork").Process(
        target=function, args=(listener, *arguments), daemon=True
    )
    process.start()
    return listener.getsockname()[1]


def to(number):
    return f"user{number}@example.com"


def built(number):
    mail = EmailMessage(policy=SMTP)
    mail["Subject"], mail["From"], mail["To"] = SUBJECT, "Shop <shop@example.org>", to(number)
    mail["Date"], mail["Message-ID"] = email.utils.formatdate(), f"<{number}@example.org>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(TEXT)
    mail.add_alternative(HTML, subtype="html")
    return mail


def by_smtplib(port, count):
    with one_by_one_with_smtplib(port) as send:
        yield
        for number in range(count):
            send(number)


def by_smtplib_new(port, count):
    yield
    for number in range(count):
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.send_message(built(number))


def by_aiosmtplib(port, count):
    import aiosmtplib

    loop = asyncio.new_event_loop()
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    loop.run_until_complete(client.connect())
    yield

    async def run():
        for number in range(count):
            await client.send_message(built(number))

    loop.run_until_complete(run())
    loop.run_until_complete(client.quit())
    loop.close()


def by_django(port, count):
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives, get_connection

    if not settings.configured:
        settings.configure(USE_I18N=False)
    backend = get_connection("django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=port)
    backend.open()
    yield
    mails = (
        EmailMultiAlternatives(
            SUBJECT, TEXT, "Shop <shop@example.org>", [to(number)], alternatives=[(HTML, "text/html")]
        )
        for number in range(count)
    )
    backend.send_messages(list(mails))
    backend.close()


def ours(port, *, window=16):
    limits = PoolLimits(messages_per_connection=1_000_000, pipeline_depth=window)
    return Smtp(host="127.0.0.1", port=port, tls="none", sender="Shop <shop@example.org>", pool=limits)


def envelopes(count, mail_of):
    return [Envelope(f"{n:032x}", "email", mail_of(n), EmailAddress.parse(to(n))) for n in range(count)]


def batches(count, mail_of):
    for start in range(0, count, 100):
        yield [
            Envelope(f"{n:032x}", "email", mail_of(n), EmailAddress.parse(to(n)))
            for n in range(start, min(start + 100, count))
        ]


SAME = Email(SUBJECT, TEXT, HTML)


def same(_):
    return SAME


def own(number):
    return Email(SUBJECT, f"Dear customer {number},\n{TEXT}", HTML)


def by_ours(mail_of, window=16):
    def run(port, count):
        provider = ours(port, window=window)
        with Transport(None, provider.executors) as transport:
            transport.run(provider.send(envelopes(1, same)))
            yield
            for batch in batches(count, mail_of):
                assert all(one.outcome == "accepted" for one in transport.run(provider.send(batch)))

    return run


def by_ours_async(mail_of):
    def run(port, count):
        provider = ours(port)
        loop = asyncio.new_event_loop()

        async def connect():
            transport = AsyncTransport(None, provider.executors)
            await transport.run(provider.send(envelopes(1, same)))
            return transport

        transport = loop.run_until_complete(connect())
        yield

        async def send():
            for batch in batches(count, mail_of):
                assert all(one.outcome == "accepted" for one in await transport.run(provider.send(batch)))

        loop.run_until_complete(send())
        loop.run_until_complete(transport.close())
        loop.close()

    return run


@contextmanager
def one_by_one_with_smtplib(port):
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        yield lambda number: client.send_message(built(number))


@contextmanager
def one_by_one_with_dispatcher(port):
    with Dispatcher([ours(port)]) as dispatcher:
        dispatcher.send(SAME, to=to(0))
        yield lambda number: dispatcher.send(own(number), to=to(number))


def by_dispatcher(port, count):
    with one_by_one_with_dispatcher(port) as send:
        yield
        for number in range(count):
            send(number)


def by_send_each(port, count):
    with Dispatcher([ours(port)]) as dispatcher:
        dispatcher.send(SAME, to=to(0))
        yield
        mails = (own(number) for number in range(count))
        told = dispatcher.send_each(mails, to=(to(number) for number in range(count)))
        assert sum(one.error is None for one in told) == count


def measured(run, port, count):
    """Return mails a second and CPU microseconds a mail, from after the connection stands."""
    steps = run(port, count)
    next(steps)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in steps:
        pass
    return count / (time.perf_counter() - wall), (time.process_time() - cpu) / count * 1e6


def turn(send):
    """Return microseconds of wall and of CPU a mail. What earlier turns left behind is cleared before."""
    gc.collect()
    number, wall, cpu = 0, time.perf_counter(), time.process_time()
    while not number or time.perf_counter() < wall + SECONDS_A_TURN:
        send(number)
        number += 1
    spent = time.perf_counter() - wall, time.process_time() - cpu
    return [seconds / number * 1e6 for seconds in spent]


def in_turns(port):
    with one_by_one_with_smtplib(port) as theirs, one_by_one_with_dispatcher(port) as ours_:
        turn(theirs), turn(ours_)
        told = [(turn(theirs), turn(ours_)) for _ in range(TURNS)]
    print(f"\none mail after the other: {TURNS} turns of {SECONDS_A_TURN * 1000:.0f} ms each")
    print(f"{'':40}wall us/mail  CPU us/mail   least wall")
    for name, rows in zip(("smtplib, one connection", "ours, Dispatcher.send"), zip(*told), strict=True):
        wall, cpu = (statistics.median(one) for one in zip(*rows))
        print(f"{name:40}{wall:12.0f} {cpu:12.0f} {min(one for one, _ in rows):12.0f}")
    ratios = sorted(slow[0] / fast[0] for slow, fast in told)
    low, middle, high = ratios[len(ratios) // 4], statistics.median(ratios), ratios[len(ratios) * 3 // 4]
    least = min(slow[0] for slow, _ in told) / min(fast[0] for _, fast in told)
    print(f"ratio, median of the turns: {middle:.2f} (half of them between {low:.2f} and {high:.2f})")
    print(f"ratio of the best turns: {least:.2f}")


def table(title, rows, port_of, count):
    results = {name: [] for name, _, _ in rows}
    for _ in range(ROUNDS):
        for name, run, where in rows:
            try:
                results[name].append(measured(run, port_of[where], count))
            except ImportError:
                continue
    reference = statistics.median(rate for rate, _ in results[rows[0][0]])
    print(f"\n{title}: {count} mails, median of {ROUNDS} rounds\n{'':58}mails/s   ratio  CPU us/mail")
    for name, told in results.items():
        if told:
            rate = statistics.median(rate for rate, _ in told)
            print(
                f"{name:56}{rate:9.0f} {rate / reference:7.1f} {statistics.median(cpu for _, cpu in told):9.0f}"
            )
        else:
            print(f"{name:56}not installed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1000, help="mails a round of the tables")
    parser.add_argument(
        "--turns-only", action="store_true", help="smtplib and Dispatcher.send in turns alone"
    )
    options = parser.parse_args()
    plain = started(sink, (b"PIPELINING", b"SIZE 10485760", b"8BITMIME", b"ENHANCEDSTATUSCODES", b"DSN"))
    chunked = started(sink, (b"PIPELINING", b"SIZE 10485760", b"8BITMIME", b"CHUNKING", b"DSN"))
    late = {"plain": started(proxy, plain, 0.01), "chunked": started(proxy, chunked, 0.01)}
    time.sleep(0.2)
    print(f"Python {sys.version.split()[0]}; a built mail has {len(built(1).as_bytes())} octets")
    in_turns(plain)
    if options.turns_only:
        return
    rows = [
        ("smtplib, EmailMessage, one connection", by_smtplib, "plain"),
        ("smtplib, EmailMessage, a connection each", by_smtplib_new, "plain"),
        ("aiosmtplib, EmailMessage, one connection", by_aiosmtplib, "plain"),
        ("Django's backend, send_messages", by_django, "plain"),
        ("ours, one content, PIPELINING", by_ours(same), "plain"),
        ("ours, a content each, PIPELINING", by_ours(own), "plain"),
        ("ours, a content each, PIPELINING, async", by_ours_async(own), "plain"),
        ("ours, one content, CHUNKING", by_ours(same), "chunked"),
        ("ours, a content each, CHUNKING", by_ours(own), "chunked"),
        ("ours, Dispatcher.send_each, a content each", by_send_each, "plain"),
        ("ours, Dispatcher.send, one by one", by_dispatcher, "plain"),
    ]
    table("loopback", rows, {"plain": plain, "chunked": chunked}, options.count)
    table("20 ms of round trip", rows, late, 40)


if __name__ == "__main__":
    main()
