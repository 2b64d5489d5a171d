"""The commands of the queue: `messaging-channels enqueue`, `worker` and `queue`."""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.messages import (
    add_channels,
    add_command,
    add_group,
    open_recipients,
    print_json,
    print_results,
)
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import DEFAULT_CONCURRENCY, DEFAULT_POLL_INTERVAL, Worker
from messaging_channels._config.settings import Configuration
from messaging_channels._queue.enqueue import PRIORITIES
from messaging_channels.plugins.ledger_queue import metrics
from messaging_channels.policies.windows import SendWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from messaging_channels.plugins.channels import ChannelSpec

_DAY_SECONDS = 86400.0


def add_queue_commands(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    channels: Sequence[ChannelSpec],
) -> None:
    """Describe the commands."""
    words = "take a message in, to be sent by `worker`"
    enqueue = commands.add_parser("enqueue", help=words, description=words)
    for channel in add_channels(enqueue, _enqueue, channels):
        _add_enqueue_options(channel)
    work = add_command(
        commands, "worker", _worker, "send what waits in the ledger, until stopped (SIGTERM or Ctrl-C)"
    )
    work.add_argument(
        "--concurrency",
        type=int,
        default=DEFAULT_CONCURRENCY,
        help=f"threads (default: {DEFAULT_CONCURRENCY})",
    )
    work.add_argument(
        "--poll-interval",
        type=float,
        default=DEFAULT_POLL_INTERVAL,
        metavar="SECONDS",
        help=f"between looks when idle (default: {DEFAULT_POLL_INTERVAL})",
    )
    work.add_argument(
        "--retention-days", type=float, metavar="DAYS", help="forget addresses and dead letters after that"
    )
    work.add_argument("--drain", action="store_true", help="send what is due now, then end")
    _add_queue_group(commands)


def _add_queue_group(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    queue = add_group(commands, "queue", "show what waits in the queue, and retry what it gave up on")
    stats = add_command(queue, "stats", _queue_stats, "count the messages by state, as JSON")
    stats.add_argument("--prometheus", action="store_true", help="print it as Prometheus reads it")
    add_command(queue, "dead-letters", _queue_dead_letters, "list the messages that are tried no more")
    retry = add_command(queue, "retry", _queue_retry, "have dead letters tried again")
    which = retry.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="our id of one message")
    which.add_argument("--all", action="store_true", help="all of them")


def _add_enqueue_options(channel: argparse.ArgumentParser) -> None:
    channel.add_argument(
        "--send-at",
        type=_parse_time,
        metavar="TIME",
        help="not before, such as 2030-01-31T09:00+01:00",
    )
    channel.add_argument("--window", metavar="FROM-TO", help="the recipient's hours, such as 09:00-20:00")
    channel.add_argument(
        "--timezone", metavar="NAME", help="of the window (default: by the number's country)"
    )
    channel.add_argument("--priority", choices=list(PRIORITIES), default="normal")
    channel.add_argument("--expires-in", type=float, metavar="SECONDS", help="after which it is not sent")


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write it as 2030-01-31T09:00+01:00") from None


def _enqueue(options: argparse.Namespace) -> int:
    message, terms = options.message(options), _enqueue_options(options)
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        if options.to_file:
            with open_recipients(options.to_file) as to:
                return print_results(dispatcher.enqueue_each(message, to=to, **terms))
        receipt = dispatcher.enqueue(message, to=options.to, **terms)
    print_json({"messages": [receipt.as_dict()]})
    return 0


def _enqueue_options(options: argparse.Namespace) -> dict[str, Any]:
    window = None
    if options.window or options.timezone:
        start, _, end = (options.window or "").partition("-")
        window = SendWindow(start, end, timezone=options.timezone)
    names = ("idempotency_key", "send_at", "priority", "expires_in")
    return {"window": window} | {name: getattr(options, name) for name in names}


def _worker(options: argparse.Namespace) -> int:
    keep = None if options.retention_days is None else options.retention_days * _DAY_SECONDS
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        worker = Worker(
            dispatcher,
            concurrency=options.concurrency,
            poll_interval=options.poll_interval,
            retention=keep,
        )
        if options.drain:
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


def _queue_stats(options: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        stats = dispatcher.queue.stats()
    if options.prometheus:
        print("\n".join(map(str, metrics(stats))))
    else:
        print_json(stats.as_dict())
    return 0


def _queue_dead_letters(_: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        print_json({"messages": [record.as_dict() for record in dispatcher.queue.dead_letters()]})
    return 0


def _queue_retry(options: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        count = dispatcher.queue.retry_dead_letters(None if options.all else options.id)
    print(f"{count} dead letters will be tried again", file=sys.stderr)
    return 0
