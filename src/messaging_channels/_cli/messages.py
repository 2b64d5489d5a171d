"""What `send` and `enqueue` share: the messages of the command line, whom they are for, and how it is told what became of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels._model import errors
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Receipt
from messaging_channels._model.send_failed import NotSent, Rejected
from messaging_channels.messages import Attachment, Email, Message, Sms, WhatsAppTemplate, WhatsAppText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from messaging_channels._queue.enqueue import EnqueueResult
    from messaging_channels._sending.bulk import SendResult

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
    command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]
) -> Sequence[argparse.ArgumentParser]:
    """Describe a command that takes a message of each channel. `message` is then a function that makes it; return the channels' parsers."""
    channels = command.add_subparsers(required=True, metavar="CHANNEL")
    sms = _add_channel(channels, "sms", _build_sms, "an international number, such as 38598123456")
    sms.add_argument("--text", required=True)
    whatsapp = _add_channel(channels, "whatsapp", _build_whatsapp, "an international number")
    what = whatsapp.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="free text; reaches only who wrote within 24 hours")
    what.add_argument("--template", metavar="NAME", help="an approved template")
    whatsapp.add_argument("--language", default="en", help="of the template (default: en)")
    whatsapp.add_argument("--parameter", action="append", default=[], help="fills a gap; repeat it")
    email = _add_channel(channels, "email", _build_email, "a mail address, such as zoe@example.com")
    email.add_argument("--subject", required=True)
    email.add_argument("--text", help="the plain body")
    email.add_argument("--html", help="the html body; with --text both are sent")
    email.add_argument("--attach", type=Path, action="append", default=[], metavar="FILE", help="repeat it")
    for channel in (sms, whatsapp, email):
        channel.set_defaults(run=run)
    return sms, whatsapp, email


def _add_channel(
    channels: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    message: Callable[[argparse.Namespace], Message],
    address: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = channels.add_parser(name, help=f"by {name}")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", help=address)
    to.add_argument("--to-file", type=Path, metavar="FILE", help="a file with one address a line")
    parser.add_argument("--idempotency-key", metavar="KEY", help="sends at most once for the same key")
    parser.add_argument("--sender", help="who it comes from (default: the provider's configured sender)")
    parser.set_defaults(message=message)
    return parser


def _build_sms(options: argparse.Namespace) -> Message:
    return Sms(options.text, sender=options.sender)


def _build_whatsapp(options: argparse.Namespace) -> Message:
    if options.template:
        return WhatsAppTemplate(
            options.template, options.language, tuple(options.parameter), sender=options.sender
        )
    return WhatsAppText(options.text or "", sender=options.sender)


def _build_email(options: argparse.Namespace) -> Message:
    return Email(
        options.subject,
        text=options.text,
        html=options.html,
        sender=options.sender,
        attachments=tuple(Attachment(path.read_bytes(), path.name) for path in options.attach),
    )
