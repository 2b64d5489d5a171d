"""The command line: JSON on stdout, words on stderr, and exit codes that scripts can use.

0 sent; 1 may have been sent, or the answer is not known; 2 the command or the message is wrong; 3 the configuration is wrong;
4 refused for good; 5 not sent, try again later.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels._cli.channel_options import known_channels
from messaging_channels._cli.consent import add_consent_commands
from messaging_channels._cli.ledger import add_ledger_commands
from messaging_channels._cli.messages import (
    EXIT_UNKNOWN,
    add_channels,
    add_command,
    add_group,
    exit_code,
    open_recipients,
    print_json,
    print_results,
)
from messaging_channels._cli.queue import add_queue_commands
from messaging_channels._cli.resolving import add_resolve_commands
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.settings import Configuration
from messaging_channels._model import errors
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.send_failed import SendFailed
from messaging_channels._providers.sandbox import BEHAVIOURS, Sandbox
from messaging_channels.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = "messaging_channels.commands"
"""The entry-point group of commands that a distribution adds: the name is the command's, the object a function that describes its parser and sets `run`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _build_parser(given[:1]).parse_args(given)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except SendFailed as failed:
        print_json({"messages": [failed.receipt.as_dict()]})
        return _print_error(failed)
    except errors.MessagingError as error:
        return _print_error(error)


def _print_error(error: errors.MessagingError) -> int:
    print(f"{error.code}: {error}", file=sys.stderr)
    return exit_code(error)


def _send(options: argparse.Namespace) -> int:
    configuration = Configuration.read(use_sandbox_defaults=True)
    message: Message = options.message(options)
    with Dispatcher.from_parts(configuration.build()) as dispatcher:
        if options.to_file:
            with open_recipients(options.to_file) as to:
                return print_results(
                    dispatcher.send_each(message, to=to, idempotency_key=options.idempotency_key)
                )
        receipt = dispatcher.send(message, to=options.to, idempotency_key=options.idempotency_key)
    print_json({"messages": [receipt.as_dict()]})
    if receipt.provider == Sandbox.name:
        print("sent to the sandbox: nothing left this machine", file=sys.stderr)
    if receipt.outcome is Outcome.UNKNOWN:
        print("\n".join(["it may have been sent", *receipt.explain()]), file=sys.stderr)
        return EXIT_UNKNOWN
    return 0


def _providers(_: argparse.Namespace) -> int:
    plugins = Configuration.read(use_sandbox_defaults=True).plugins
    specs = [
        {"name": name, "settings": list(spec.settings.model_fields)}
        for name, spec in plugins.providers.items()
    ]
    print_json({"providers": specs, "failed": {name: why.problem for name, why in plugins.failed.items()}})
    return 0


def _channels(_: argparse.Namespace) -> int:
    configuration = Configuration.read(use_sandbox_defaults=True)
    routes = configuration.routes()
    print_json(
        {
            "channels": [
                {
                    "name": channel.name,
                    "message_types": [kind.__name__ for kind in channel.message_types],
                    "route": list(routes[channel.name].providers) if channel.name in routes else [],
                }
                for channel in configuration.plugins.channels
            ]
        }
    )
    return 0


def _config(_: argparse.Namespace) -> int:
    print_json({"settings": Configuration.read(use_sandbox_defaults=True).describe()})
    return 0


