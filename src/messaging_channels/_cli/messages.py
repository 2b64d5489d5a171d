"""What `send` and `enqueue` share: the messages of the command line, whom they are for, and how it is told what became of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.channel_options import add_options, address_help, build_message
from messaging_channels._model import errors
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Receipt
from messaging_channels._model.send_failed import NotSent, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from messaging_channels._queue.enqueue import EnqueueResult
    from messaging_channels._sending.bulk import SendResult
    from messaging_channels.plugins.channels import ChannelSpec

_EXIT_CODES: tuple[tuple[type[errors.MessagingError], int], ...] = (
    (errors.BadInput, 2),
    (errors.ConfigurationError, 3),
    (Rejected, 4),
    (NotSent, 5),
)
EXIT_UNKNOWN = 1


def exit_code(error: errors.MessagingError) -> int:
    """Return what a command ends with when that was raised."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), EXIT_UNKNOWN)


def print_json(answer: Any) -> None:  # noqa: ANN401  anything JSON can hold
    """Print a line of JSON."""
    print(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


@contextmanager
def open_recipients(path: Path) -> Generator[Iterator[str]]:
    """Open a file with one address a line, and draw from it."""
    with path.open(encoding="utf-8") as lines:
        yield (line.strip() for line in lines if line.strip())


def print_results(results: Iterable[SendResult | EnqueueResult]) -> int:
    """Print a line of JSON for each recipient, and on a terminal how far it has come. Return the worst exit code."""
    worst = count = failed = 0
    on_terminal = sys.stderr.isatty()
    for each in results:
        count += 1
        told: dict[str, Any] = each.receipt.as_dict() if each.receipt else {"destination": each.to}
        if each.error is not None:
            failed += 1
            told["error"] = each.error.code
            worst = max(worst, exit_code(each.error))
        elif isinstance(each.receipt, Receipt) and each.receipt.outcome is Outcome.UNKNOWN:
            worst = max(worst, EXIT_UNKNOWN)
        print_json(told)
        if on_terminal and count % 100 == 0:
            print(f"{count} done, {failed} failed", end="\r", file=sys.stderr, flush=True)
    print(f"{count} done, {failed} failed", file=sys.stderr)
    return worst


def add_command(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    run: Callable[[argparse.Namespace], int],
    description: str,
) -> argparse.ArgumentParser:
    """Describe a command, and what runs it."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=description, description=description)
    parser.set_defaults(run=run)
    return parser


def add_group(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    description: str,
) -> Any:  # noqa: ANN401  argparse keeps the type to itself
    """Describe a group of commands, and return what they are added to."""
    parser = commands.add_parser(name, help=description, description=description)
    return parser.add_subparsers(required=True, metavar="COMMAND")


def add_channels(
    command: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], int],
    channels: Sequence[ChannelSpec],
) -> Sequence[argparse.ArgumentParser]:
    """Describe a command that takes a message of each channel. `message` is then a function that makes it; return the channels' parsers."""
    parsers = command.add_subparsers(required=True, metavar="CHANNEL")
    made = [_add_channel(parsers, spec) for spec in channels]
    for parser in made:
        parser.set_defaults(run=run)
    return made


def _add_channel(
    channels: Any,  # noqa: ANN401  argparse keeps the type to itself
    spec: ChannelSpec,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = channels.add_parser(
        spec.name, help=spec.title or f"a message by {spec.name}"
    )
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", help=address_help(spec))
    to.add_argument("--to-file", type=Path, metavar="FILE", help="a file with one address a line")
    parser.add_argument("--idempotency-key", metavar="KEY", help="sends at most once for the same key")
    parser.add_argument("--sender", help="who it comes from (default: the provider's configured sender)")
    parser.set_defaults(message=build_message(spec))
    add_options(parser, spec)
    return parser
