"""What `send` and `enqueue` share: the messages of the command line, whom they are for, and how it is told what became of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.exits import EXIT_UNKNOWN, describe_exit_codes, exit_code
from messaging_channels._cli.output import Progress, print_json
from messaging_channels._cli.rows import Row, count_rows, key_of_file, read_rows, recipient_column
from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Receipt
from messaging_channels.messages import Attachment, Email, Message, Sms, WhatsAppTemplate, WhatsAppText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from messaging_channels._queue.enqueue import EnqueueResult
    from messaging_channels._sending.bulk import SendResult


@contextmanager
def open_recipients(path: Path) -> Generator[Iterator[str]]:
    """Open a file with one address a line (`-` for the standard input), and draw from it."""
    if str(path) == "-":
        yield (line.strip() for line in sys.stdin if line.strip())
        return
    with path.open(encoding="utf-8-sig") as lines:
        yield (line.strip() for line in lines if line.strip())


def recipient_of(options: argparse.Namespace) -> str:
    """Return the one recipient: as it is given, or the first line of the standard input for `-`."""
    return sys.stdin.readline().strip() if options.to == "-" else options.to


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
        total = count_rows(options.to_file)
        with open_recipients(options.to_file) as to:
            yield options.message(options, None), to, None if total is None else total + 1
        return
    if options.idempotency_key is None:
        given = {name: str(value) for name, value in sorted(vars(options).items()) if name in _OF_MESSAGE}
        options.idempotency_key = key_of_file(options.csv, given)
        print(f"idempotency key: {options.idempotency_key}", file=sys.stderr)
    rows = read_rows(options.csv)
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


def add_group(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    description: str,
) -> Any:  # noqa: ANN401  argparse keeps the type to itself
    """Describe a group of commands, and return what they are added to."""
    parser = commands.add_parser(name, help=description, description=description)
    return parser.add_subparsers(required=True, metavar="COMMAND")


def add_channels(
    command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]
) -> Sequence[argparse.ArgumentParser]:
    """Describe a command that takes a message of each channel. `message` is then a function that makes it; return the channels' parsers."""
    channels = command.add_subparsers(required=True, metavar="CHANNEL")
    sms = _add_channel(channels, "sms", _build_sms, "an international number, such as 38598123456")
    _add_text(sms, "--text", required=True)
    whatsapp = _add_channel(channels, "whatsapp", _build_whatsapp, "an international number")
    what = _add_text(whatsapp, "--text", required=True)
    what.add_argument("--template", metavar="NAME", help="an approved template")
    whatsapp.add_argument("--language", default="en", help="template language (default: en)")
    whatsapp.add_argument(
        "--parameter", action="append", default=[], help="template parameter; repeat for each"
    )
    email = _add_channel(channels, "email", _build_email, "a mail address, such as zoe@example.com")
    email.add_argument("--subject", required=True)
    _add_text(email, "--text", required=False)
    _add_text(email, "--html", required=False)
    email.add_argument(
        "--attach",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="file to attach; may be repeated",
    )
    for channel in (sms, whatsapp, email):
        channel.set_defaults(run=run)
    return sms, whatsapp, email


def _add_text(parser: argparse.ArgumentParser, name: str, *, required: bool) -> Any:  # noqa: ANN401  argparse keeps the type to itself
    """Add a text that is given as it is, or in a file."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument(name, help="as it is; with --csv each {column} in it is filled")
    group.add_argument(
        f"{name}-file", type=Path, metavar="FILE", help="read it from a file; - for the standard input"
    )
    return group


def _add_channel(
    channels: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    message: Callable[[argparse.Namespace, Row | None], Message],
    address: str,
) -> argparse.ArgumentParser:
    article = "an SMS" if name == "sms" else "a WhatsApp message" if name == "whatsapp" else "an email"
    parser: argparse.ArgumentParser = channels.add_parser(
        name,
        help=article,
        description=f"Send {article}.",
        epilog=describe_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", help=f"{address}; - for the standard input")
    to.add_argument(
        "--to-file",
        type=Path,
        metavar="FILE",
        help="a file with one address a line; - for the standard input",
    )
    to.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="a CSV file with a head line: a row is a recipient, and its cells fill {column} in the message",
    )
    parser.add_argument(
        "--to-column",
        metavar="NAME",
        help="the column of --csv that holds the recipients (default: to, phone or email)",
    )
    parser.add_argument(
        "--idempotency-key",
        metavar="KEY",
        help="do not send again if this key was used before (default with --csv: one made of the file and the message)",
    )
    parser.add_argument("--sender", help="who it comes from (default: the provider's configured sender)")
    parser.set_defaults(message=message, parser=parser)
    return parser


def _text_of(options: argparse.Namespace, name: str, row: Row | None) -> str | None:
    """Return a text that was given or is in a file, its gaps filled from the row."""
    path: Path | None = getattr(options, f"{name}_file")
    text: str | None = getattr(options, name)
    if path is not None:
        read = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
        text = read.removesuffix("\n")
        setattr(options, name, text)
        setattr(options, f"{name}_file", None)
    if text is None or row is None:
        return text
    return row.fill_html(text) if name == "html" else row.fill(text)


def _build_sms(options: argparse.Namespace, row: Row | None = None) -> Message:
    return Sms(_text_of(options, "text", row) or "", sender=options.sender)


def _build_whatsapp(options: argparse.Namespace, row: Row | None = None) -> Message:
    if options.template:
        given = [one if row is None else row.fill(one) for one in options.parameter]
        return WhatsAppTemplate(options.template, options.language, tuple(given), sender=options.sender)
    return WhatsAppText(_text_of(options, "text", row) or "", sender=options.sender)


def _build_email(options: argparse.Namespace, row: Row | None = None) -> Message:
    text, html = _text_of(options, "text", row), _text_of(options, "html", row)
    if text is None and html is None:
        raise InvalidArgument("is missing", argument="--text or --html", hint="give one or both")
    subject = options.subject if row is None else row.fill(options.subject)
    files = tuple(Attachment(path.read_bytes(), path.name) for path in options.attach)
    return Email(subject, text=text, html=html, sender=options.sender, attachments=files)


_OF_MESSAGE = frozenset(
    {"text", "html", "subject", "template", "language", "parameter", "sender", "attach", "to_column"}
)
"""The options that make the message."""
