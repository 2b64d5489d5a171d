"""The commands of the queue: `messaging-channels enqueue`, `worker` and `queue`."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.exits import fail
from messaging_channels._cli.exposition import render
from messaging_channels._cli.messages import (
    add_channels,
    add_command,
    add_group,
    open_many,
    print_results,
    recipient_of,
)
from messaging_channels._cli.output import moment, print_json, print_records, print_rows
from messaging_channels._cli.records import open_dispatcher
from messaging_channels._cli.values import count, parse_time, positive
from messaging_channels._cli.worker import run_worker
from messaging_channels._cli.worker_port import LOG_LEVELS
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import Worker
from messaging_channels._client.worker_options import (
    DEFAULT_CONCURRENCY,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_STOP_TIMEOUT,
)
from messaging_channels._model.errors import InvalidArgument
from messaging_channels._queue.enqueue_options import PRIORITIES
from messaging_channels.plugins.ledger_queue import QueueStats, State, metrics
from messaging_channels.policies.windows import SendWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from messaging_channels._client.dispatcher import Dispatcher
    from messaging_channels.plugins.channels import ChannelSpec

_DAY_SECONDS = 86400.0
_WINDOW = re.compile(r"[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]")


def add_queue_commands(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    channels: Sequence[ChannelSpec],
) -> None:
    """Describe the commands."""
    words = "store a message; `messaging-channels worker` sends it"
    enqueue = commands.add_parser("enqueue", help=words, description=words)
    for channel in add_channels(enqueue, _enqueue, channels):
        _add_enqueue_options(channel)
    _add_worker(commands)
    _add_queue_group(commands)


def _add_worker(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    work = add_command(
        commands,
        "worker",
        _worker,
        "send queued messages until stopped (SIGTERM or Ctrl-C); SIGHUP reads the configuration again",
    )
    _add_worker_options(work)


def _add_worker_options(work: argparse.ArgumentParser) -> None:
    work.add_argument(
        "--concurrency",
        type=count,
        default=DEFAULT_CONCURRENCY,
        help=f"worker threads (default: {DEFAULT_CONCURRENCY})",
    )
    work.add_argument(
        "--poll-interval",
        type=positive,
        default=DEFAULT_POLL_INTERVAL,
        metavar="SECONDS",
        help=f"how often to check for due messages (default: {DEFAULT_POLL_INTERVAL})",
    )
    work.add_argument(
        "--retention-days",
        type=positive,
        metavar="DAYS",
        help="delete addresses and dead letters older than this (default: never)",
    )
    work.add_argument(
        "--record-retention-days",
        type=positive,
        metavar="DAYS",
        help="delete messages, attempts and events older than this (default: never)",
    )
    work.add_argument(
        "--stop-timeout",
        type=positive,
        default=DEFAULT_STOP_TIMEOUT,
        metavar="SECONDS",
        help=f"seconds for requests in progress to end after SIGTERM (default: {DEFAULT_STOP_TIMEOUT:g})",
    )
    work.add_argument("--drain", action="store_true", help="send due messages, then exit")
    _add_watching(work)


def _add_watching(work: argparse.ArgumentParser) -> None:
    """Describe how the worker is watched."""
    work.add_argument(
        "--metrics-port",
        type=int,
        metavar="PORT",
        help="serve /metrics (Prometheus) and /health; 0 for any free port",
    )
    work.add_argument(
        "--metrics-host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="address of this port; 0.0.0.0 for probes from outside (default: 127.0.0.1)",
    )
    work.add_argument(
        "--lane-timeout",
        type=positive,
        metavar="SECONDS",
        help="seconds after which a thread without progress counts as hanging, and /health fails (default: the ledger's lease)",
    )
    work.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        help="lowest level of log records (default: warning; info with `[telemetry] logs`)",
    )


def _add_queue_group(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    queue = add_group(
        commands, "queue", "show queue statistics and dead letters, retry those, and resume paused accounts"
    )
    stats = add_command(
        queue,
        "stats",
        _queue_stats,
        "show the number of messages by state: a table on a terminal, JSON in a pipe",
    )
    stats.add_argument("--prometheus", action="store_true", help="print Prometheus metrics")
    dead = add_command(
        queue, "dead-letters", _queue_dead_letters, "list the messages that workers stopped trying to send"
    )
    dead.add_argument("--limit", type=count, default=100, help="highest number of rows (default: 100)")
    dead.add_argument("--before", metavar="ID", help="show the page after this message")
    for one in (stats, dead):
        one.add_argument("--json", action="store_true", help="print JSON on a terminal too")
    words = "resume paused accounts at once, after you corrected their credentials or credit"
    add_command(queue, "resume", _queue_resume, words)
    retry = add_command(queue, "retry", _queue_retry, "retry one dead letter, or all")
    which = retry.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="id of one message (ours)")
    which.add_argument("--all", action="store_true", help="all of them")


def _queue_resume(_: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        number = dispatcher.queue.resume_accounts()
    print(f"{number} paused accounts are tried again", file=sys.stderr)
    return 0


def _add_enqueue_options(channel: argparse.ArgumentParser) -> None:
    channel.add_argument(
        "--send-at",
        type=parse_time,
        metavar="TIME",
        help="earliest time, such as 2030-01-31T09:00+01:00",
    )
    channel.add_argument(
        "--window", metavar="FROM-TO", help="hours in the recipient's time zone, such as 09:00-20:00"
    )
    channel.add_argument(
        "--timezone", metavar="NAME", help="time zone of the window (default: by the number's country)"
    )
    channel.add_argument("--priority", choices=list(PRIORITIES), default="normal")
    channel.add_argument(
        "--expires-in", type=positive, metavar="SECONDS", help="time after which the message is not sent"
    )


def _enqueue(options: argparse.Namespace) -> int:
    terms = _enqueue_options(options)
    with open_dispatcher() as dispatcher:
        if options.to is None:
            with open_many(options) as (messages, to, total):
                terms["idempotency_key"] = options.idempotency_key
                return print_results(dispatcher.enqueue_each(messages, to=to, **terms), total)
        receipt = dispatcher.enqueue(options.message(options, None), to=recipient_of(options), **terms)
    print_json({"messages": [receipt.as_dict()]})
    return 0


def _enqueue_options(options: argparse.Namespace) -> dict[str, Any]:
    window = None
    if options.timezone and not options.window:
        raise InvalidArgument("needs --window", argument="--timezone", hint="write --window 09:00-20:00")
    if options.window:
        if not _WINDOW.fullmatch(options.window):
            problem = f"must be HH:MM-HH:MM, got {options.window[:40]!r}"
            raise InvalidArgument(problem, argument="--window", hint="write for example 09:00-20:00")
        start, _, end = options.window.partition("-")
        window = SendWindow(start, end, timezone=options.timezone)
    names = ("idempotency_key", "send_at", "priority", "expires_in")
    return {"window": window} | {name: getattr(options, name) for name in names}


def _worker(options: argparse.Namespace) -> int:
    keep, keep_records = (
        None if days is None else days * _DAY_SECONDS
        for days in (options.retention_days, options.record_retention_days)
    )

    def make(dispatcher: Dispatcher) -> Worker:
        return Worker(
            dispatcher,
            concurrency=options.concurrency,
            poll_interval=options.poll_interval,
            retention=keep,
            record_retention=keep_records,
            stop_timeout=options.stop_timeout,
            lane_timeout=options.lane_timeout,
        )

    return run_worker(options, make)


def _queue_stats(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        stats = dispatcher.queue.stats()
    if options.prometheus:
        print(render(metrics(stats)), end="")
    elif options.json or not sys.stdout.isatty():
        print_json(stats.as_dict())
    else:
        states = [{"state": state, "messages": count} for state, count in stats.by_state.items()]
        print_rows({"queued messages": states}, {name: _reads(name) for name in ("state", "messages")})
        if stats.restored_at is not None:
            print("nothing is sent: the ledger was restored; run messaging-channels ledger restored")
        print(f"ready now: {stats.ready}; the oldest has been due for {stats.oldest_age_seconds:.0f} s")
        print(workers_in_words(stats))
    return 0


def workers_in_words(stats: QueueStats) -> str:
    """Say how many workers run, or since when none does."""
    if stats.workers:
        return f"workers: {stats.workers}"
    if stats.worker_age_seconds is None:
        return "no worker has ever been seen on this ledger; run messaging-channels worker"
    seen = moment(time.time() - stats.worker_age_seconds)
    return f"no worker has been seen since {seen} UTC, for {stats.worker_age_seconds:.0f} s; run messaging-channels worker"


def _reads(key: str) -> Callable[[Any], Any]:
    return lambda row: row[key]


def _queue_dead_letters(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        found = dispatcher.queue.dead_letters(limit=options.limit, before=options.before)
        records = [record.as_dict() for record in found]
    print_records(records, as_json=options.json)
    return 0


def _queue_retry(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        number = dispatcher.queue.retry_dead_letters(None if options.all else options.id)
        left = dispatcher.queue.stats().by_state.get(State.DEAD.value, 0) if options.all else 0
    if number == 0 and not options.all:
        return fail(f"not_found: no dead letter with id {options.id[:80]!r}")
    print(f"{number} dead letters will be tried again", file=sys.stderr)
    if left:
        more = (
            "run it again" if number else "they may have been sent: see messaging-channels messages unknown"
        )
        print(f"{left} dead letters are left: {more}", file=sys.stderr)
    return 0