def _messages_show(options: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        record = dispatcher.get_message(options.id)
        for provider in () if record else dispatcher.providers:
            record = record or dispatcher.get_message(provider=provider, provider_id=options.id)
    if record is None:
        print("no message has that id, ours or a provider's", file=sys.stderr)
        return EXIT_UNKNOWN
    print_json(record.as_dict())
    return 0


def _messages_list(options: argparse.Namespace) -> int:
    names = ("scope", "limit", "before", "channel", "status", "to", "since", "until")
    wanted = {name: getattr(options, name) for name in names}
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        print_json({"messages": [record.as_dict() for record in dispatcher.list_messages(**wanted)]})
    return 0


def _messages_reconcile(_: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        print_json({"messages": [record.as_dict() for record in dispatcher.reconcile()]})
    return 0


def _messages_cancel(options: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        done = dispatcher.queue.cancel(options.id)
    print("cancelled" if done else "too late, or nothing waits under that id", file=sys.stderr)
    return 0 if done else EXIT_UNKNOWN


def _reports_fetch(_: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        print(f"{len(dispatcher.fetch_reports())} reports fetched and kept", file=sys.stderr)
    return 0


def _sandbox_list(_: argparse.Namespace) -> int:
    outbox = _sandbox()
    outbox.outbox.apply_due_reports()
    print_json({"messages": outbox.outbox.messages()})
    return 0


def _sandbox_clear(_: argparse.Namespace) -> int:
    print(f"{_sandbox().outbox.clear()} messages forgotten", file=sys.stderr)
    return 0


def _sandbox_addresses(_: argparse.Namespace) -> int:
    print_json(
        {"addresses": [{"phone": one.phone, "mail": one.mail, "meaning": one.meaning} for one in BEHAVIOURS]}
    )
    return 0


def _plugin_check(options: argparse.Namespace) -> int:
    from messaging_channels.testing import commands  # noqa: PLC0415  for authors of plugins only

    return commands.check_plugin(
        options.name, examples=options.examples, rules=options.rule, as_json=options.json
    )


def _plugin_new(options: argparse.Namespace) -> int:
    from messaging_channels.testing import commands  # noqa: PLC0415  for authors of plugins only

    return commands.create_plugin(options.name, options.directory, channel=options.channel)


def _sandbox() -> Sandbox:
    provider = Configuration.read(use_sandbox_defaults=True).provider(Sandbox.name)
    assert isinstance(provider, Sandbox)  # noqa: S101  for the type checkers: the built-in spec builds it
    return provider


def _build_parser(command: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="messaging-channels",
        description="Send messages over any channel through any provider.",
        epilog="Without configuration everything goes to the sandbox, and nothing leaves this machine. "
        "Try: messaging-channels send sms --to 38598123456 --text 'My text message'. "
        "Exit codes: 0 sent, 1 may have been sent, 2 wrong input, 3 wrong configuration, 4 refused, 5 not sent (try again).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    channels = known_channels(command)
    add_channels(commands.add_parser("send", help="send a message to an address"), _send, channels)
    add_command(commands, "providers", _providers, "list the providers and their settings")
    add_command(commands, "channels", _channels, "list the channels, what they carry, and their routes")
    add_command(commands, "config", _config, "show every setting and where it came from, secrets hidden")
    _add_messages_commands(commands)
    add_queue_commands(commands, channels)
    add_ledger_commands(commands)
    add_consent_commands(commands)
    sandbox = add_group(commands, "sandbox", "look at what the sandbox took")
    add_command(sandbox, "list", _sandbox_list, "list the messages with their final statuses")
    add_command(sandbox, "clear", _sandbox_clear, "forget all messages")
    add_command(sandbox, "addresses", _sandbox_addresses, "list the addresses that make it fail")
    _add_plugin_commands(commands)
    _add_commands_of_plugins(commands, command)
    return parser


def _parse_seconds(text: str) -> float:
    """Read a time with its zone as seconds since the epoch."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write it as 2030-01-31T09:00+01:00") from None
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError("give a time zone, as in 2030-01-31T09:00+01:00")
    return when.timestamp()


def _add_messages_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    messages = add_group(commands, "messages", "look at the record of what was sent, and change what waits")
    show = add_command(
        messages, "show", _messages_show, "show a message with its attempts, decisions and reports"
    )
    show.add_argument("id", metavar="ID", help="our message id, or the provider's")
    listing = add_command(messages, "list", _messages_list, "list messages, the newest first")
    listing.add_argument(
        "--to", metavar="ADDRESS", help="to that recipient, as far as the ledger keeps addresses"
    )
    listing.add_argument("--status", metavar="NAME", help="of that status, such as PENDING_UNKNOWN")
    listing.add_argument("--channel", help="of that channel, such as sms")
    listing.add_argument("--since", type=_parse_seconds, metavar="TIME", help="taken in then or later")
    listing.add_argument("--until", type=_parse_seconds, metavar="TIME", help="taken in before")
    listing.add_argument("--scope", default="", help="of that scope (default: none)")
    listing.add_argument("--before", metavar="ID", help="the page after that message")
    listing.add_argument("--limit", type=int, default=50, help="at most so many (default: 50)")
    cancel = add_command(messages, "cancel", _messages_cancel, "end a message of which nothing went out yet")
    cancel.add_argument("id", metavar="ID", help="our message id")
    add_resolve_commands(messages)
    add_command(
        messages, "reconcile", _messages_reconcile, "ask providers about messages that may have been sent"
    )
    reports = add_group(commands, "reports", "delivery reports")
    add_command(reports, "fetch", _reports_fetch, "fetch delivery reports from providers that offer them")


def _add_plugin_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    plugin = add_group(commands, "plugin", "for authors of providers")
    check = add_command(
        plugin, "check", _plugin_check, "run the conformance kit on an installed provider; prints Markdown"
    )
    check.add_argument("name", metavar="NAME", help="the provider")
    check.add_argument(
        "--examples", type=int, default=100, help="how many a property is tried with (default: 100)"
    )
    check.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="ID",
        help="only this rule, such as MC111; may be repeated",
    )
    check.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    new = add_command(plugin, "new", _plugin_new, "write a distribution for a provider of that name")
    new.add_argument("name", metavar="NAME", help="lower case, such as acme-sms")
    new.add_argument("--channel", action="store_true", help="for a channel with its provider")
    new.add_argument("--directory", type=Path, help="where (default: messaging-channels-NAME)")


def _add_commands_of_plugins(commands: Any, command: Sequence[str]) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Add what other distributions supply. Only the one that is asked for is imported."""
    for entry in entry_points(group=COMMANDS):
        if entry.name not in commands.choices:
            source = entry.dist.name if entry.dist else entry.module
            parser = commands.add_parser(entry.name, help=f"of {source}")
            if entry.name in command:
                entry.load()(parser)


if __name__ == "__main__":
    sys.exit(main())
