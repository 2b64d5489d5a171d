"""The command line: JSON on stdout, words on stderr, and exit codes that scripts can use.

0 sent; 1 may have been sent, or the answer is not known; 2 the command or the message is wrong; 3 the configuration is wrong;
4 refused for good; 5 not sent, try again later.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels import errors
from messaging_channels.cli_queue import add_queue
from messaging_channels.client import Dispatcher
from messaging_channels.configuration import Configuration
from messaging_channels.messages import Attachment, Email, Message, Sms, WhatsAppTemplate, WhatsAppText
from messaging_channels.outcomes import Kind
from messaging_channels.sandbox import BEHAVIOURS, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EXIT_CODES: tuple[tuple[type[errors.MessagingError], int], ...] = (
    (errors.BadInput, 2),
    (errors.ConfigurationError, 3),
    (errors.Rejected, 4),
    (errors.NotSent, 5),
)
_UNKNOWN = 1
COMMANDS = "messaging_channels.commands"
"""The entry-point group of commands that a distribution adds: the name is the command's, the object a function that describes its parser and sets `run`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(given[:1]).parse_args(given)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except errors.SendFailed as failed:
        _print({"messages": [failed.receipt.as_dict()]})
        return _explain(failed)
    except errors.MessagingError as error:
        return _explain(error)


def _explain(error: errors.MessagingError) -> int:
    print(f"{error.code}: {error}", file=sys.stderr)
    return _exit_code(error)


def _exit_code(error: errors.MessagingError) -> int:
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), _UNKNOWN)


