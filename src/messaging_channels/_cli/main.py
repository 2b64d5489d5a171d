"""The command line: tables for people, JSON for pipes, words on stderr, and exit codes that scripts can use (see `exits`)."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from messaging_channels._cli.channel_options import known_channels, require_channel
from messaging_channels._cli.completion import add_completion_command
from messaging_channels._cli.consent import add_consent_commands
from messaging_channels._cli.dry_run import dry_run
from messaging_channels._cli.exits import (
    EXIT_FAULT,
    EXIT_UNKNOWN,
    describe_exit_codes,
    exit_code,
    fail,
    open_closed_streams,
    run_in_words,
)
from messaging_channels._cli.inbound import add_inbound_commands
from messaging_channels._cli.ledger import add_ledger_commands
from messaging_channels._cli.messages import (
    add_channels,
    add_command,
    add_group,
    always_json,
    open_many,
    print_results,
    recipient_of,
)
from messaging_channels._cli.output import print_json, print_rows
from messaging_channels._cli.queue import add_queue_commands
from messaging_channels._cli.records import add_record_commands
from messaging_channels._cli.setting_up import add_setting_up_commands
from messaging_channels._cli.values import count
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.installed import installed
from messaging_channels._config.settings import Configuration
from messaging_channels._model.nearest import nearest
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.send_failed import SendFailed
from messaging_channels._providers.sandbox import BEHAVIOURS, Sandbox
from messaging_channels.messages import Message
from messaging_channels.plugins.channel_spec import status_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = "messaging_channels.commands"
"""The entry-point group of commands that a distribution adds: the name is the command's, the object a function that describes its parser and sets `run`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    open_closed_streams()
    try:
        logging.getLogger("psycopg").addHandler(logging.NullHandler())  # its own words on the standard error
        return run_in_words(lambda: _run(given), sends=given[:1] in (["send"], ["enqueue"]))
    except Exception as fault:
        print(f"internal error: {_FAULT}", file=sys.stderr)
        if arguments is not None:
            raise
        sys.excepthook(type(fault), fault, fault.__traceback__)
        return EXIT_FAULT


