"""What `send` and `enqueue` share: the messages of the command line, whom they are for, and how it is told what became of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.channel_options import add_options, address_help, build_message, options_of
from messaging_channels._cli.exits import EXIT_UNKNOWN, describe_exit_codes, exit_code
from messaging_channels._cli.files import reading, standard_input
from messaging_channels._cli.output import Progress, print_json
from messaging_channels._cli.rows import count_rows, key_of_file, read_rows, recipient_column
from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Receipt
from messaging_channels.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from messaging_channels import SendResult
    from messaging_channels._queue.enqueue import EnqueueResult
    from messaging_channels.plugins.channels import ChannelSpec


@contextmanager
def open_recipients(path: Path) -> Generator[Iterator[str]]:
    """Open a file with one address a line (`-` for the standard input), and draw from it."""
    with (
        reading(path),
        nullcontext(standard_input()) if str(path) == "-" else path.open(encoding="utf-8-sig") as lines,
    ):
        found = (line.strip() for line in lines if line.strip())
        first = next(found, None)
        if first is None:
            raise InvalidArgument(
                "holds no recipients", argument=str(path), hint="write one address on each line"
            )
        yield chain((first,), found)


def recipient_of(options: argparse.Namespace) -> str:
    """Return the one recipient: as it is given, or the first line of the standard input for `-`."""
    return standard_input().readline().strip() if options.to == "-" else options.to


@contextmanager
def open_many(
    options: argparse.Namespace,
) -> Generator[tuple[Message | Iterator[Message], Iterator[str], int | None]]:
    """Open what `--to-file` or `--csv` names: the message or messages, their recipients, and how many those are if that is known.

    With a CSV file the idempotency key is that of the file and the message, unless one was given: the same command continues where it stopped.

    Raises:
        InvalidArgument: the file or a gap of the message is wrong.
    """
    if options.csv is None:
        if options.to_column is not None:
            raise InvalidArgument(
                "needs --csv", argument="--to-column", hint="a file of --to-file has one address on each line"
            )
        total = count_rows(options.to_file)
        with open_recipients(options.to_file) as to:
            yield options.message(options, None), to, None if total is None else total + 1
        return
    if options.idempotency_key is None:
        given = {
            name: str(value)
            for name, value in sorted(vars(options).items())
            if name in options.message_options
        }
        options.idempotency_key = key_of_file(options.csv, given)
        print(f"idempotency key: {options.idempotency_key}", file=sys.stderr)
    rows = read_rows(options.csv)
    with reading(options.csv):
        first = next(rows, None)
    if first is None:
        raise InvalidArgument("holds no recipients", argument=str(options.csv), hint="write a row for each")
    column = recipient_column(first, options.to_column)
    options.message(options, first)  # a gap that no column fills is found before anything is sent
    addresses: list[str] = []

    def messages() -> Iterator[Message]:
        for row in chain((first,), rows):
            addresses.append(row.cells[column])
            yield options.message(options, row)

    yield messages(), _drain(addresses), count_rows(options.csv)


def _drain(addresses: list[str]) -> Iterator[str]:
    """Yield the address of each message that was drawn."""
    while addresses:
        yield addresses.pop(0)


def print_results(results: Iterable[SendResult | EnqueueResult], total: int | None = None) -> int:
    """Print a line of JSON for each recipient, and on a terminal how far it has come. Return the worst exit code."""
    worst, progress = 0, Progress(total)
    for each in results:
        told: dict[str, Any] = each.receipt.as_dict() if each.receipt else {"destination": each.to}
        if each.error is not None:
            told |= {"error": each.error.code, "message": str(each.error)}
            worst = max(worst, exit_code(each.error))
        elif isinstance(each.receipt, Receipt) and each.receipt.outcome is Outcome.UNKNOWN:
            worst = max(worst, EXIT_UNKNOWN)
        print_json(told)
        progress.add(failed=each.error is not None)
    progress.end()
    return worst


def add_command(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    run: Callable[[argparse.Namespace], int],
    description: str,
) -> argparse.ArgumentParser:
    """Describe a command, and what runs it."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=description, description=description)
    parser.set_defaults(run=run, parser=parser)
    return parser


def always_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a command that prints JSON in any case be asked for it, as the others are."""
    parser.add_argument("--json", action="store_true", help="print JSON, as this command always does")
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
    title = spec.title or f"a message by {spec.name}"
    parser: argparse.ArgumentParser = channels.add_parser(
        spec.name,
        help=title,
        description=f"Send {title}.",
        epilog=describe_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_recipients(parser, spec)
    parser.add_argument(
        "--idempotency-key",
        metavar="KEY",
        help="do not send again if this key was used before (default with --csv: made of the file and the message)",
    )
    parser.add_argument("--sender", help="sender (default: the provider's configured sender)")
    names = {"sender", "to_column", *(one.name.replace("-", "_") for one in options_of(spec))}
    parser.set_defaults(message=build_message(spec), parser=parser, message_options=names)
    add_options(parser, spec)
    return parser


def _add_recipients(parser: argparse.ArgumentParser, spec: ChannelSpec) -> None:
    """Describe the options that say whom it is for."""
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", help=f"{address_help(spec)}; - for the standard input")
    to.add_argument(
        "--to-file",
        type=Path,
        metavar="FILE",
        help="file with one address on each line; - for the standard input",
    )
    to.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="CSV file whose first line names the columns: each row is a recipient, and {column} in the message is replaced by its cell",
    )
    parser.add_argument(
        "--to-column",
        metavar="NAME",
        help="column of --csv with the recipients (default: to, phone or email)",
    )
