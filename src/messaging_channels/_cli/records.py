"""The commands about messages that were taken in: `messages list|show|watch|explain|cancel|reconcile` and `reports fetch`."""

from __future__ import annotations

import argparse
import sys
import time
from math import inf
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.channel_options import require_channel
from messaging_channels._cli.exits import EXIT_INPUT, EXIT_UNKNOWN, fail
from messaging_channels._cli.messages import add_command, add_group, always_json
from messaging_channels._cli.output import moment, print_json, print_records
from messaging_channels._cli.resolving import add_resolve_commands
from messaging_channels._cli.values import count, parse_seconds, positive
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.settings import Configuration
from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.failure_reasons import Advice
from messaging_channels._model.nearest import did_you_mean
from messaging_channels._model.status import StatusGroup
from messaging_channels.plugins.channel_spec import status_table

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import MessageRecord


def add_record_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    messages = add_group(commands, "messages", "look at the record of what was sent, and change what waits")
    show = add_command(
        messages, "show", _show, "show a message with its attempts, decisions and reports, as JSON"
    )
    explain = add_command(
        messages, "explain", _explain, "explain in words the result of a message, its reason, and what to do"
    )
    watch = add_command(
        messages, "watch", _watch, "print each change of a message's status, until the status is final"
    )
    always_json(show)
    for one in (show, explain):
        one.add_argument("id", metavar="ID", help="our message id, or the provider's")
    watch.add_argument("id", metavar="ID", nargs="?", help="only that message (default: all, until Ctrl-C)")
    watch.add_argument(
        "--interval",
        type=positive,
        default=1.0,
        metavar="SECONDS",
        help="seconds between checks (default: 1)",
    )
    watch.add_argument(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        help="seconds after which to exit with code 1 (default: never)",
    )
    _add_list(messages)
    cancel = add_command(messages, "cancel", _cancel, "cancel a queued message that has not been sent")
    cancel.add_argument("id", metavar="ID", help="our message id")
    add_resolve_commands(messages)
    always_json(
        add_command(messages, "reconcile", _reconcile, "ask providers for the outcome of unknown messages")
    )
    reports = add_group(commands, "reports", "delivery reports")
    add_command(reports, "fetch", _fetch_reports, "fetch delivery reports from providers that offer them")


def open_dispatcher() -> Dispatcher:
    """Make the dispatcher of the command line."""
    return Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build())


