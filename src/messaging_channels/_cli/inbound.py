"""The commands of what came in and waits for the application's handlers: `messaging-channels inbound`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.exits import fail
from messaging_channels._cli.messages import add_command, add_group
from messaging_channels._cli.output import moment, print_rows
from messaging_channels._cli.records import open_dispatcher
from messaging_channels._cli.values import count

if TYPE_CHECKING:
    import argparse

    from messaging_channels.plugins.ledger_inbound import InboundItem


def add_inbound_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    inbound = add_group(commands, "inbound", "list events that wait for handlers, and retry dead letters")
    for name, words in (
        ("list", "list the events that wait for a handler"),
        ("dead-letters", "list the events whose handler failed too often"),
    ):
        listing = add_command(inbound, name, _list, words)
        listing.set_defaults(is_dead=name != "list")
        listing.add_argument("--limit", type=count, default=100, help="highest number of rows (default: 100)")
        listing.add_argument("--json", action="store_true", help="print JSON on a terminal too")
    retry = add_command(inbound, "retry", _retry, "pass one dead letter, or all, to the handlers again")
    which = retry.add_mutually_exclusive_group(required=True)
    which.add_argument("event", nargs="?", metavar="EVENT", help="key of one event")
    which.add_argument("--all", action="store_true", help="all of them")


def _list(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        inbound = dispatcher.inbound
        found = (inbound.dead_letters if options.is_dead else inbound.waiting)(limit=options.limit)
    print_rows(
        {"events": [_row(item) for item in found]},
        {
            "event": lambda row: row["eventKey"],
            "received": lambda row: moment(row["receivedAt"]),
            "type": lambda row: row["eventType"],
            "handler": lambda row: row["handler"],
            "tries": lambda row: row["tries"],
            "error": lambda row: row["error"],
        },
        as_json=options.json,
    )
    return 0


def _row(item: InboundItem) -> dict[str, Any]:
    """Return an item without what the event says, and whose it is."""
    return {
        "eventKey": item.event_key,
        "receivedAt": item.received_at,
        "eventType": item.event_type,
        "handler": item.handler,
        "tries": item.tries,
        "error": item.error,
    }


def _retry(options: argparse.Namespace) -> int:
    with open_dispatcher() as dispatcher:
        number = dispatcher.inbound.retry_dead_letters(None if options.all else options.event)
    if number == 0 and not options.all:
        return fail(f"not_found: no dead letter of the event {options.event[:80]!r}")
    print(f"{number} dead letters will be dealt with again", file=sys.stderr)
    return 0