def _print(answer: Any) -> None:  # noqa: ANN401  anything JSON can hold
    print(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


def _send(options: argparse.Namespace) -> int:
    configuration = Configuration.read(embedded=True)
    message: Message = options.message(options)
    with Dispatcher(**configuration.parts()) as dispatcher:
        if options.to_file:
            return _send_each(dispatcher, message, options)
        receipt = dispatcher.send(message, to=options.to, idempotency_key=options.idempotency_key)
    _print({"messages": [receipt.as_dict()]})
    if receipt.provider == Sandbox.name:
        print("sent to the sandbox: nothing left this machine", file=sys.stderr)
    if receipt.outcome is Kind.UNKNOWN:
        print("\n".join(["it may have been sent", *receipt.explained()]), file=sys.stderr)
        return _UNKNOWN
    return 0


def _send_each(dispatcher: Dispatcher, message: Message, options: argparse.Namespace) -> int:
    """Send to every line of a file; a line of JSON for each, and on a terminal how far it has come."""
    worst = count = failed = 0
    with options.to_file.open(encoding="utf-8") as lines:
        recipients = (line.strip() for line in lines if line.strip())
        for each in dispatcher.send_each(message, to=recipients, idempotency_key=options.idempotency_key):
            count += 1
            told: dict[str, Any] = each.receipt.as_dict() if each.receipt else {"destination": each.to}
            if each.error is not None:
                failed += 1
                told["error"] = each.error.code
                worst = max(worst, _exit_code(each.error))
            elif each.receipt and each.receipt.outcome is Kind.UNKNOWN:
                worst = max(worst, _UNKNOWN)
            _print(told)
            if sys.stderr.isatty() and count % 100 == 0:
                print(f"\r{count} done, {failed} failed", end="", file=sys.stderr)
    print(f"{count} done, {failed} failed", file=sys.stderr)
    return worst


def _sms(options: argparse.Namespace) -> Message:
    return Sms(options.text, sender=options.sender)


def _whatsapp(options: argparse.Namespace) -> Message:
    if options.template:
        return WhatsAppTemplate(
            options.template, options.language, tuple(options.parameter), sender=options.sender
        )
    return WhatsAppText(options.text or "", sender=options.sender)


def _email(options: argparse.Namespace) -> Message:
    return Email(
        options.subject,
        text=options.text,
        html=options.html,
        sender=options.sender,
        attachments=tuple(Attachment(path.read_bytes(), path.name) for path in options.attach),
    )


def _providers(_: argparse.Namespace) -> int:
    plugins = Configuration.read(embedded=True).plugins
    specs = [
        {"name": name, "settings": list(spec.settings.model_fields)}
        for name, spec in plugins.providers.items()
    ]
    _print({"providers": specs, "broken": {name: type(why).__name__ for name, why in plugins.broken.items()}})
    return 0


def _channels(_: argparse.Namespace) -> int:
    configuration = Configuration.read(embedded=True)
    routes = configuration.routes()
    _print(
        {
            "channels": [
                {
                    "name": channel.name,
                    "carries": [kind.__name__ for kind in channel.carries],
                    "route": list(routes[channel.name].providers) if channel.name in routes else [],
                }
                for channel in configuration.plugins.channels
            ]
        }
    )
    return 0


def _config(_: argparse.Namespace) -> int:
    _print({"settings": Configuration.read(embedded=True).shown()})
    return 0


def _messages_show(options: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        record = dispatcher.find(options.id)
        for provider in () if record else dispatcher.providers:
            record = record or dispatcher.find(provider=provider, provider_id=options.id)
    if record is None:
        print("no message has that id, ours or a provider's", file=sys.stderr)
        return _UNKNOWN
    _print(record.as_dict())
    return 0


def _messages_settle(_: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        _print({"messages": [record.as_dict() for record in dispatcher.settle()]})
    return 0


def _messages_fetch(_: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        print(f"{len(dispatcher.fetch_reports())} reports fetched and kept", file=sys.stderr)
    return 0


def _sandbox_list(_: argparse.Namespace) -> int:
    outbox = _outbox()
    outbox.outbox.settle()
    _print({"messages": outbox.outbox.messages()})
    return 0


def _sandbox_clear(_: argparse.Namespace) -> int:
    print(f"{_outbox().outbox.clear()} messages forgotten", file=sys.stderr)
    return 0


def _sandbox_addresses(_: argparse.Namespace) -> int:
    _print(
        {"addresses": [{"phone": one.phone, "mail": one.mail, "meaning": one.meaning} for one in BEHAVIOURS]}
    )
    return 0


def _check(options: argparse.Namespace) -> int:
    from messaging_channels.testing import commands  # noqa: PLC0415  for authors of plugins only

    return commands.check(options.name, examples=options.examples)


def _new_plugin(options: argparse.Namespace) -> int:
    from messaging_channels.testing import commands  # noqa: PLC0415  for authors of plugins only

    return commands.new_plugin(options.name, options.directory)


def _outbox() -> Sandbox:
    provider = Configuration.read(embedded=True).provider(Sandbox.name)
    assert isinstance(provider, Sandbox)  # noqa: S101  for the type checkers: the built-in spec builds it
    return provider


def _parser(asked: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="messaging-channels",
        description="Send SMS, WhatsApp and email through any provider.",
        epilog="Without configuration everything goes to the sandbox, and nothing leaves this machine. "
        "Try: messaging-channels send sms --to 38598123456 --text 'My text message'. "
        "Exit codes: 0 sent, 1 may have been sent, 2 wrong input, 3 wrong configuration, 4 refused, 5 not sent (try again).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_send(commands.add_parser("send", help="send a message to an address"))
    _add(commands, "providers", _providers, "list the providers and their settings")
    _add(commands, "channels", _channels, "list the channels, what they carry, and their routes")
    _add(commands, "config", _config, "show every setting and where it came from, secrets hidden")
    messages = commands.add_parser("messages", help="look at the record of what was sent").add_subparsers(
        required=True, metavar="COMMAND"
    )
    show = _add(messages, "show", _messages_show, "show a message with its attempts, decisions and reports")
    show.add_argument("id", help="our message id, or the provider's")
    _add(messages, "settle", _messages_settle, "ask providers about messages that may have been sent")
    _add(messages, "fetch", _messages_fetch, "fetch delivery reports from providers that offer them")
    add_queue(commands)
    sandbox = commands.add_parser("sandbox", help="look at what the sandbox took").add_subparsers(
        required=True, metavar="COMMAND"
    )
    _add(sandbox, "list", _sandbox_list, "list the messages with their final statuses")
    _add(sandbox, "clear", _sandbox_clear, "forget all messages")
    _add(sandbox, "addresses", _sandbox_addresses, "list the addresses that make it fail")
    _add_for_authors(commands)
    _add_from_plugins(commands, asked)
    return parser


def _add_for_authors(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    check = _add(commands, "check", _check, "hold an installed provider to the rules; prints Markdown")
    check.add_argument("name", help="the provider")
    check.add_argument(
        "--examples", type=int, default=100, help="how many a property is tried with (default: 100)"
    )
    new = _add(commands, "new-plugin", _new_plugin, "write a distribution for a provider of that name")
    new.add_argument("name", help="lower case, such as pigeon")
    new.add_argument("--directory", type=Path, help="where (default: messaging-channels-NAME)")


def _add_from_plugins(commands: Any, asked: Sequence[str]) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Add what other distributions supply. Only the one that is asked for is imported."""
    for entry in entry_points(group=COMMANDS):
        if entry.name not in commands.choices:
            source = entry.dist.name if entry.dist else entry.module
            parser = commands.add_parser(entry.name, help=f"of {source}")
            if entry.name in asked:
                entry.load()(parser)


def _add(
    commands: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    return parser


def _add_send(send: argparse.ArgumentParser) -> None:
    channels = send.add_subparsers(required=True, metavar="CHANNEL")
    sms = _add_channel(channels, "sms", _sms, "an international number, such as 38598123456")
    sms.add_argument("--text", required=True)
    whatsapp = _add_channel(channels, "whatsapp", _whatsapp, "an international number")
    what = whatsapp.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="free text; reaches only who wrote within 24 hours")
    what.add_argument("--template", metavar="NAME", help="an approved template")
    whatsapp.add_argument("--language", default="en", help="of the template (default: en)")
    whatsapp.add_argument("--parameter", action="append", default=[], help="fills a gap; repeat it")
    email = _add_channel(channels, "email", _email, "a mail address, such as zoe@example.com")
    email.add_argument("--subject", required=True)
    email.add_argument("--text", help="the plain body")
    email.add_argument("--html", help="the html body; with --text both are sent")
    email.add_argument("--attach", type=Path, action="append", default=[], metavar="FILE", help="repeat it")


def _add_channel(
    channels: Any,  # noqa: ANN401  argparse keeps the type to itself
    name: str,
    message: Callable[[argparse.Namespace], Message],
    address: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = channels.add_parser(name, help=f"send by {name}")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", help=address)
    to.add_argument("--to-file", type=Path, metavar="FILE", help="a file with one address a line")
    parser.add_argument("--idempotency-key", metavar="KEY", help="sends at most once for the same key")
    parser.add_argument("--sender", help="who it comes from (default: the provider's configured sender)")
    parser.set_defaults(run=_send, message=message)
    return parser


if __name__ == "__main__":
    sys.exit(main())