def _run(given: Sequence[str]) -> int:
    parser = _build_parser(given[:1])
    options, unknown = parser.parse_known_args(given)
    if unknown:
        getattr(options, "parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _send(options: argparse.Namespace) -> int:
    configuration = Configuration.read(use_sandbox_defaults=True)
    with Dispatcher.from_parts(configuration.build()) as dispatcher:
        if options.dry_run:
            return dry_run(dispatcher, options)
        if options.to is None:
            with open_many(options) as (messages, to, total):
                results = dispatcher.send_each(messages, to=to, idempotency_key=options.idempotency_key)
                return print_results(results, total)
        message: Message = options.message(options, None)
        try:
            receipt = dispatcher.send(
                message, to=recipient_of(options), idempotency_key=options.idempotency_key
            )
        except SendFailed as failed:
            print_json({"messages": [failed.receipt.as_dict()]})
            return fail(f"{failed.code}: {failed}", exit_code(failed))
    print_json({"messages": [receipt.as_dict()]})
    if receipt.provider == Sandbox.name:
        print("sent to the sandbox: nothing left this machine", file=sys.stderr)
    if receipt.outcome is Outcome.UNKNOWN:
        words = "outcome unknown: the message may have been sent. Do not resend; run: messaging-channels messages reconcile"
        return fail("\n".join([words, *receipt.explain()]), EXIT_UNKNOWN)
    return 0


def _providers(options: argparse.Namespace) -> int:
    plugins = Configuration.read(use_sandbox_defaults=True).plugins
    specs = [
        {"name": name, "settings": list(spec.settings.model_fields)}
        for name, spec in plugins.providers.items()
    ]
    failed = {name: why.problem for name, why in plugins.failed.items()}
    if not sys.stdout.isatty() or options.json:
        print_json({"providers": specs, "failed": failed})
    else:
        print_rows(
            {"providers": specs},
            {"provider": lambda one: one["name"], "settings": lambda one: one["settings"]},
        )
        for name, problem in failed.items():
            fail(f"plugin {name} could not be loaded: {problem}")
    return 0


def _channels(options: argparse.Namespace) -> int:
    configuration = Configuration.read(use_sandbox_defaults=True)
    routes = configuration.routes()
    channels = [
        {
            "name": channel.name,
            "message_types": [kind.__name__ for kind in channel.message_types],
            "route": list(routes[channel.name].providers) if channel.name in routes else [],
        }
        for channel in configuration.plugins.channels
    ]
    columns = {"channel": "name", "route": "route", "message types": "message_types"}
    print_rows(
        {"channels": channels}, {head: _reads(key) for head, key in columns.items()}, as_json=options.json
    )
    return 0


def _statuses(options: argparse.Namespace) -> int:
    require_channel(options.channel)
    wanted = {"all", options.channel}
    statuses = [
        {"channel": channel, **status.as_dict()}
        for channel, status in status_table(Configuration.installed_channels())
        if options.channel is None or channel in wanted
    ]
    columns = {"group": "groupName", "id": "id", "status": "name", "channel": "channel"}
    print_rows(
        {"statuses": statuses}, {head: _reads(key) for head, key in columns.items()}, as_json=options.json
    )
    return 0


def _config(options: argparse.Namespace) -> int:
    if options.variables:
        known = Configuration.read(check=False).known
        print("\n".join(f"{known.prefix}{name}" for name in sorted(known.variables)))
        return 0
    settings = Configuration.read(use_sandbox_defaults=True).describe()
    columns = {"setting": "name", "value": "value", "from": "source"}
    print_rows(
        {"settings": settings}, {head: _reads(key) for head, key in columns.items()}, as_json=options.json
    )
    return 0


def _reads(key: str) -> Callable[[Any], Any]:
    return lambda row: row[key]


def _sandbox_list(_: argparse.Namespace) -> int:
    outbox = _sandbox()
    outbox.outbox.apply_due_reports()
    print_json({"messages": outbox.outbox.messages()})
    return 0


def _sandbox_clear(_: argparse.Namespace) -> int:
    print(f"{_sandbox().outbox.clear()} messages deleted", file=sys.stderr)
    return 0


def _sandbox_addresses(_: argparse.Namespace) -> int:
    print_json(
        {"addresses": [{"phone": one.phone, "mail": one.mail, "meaning": one.meaning} for one in BEHAVIOURS]}
    )
    return 0


def _plugin_check(options: argparse.Namespace) -> int:
    from messaging_channels.testing import commands  # noqa: PLC0415  for authors of plugins only

    return commands.check_plugin(
        options.name,
        examples=options.examples,
        rules=options.rule,
        as_json=options.json,
        live=commands.live_options(
            options.live, to=options.to, types=options.type, record=options.record, replay=options.replay
        ),
    )


def _plugin_new(options: argparse.Namespace) -> int:
    from messaging_channels.testing import commands  # noqa: PLC0415  for authors of plugins only

    return commands.create_plugin(options.name, options.directory, channel=options.channel)


def _sandbox() -> Sandbox:
    provider = Configuration.read(use_sandbox_defaults=True).provider(Sandbox.name)
    assert isinstance(provider, Sandbox)  # noqa: S101  for the type checkers: the built-in spec builds it
    return provider


class _Parser(argparse.ArgumentParser):
    """Names the nearest command or option where one is misspelt. Its subcommands are of the same class."""

    def error(self, message: str) -> NoReturn:
        """Print the usage of this very command and what is wrong with it, and exit with 2."""
        found = _UNKNOWN_WORD.search(message)
        near = None
        if found is not None and found["option"]:
            near = nearest(
                found["option"], [name for name in self._option_string_actions if name.startswith("--")]
            )
        elif found is not None:
            choices = [list(action.choices or ()) for action in self._actions]
            near = nearest(found["choice"], [str(one) for one in chain.from_iterable(choices)])
        super().error(f"{message}. Did you mean {near}?" if near else message)


def _build_parser(command: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="messaging-channels",
        description="Send messages over any channel through any provider.",
        epilog="Without configuration everything goes to the sandbox, and nothing leaves this machine.\n"
        f"Try: messaging-channels send sms --to 38598123456 --text 'My text message'\n\n{describe_exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"messaging-channels {version('messaging-channels')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    channels = known_channels(command)
    send = commands.add_parser("send", help="send a message to an address")
    for channel in add_channels(send, _send, channels):
        channel.add_argument(
            "--dry-run",
            action="store_true",
            help="show which providers would be tried and whether a check blocks the message; send nothing",
        )
    add_setting_up_commands(commands)
    for name, run, words in (
        ("providers", _providers, "list the providers and their settings"),
        ("channels", _channels, "list the channels, their message types and their routes"),
        ("statuses", _statuses, "list the statuses that a message can have, by channel"),
        ("config", _config, "show every setting and its source; secrets are hidden"),
    ):
        listing = add_command(commands, name, run, words)
        listing.add_argument("--json", action="store_true", help="print JSON on a terminal too")
        if name == "statuses":
            listing.add_argument("--channel", help="those of that channel, such as sms (default: of all)")
        if name == "config":
            listing.add_argument(
                "--variables", action="store_true", help="list the names of all environment variables"
            )
    add_record_commands(commands)
    add_queue_commands(commands, channels)
    add_inbound_commands(commands)
    add_ledger_commands(commands)
    add_consent_commands(commands)
    sandbox = add_group(commands, "sandbox", "look at what the sandbox took")
    always_json(add_command(sandbox, "list", _sandbox_list, "list the messages with their final statuses"))
    add_command(sandbox, "clear", _sandbox_clear, "delete all messages of the sandbox")
    always_json(
        add_command(sandbox, "addresses", _sandbox_addresses, "list the addresses that make the sandbox fail")
    )
    _add_plugin_commands(commands)
    _add_commands_of_plugins(commands, command)
    add_completion_command(commands, parser)
    return parser


def _add_plugin_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    plugin = add_group(commands, "plugin", "for authors of providers")
    check = add_command(
        plugin, "check", _plugin_check, "run the conformance kit on an installed provider; prints Markdown"
    )
    check.add_argument("name", metavar="NAME", help="the provider")
    check.add_argument(
        "--examples", type=count, default=100, help="examples per property test (default: 100)"
    )
    check.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="ID",
        help="only this rule, such as MC111; may be repeated",
    )
    check.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    _add_live_options(check)
    new = add_command(plugin, "new", _plugin_new, "create a provider plugin project")
    new.add_argument("name", metavar="NAME", help="lower case, such as acme-sms")
    new.add_argument("--channel", action="store_true", help="create a channel with its provider")
    new.add_argument("--directory", type=Path, help="folder (default: messaging-channels-NAME)")


def _add_live_options(check: argparse.ArgumentParser) -> None:
    check.add_argument(
        "--live", metavar="URL", help="send each message type to the vendor's sandbox at this URL instead"
    )
    check.add_argument(
        "--to", metavar="ADDRESS", help="with --live: the recipient (default: a number reserved for fiction)"
    )
    check.add_argument(
        "--type",
        action="append",
        default=[],
        metavar="NAME",
        help="with --live: only this message type, such as Sms; may be repeated",
    )
    check.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="with --live: write the requests and responses, without secrets and addresses",
    )
    check.add_argument(
        "--replay", type=Path, metavar="FILE", help="check against a file of --record; sends nothing"
    )


def _add_commands_of_plugins(commands: Any, command: Sequence[str]) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Add what other distributions supply. Only the one that is asked for is imported."""
    for entry in installed(COMMANDS):
        if entry.name not in commands.choices:
            source = entry.dist.name if entry.dist else entry.module
            parser = commands.add_parser(entry.name, help=f"a command of {source}")
            if entry.name in command:
                entry.load()(parser)


_FAULT = (
    "please report it with what follows; what was sent before it is in `messaging-channels messages list`"
)
_UNKNOWN_WORD = re.compile(
    r"unrecognized arguments: (?P<option>--[\w-]+)|invalid choice: '(?P<choice>[\w-]+)'"
)


if __name__ == "__main__":
    sys.exit(main())
