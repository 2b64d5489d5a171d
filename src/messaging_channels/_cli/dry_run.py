"""`send --dry-run`: who would be asked and whether a check blocks it, with the first request as it would be made. Nothing is sent or recorded."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from messaging_channels._cli.exits import EXIT_INPUT, exit_code
from messaging_channels._cli.messages import open_many, recipient_of
from messaging_channels._cli.output import Progress, print_json
from messaging_channels._model.errors import MessagingError
from messaging_channels.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from messaging_channels._client.dispatcher import Dispatcher


def dry_run(dispatcher: Dispatcher, options: argparse.Namespace) -> int:
    """Print for each recipient what would happen. Return the worst exit code."""
    worst, progress = 0, Progress()
    for message, to in _pairs(options):
        try:
            told, code = dispatcher.dry_run(message, to=to), 0
        except MessagingError as error:
            told, code = {"wouldSend": False, "error": error.code, "message": str(error)}, exit_code(error)
            print(f"{error.code}: {error}", file=sys.stderr)
        print_json({"dryRun": True, **told})
        worst = max(worst, code if told["wouldSend"] else code or EXIT_INPUT)
        progress.add(failed=not told["wouldSend"])
    if options.to is None:
        progress.end()
    print("nothing was sent", file=sys.stderr)
    return worst


def _pairs(options: argparse.Namespace) -> Iterator[tuple[Message, str]]:
    if options.to is not None:
        yield options.message(options, None), recipient_of(options)
        return
    with open_many(options) as (messages, to, _):
        if isinstance(messages, Message):
            yield from ((messages, one) for one in to)
        else:
            yield from zip(messages, to, strict=True)
