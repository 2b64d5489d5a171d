"""The commands of the queue: `messaging-channels enqueue`, `work` and `queue`."""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import datetime
from typing import Any

from messaging_channels._cli.messages import add_channels, add_command, print_answer, recipients, tell_each
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import Pace, Worker
from messaging_channels._config.settings import Configuration
from messaging_channels._queue.enqueue import PRIORITIES
from messaging_channels.plugins.ledger_queue import metrics
from messaging_channels.policies.windows import Window

_DAY = 86400.0


def add_queue(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    words = "take a message in, to be sent by `work`"
    for channel in add_channels(commands.add_parser("enqueue", help=words, description=words), _enqueue):
        _add_times(channel)
    usual = Pace()
    work = add_command(
        commands, "work", _work, "send what waits in the ledger, until stopped (SIGTERM or Ctrl-C)"
    )
    work.add_argument("--lanes", type=int, default=usual.lanes, help=f"threads (default: {usual.lanes})")
    work.add_argument(
        "--poll", type=float, default=usual.poll, metavar="SECONDS", help="between looks when idle"
    )
    work.add_argument(
        "--keep", type=float, metavar="DAYS", help="forget addresses and dead letters after that"
    )
    work.add_argument("--once", action="store_true", help="send what is due now, then end")
    queue = add_command(commands, "queue", _queue, "show how the queue stands, and see to its messages")
    what = queue.add_mutually_exclusive_group()
    what.add_argument("--metrics", action="store_true", help="as Prometheus reads it")
    what.add_argument("--dead", action="store_true", help="list the dead letters")
    what.add_argument("--replay", metavar="ID", help="have a dead letter tried again, or `all`")
    what.add_argument("--cancel", metavar="ID", help="end a message of which nothing went out")


def _add_times(channel: argparse.ArgumentParser) -> None:
    channel.add_argument(
        "--send-at",
        type=_time,
        metavar="TIME",
        help="not before, such as 2030-01-31T09:00+01:00",
    )
    channel.add_argument("--window", metavar="FROM-TO", help="the recipient's hours, such as 09:00-20:00")
    channel.add_argument("--zone", metavar="NAME", help="of the window (default: by the number's country)")
    channel.add_argument("--priority", choices=list(PRIORITIES), default="normal")
    channel.add_argument("--deadline", type=float, metavar="SECONDS", help="after which it is not sent")


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write it as 2030-01-31T09:00+01:00") from None


def _enqueue(options: argparse.Namespace) -> int:
    message, terms = options.message(options), _terms(options)
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        if options.to_file:
            with recipients(options.to_file) as to:
                return tell_each(dispatcher.enqueue_each(message, to=to, **terms))
        receipt = dispatcher.enqueue(message, to=options.to, **terms)
    print_answer({"messages": [receipt.as_dict()]})
    return 0


def _terms(options: argparse.Namespace) -> dict[str, Any]:
    window = None
    if options.window or options.zone:
        start, _, end = (options.window or "").partition("-")
        window = Window(start, end, zone=options.zone)
    names = ("idempotency_key", "send_at", "priority", "deadline")
    return {"window": window} | {name: getattr(options, name) for name in names}


def _work(options: argparse.Namespace) -> int:
    keep = None if options.keep is None else options.keep * _DAY
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        worker = Worker(dispatcher, Pace(lanes=options.lanes, poll=options.poll, keep=keep))
        if options.once:
            print(f"{worker.drain()} messages looked at", file=sys.stderr)
            return 0

        def stop(number: int, frame: object) -> None:  # noqa: ARG001  what a handler is called with
            worker.stop()

        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, stop)
        print("working; stop it with SIGTERM or Ctrl-C", file=sys.stderr, flush=True)
        worker.run()
    print("stopped", file=sys.stderr)
    return 0


def _queue(options: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        queue = dispatcher.queue
        if options.dead:
            print_answer({"messages": [record.as_dict() for record in queue.dead_letters()]})
        elif options.replay:
            count = queue.replay(None if options.replay == "all" else options.replay)
            print(f"{count} dead letters will be tried again", file=sys.stderr)
        elif options.cancel:
            done = queue.cancel(options.cancel)
            print("cancelled" if done else "too late, or nothing waits under that id", file=sys.stderr)
            return 0 if done else 1
        elif options.metrics:
            print("\n".join(map(str, metrics(queue.stand()))))
        else:
            print_answer(queue.stand().as_dict())
    return 0
