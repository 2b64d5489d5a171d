"""The commands about messages whose outcome is unknown: `messages unknown` and `messages resolve`."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from messaging_channels._cli.messages import add_command, always_json
from messaging_channels._cli.output import print_json, print_records
from messaging_channels._cli.values import count
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.settings import Configuration


def add_resolve_commands(messages: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands, in the group `messages`."""
    unknown = add_command(
        messages, "unknown", _unknown, "list the messages whose outcome is unknown, queued or not"
    )
    unknown.add_argument("--limit", type=count, default=50, help="highest number of rows (default: 50)")
    unknown.add_argument("--before", metavar="ID", help="show the page after this message")
    unknown.add_argument("--json", action="store_true", help="print JSON on a terminal too")
    words = "record whether an unknown message was sent; a queued one that was not sent is sent again"
    resolve = add_command(messages, "resolve", _resolve, words)
    always_json(resolve)
    resolve.add_argument("id", metavar="ID", help="our message id")
    resolve.add_argument("--as", dest="resolved_as", choices=["sent", "not-sent"], required=True)
    resolve.add_argument("--why", metavar="TEXT", required=True, help="result that you found at the provider")
    resolve.add_argument("--by", metavar="NAME", help="person who decides (default: the user of the system)")


def _unknown(options: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        found = dispatcher.list_unknown(limit=options.limit, before=options.before)
        print_records([record.as_dict() for record in found], as_json=options.json)
    if len(found) == options.limit:
        print(f"there may be more: --before {found[-1].id}", file=sys.stderr)
    return 0


def _resolve(options: argparse.Namespace) -> int:
    by = options.by or getpass.getuser()
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        record = dispatcher.resolve(options.id, options.resolved_as, by=by, why=options.why)
        print_json(record.as_dict())
    print(f"resolved as {options.resolved_as} by {by}", file=sys.stderr)
    return 0