def _add_list(messages: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    listing = add_command(
        messages, "list", _list, "list messages, the newest first: a table on a terminal, JSON in a pipe"
    )
    listing.add_argument(
        "--to", metavar="ADDRESS", help="only to this recipient, if the ledger stores addresses"
    )
    listing.add_argument("--status", metavar="NAME", help="only with this status, such as PENDING_UNKNOWN")
    listing.add_argument("--channel", help="only of this channel, such as sms")
    listing.add_argument(
        "--since", type=parse_seconds, metavar="TIME", help="only messages created at this time or later"
    )
    listing.add_argument(
        "--until", type=parse_seconds, metavar="TIME", help="only messages created before this time"
    )
    listing.add_argument("--scope", default="", help="scope of the idempotency key (default: none)")
    listing.add_argument("--before", metavar="ID", help="show the page after this message")
    listing.add_argument("--limit", type=count, default=50, help="highest number of rows (default: 50)")
    listing.add_argument("--json", action="store_true", help="print JSON on a terminal too")


def _find(dispatcher: Dispatcher, message_id: str) -> MessageRecord | None:
    """Return a record by our id, or by that of a provider."""
    record = dispatcher.get_message(message_id)
    for provider in () if record else dispatcher.providers:
        record = record or dispatcher.get_message(provider=provider, provider_id=message_id)
    return record


def _not_found(message_id: str) -> int:
    return fail(f"not_found: no message with id {message_id[:80]!r} (ours or a provider's)")


def _show(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        record = _find(dispatcher, options.id)
    if record is None:
        return _not_found(options.id)
    print_json(record.as_dict())
    return 0


def _explain(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        record = _find(dispatcher, options.id)
    if record is None:
        return _not_found(options.id)
    print("\n".join(explain_record(record)))
    return 0


def explain_record(record: MessageRecord) -> list[str]:
    """Return what became of a message in words, a line each: no content, and the address as the ledger keeps it."""
    lines = [
        f"{record.message_type} {record.id} on {record.channel}, taken in {moment(record.created_at)} UTC",
        f"status: {record.status.name} ({record.status.description})",
        f"outcome: {_OUTCOMES[str(record.outcome)]}",
    ]
    for one in record.attempts:
        detail = f": {one.result.reason} {one.result.detail}".rstrip() if one.result else ": not ended"
        lines.append(f"attempt {one.number} at {one.provider}, {one.duration:.2f} s{detail}")
    lines += [
        f"report {moment(one.occurred_at)}: {one.status.name if one.status else one.event_type} {one.detail}".rstrip()
        for one in record.events
    ]
    if record.stop_reason:
        lines.append(f"stopped: {record.stop_reason}")
    if record.failure is not None:
        lines.append(f"failure: {record.failure} {record.vendor_code}".rstrip())
    lines += [f"what to do: {_ADVICE.get(one, str(one).replace('_', ' '))}" for one in sorted(record.advice)]
    if str(record.outcome) == "unknown":
        lines.append("what to do: do not send it again; run `messaging-channels messages reconcile`")
    return lines


def _watch(options: argparse.Namespace) -> int:
    ends = inf if options.timeout is None else time.monotonic() + options.timeout
    seen = dict[str, int]()
    with open_dispatcher() as dispatcher:
        while True:
            records = _watched(dispatcher, options.id)
            for record in records:
                _print_if_changed(record, seen)
            code = _watch_ended(options.id, records, is_late=time.monotonic() >= ends)
            if code is not None:
                return code
            time.sleep(options.interval)


def _watch_ended(message_id: str | None, records: list[MessageRecord], *, is_late: bool) -> int | None:
    """Return the exit code where nothing is left to watch."""
    if message_id is None:
        return 0 if is_late else None
    if not records:
        return _not_found(message_id)
    if records[0].status.final:
        return 0
    return EXIT_UNKNOWN if is_late else None


def _print_if_changed(record: MessageRecord, seen: dict[str, int]) -> None:
    if seen.get(record.id) != record.version:
        seen[record.id] = record.version
        _print_change(record)


def _watched(dispatcher: Dispatcher, message_id: str | None) -> list[MessageRecord]:
    if message_id is None:
        return list(reversed(dispatcher.list_messages(limit=_MOST_WATCHED)))
    record = _find(dispatcher, message_id)
    return [] if record is None else [record]


def _print_change(record: MessageRecord) -> None:
    if sys.stdout.isatty():
        print(f"{moment(time.time())}  {record.id}  {record.channel}  {record.status.name}", flush=True)
    else:
        print_json(
            {
                "messageId": record.id,
                "channel": record.channel,
                "status": record.status.as_dict(),
                "version": record.version,
            }
        )
        sys.stdout.flush()


def _list(options: argparse.Namespace) -> int:
    names = ("scope", "limit", "before", "channel", "status", "to", "since", "until")
    wanted = {name: getattr(options, name) for name in names}
    require_channel(options.channel)
    wanted |= _status_or_group(options.status)
    with open_dispatcher() as dispatcher:
        records = [record.as_dict() for record in dispatcher.list_messages(**wanted)]
    print_records(records, as_json=options.json)
    return 0


def _status_or_group(name: str | None) -> dict[str, Any]:
    """Return the arguments that ask for a status, or for all statuses of a group.

    Raises:
        InvalidArgument: there is none of that name.
    """
    if name is not None and name.upper() in StatusGroup.__members__:
        return {"status": None, "group_id": name}
    known = [one.name for _, one in status_table(Configuration.installed_channels())]
    if name is not None and name.upper() not in known:
        raise InvalidArgument(
            f"must be the name of a status, got {name[:40]!r}",
            argument="--status",
            hint=did_you_mean(name, [*known, *StatusGroup.__members__]),
        )
    return {"status": name}


def _reconcile(_: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        print_json({"messages": [record.as_dict() for record in dispatcher.reconcile()]})
    return 0


def _cancel(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        done = dispatcher.queue.cancel(options.id)
        record = None if done else dispatcher.get_message(options.id)
    if done:
        print("cancelled", file=sys.stderr)
        return 0
    if record is None:
        return fail(f"not_found: no queued message with id {options.id[:80]!r}")
    return fail(
        f"too_late: message {record.id} is not waiting any more (status {record.status.name})", EXIT_INPUT
    )


def _fetch_reports(_: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        print(f"{len(dispatcher.fetch_reports())} reports stored", file=sys.stderr)
    return 0


_MOST_WATCHED = 200
_OUTCOMES = {
    "accepted": "a provider accepted it",
    "rejected": "a provider refused it for good",
    "not_sent": "certainly nothing was sent",
    "unknown": "not known: it may have been sent",
}
_ADVICE: dict[Advice, str] = {}
