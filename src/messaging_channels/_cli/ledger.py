"""The commands of the ledger: `messaging-channels ledger`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from messaging_channels._cli.channel_options import require_channel
from messaging_channels._cli.exits import EXIT_UNKNOWN, fail
from messaging_channels._cli.messages import add_command, add_group, always_json
from messaging_channels._cli.output import print_json
from messaging_channels._cli.values import positive
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.settings import Configuration
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model.errors import InvalidAddress, InvalidSetting
from messaging_channels.consent.store import any_address
from messaging_channels.plugins.channel_addresses import address_on

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels.plugins.ledger_restored import RestoredCopy


@runtime_checkable
class _Upgradable(Protocol):
    def upgrade(self) -> int: ...


def add_ledger_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    ledger = add_group(commands, "ledger", "upgrade the ledger's tables, and forget or export what it keeps")
    add_command(
        ledger, "upgrade", _upgrade, "bring the tables to the form of this version, however long it takes"
    )
    for name, run, words in (
        ("export", _export, "print all that is kept of one recipient, as JSON"),
        ("erase", _erase, "forget one recipient: no address and no body of it is kept"),
    ):
        one = add_command(ledger, name, run, words)
        one.add_argument("address", metavar="ADDRESS", help="such as a phone number or a mail address")
        one.add_argument(
            "--channel",
            help="whose address it is (default: told by its looks: a number, a mail address or the id of a WhatsApp user)",
        )
        if run is _export:
            always_json(one)
    restored = add_command(
        ledger,
        "restored",
        _restored,
        "say what may have been sent since the copy from which the ledger was restored, and decide about it",
    )
    always_json(restored)
    restored.add_argument(
        "--decide",
        choices=("hold", "send"),
        help="hold: ask the providers, send what they do not know, hold the rest for `messages resolve`; send: send all that waits",
    )
    restored.add_argument(
        "--mark",
        action="store_true",
        help="treat it as a copy, such as after the disk of a server was restored",
    )
    backup = add_command(ledger, "backup", _backup, "copy a SQLite ledger while it is in use")
    backup.add_argument("file", metavar="FILE", help="a new file")
    prune = add_command(ledger, "prune", _prune, "forget messages that are older, in small steps")
    prune.add_argument(
        "--retention-days", type=positive, required=True, metavar="DAYS", help="how old what is kept may be"
    )
    prune.add_argument(
        "--records", action="store_true", help="delete messages, attempts and events as old as that too"
    )


@runtime_checkable
class _File(Protocol):
    def accept_copy(self) -> None: ...
    def backup(self, path: str) -> None: ...


def _ledger() -> object:
    given = Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()["ledger"]
    return given.ledger if isinstance(given, LedgerOptions) else given


def _restored(options: argparse.Namespace) -> int:
    ledger = _ledger()
    if isinstance(ledger, _File):
        ledger.accept_copy()
    with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
        if options.mark:
            dispatcher.queue.mark_restored()
        copy = dispatcher.queue.restored_copy()
        if copy is None:
            print(
                "the ledger is not a restored copy, or was decided about: nothing is to be done",
                file=sys.stderr,
            )
            return 0
        return _decide(dispatcher, copy, options.decide)


def _decide(dispatcher: Dispatcher, copy: RestoredCopy, decision: str | None) -> int:
    if decision is None:
        print_json(copy.as_dict())
        words = f"{copy.waiting} messages wait that may have been sent since the copy, and nothing is sent."
        return fail(f"{words} Decide: messaging-channels ledger restored --decide hold", EXIT_UNKNOWN)
    if decision == "send":
        dispatcher.queue.resume_restored()
        print(f"{copy.waiting} messages are sent as if nothing had been sent since the copy", file=sys.stderr)
        return 0
    result = dispatcher.queue.hold_restored()
    assert result is not None  # noqa: S101  it was there just now
    print_json(result.as_dict())
    if result.held:
        return fail(f"{result.held} messages are held: messaging-channels messages unknown", EXIT_UNKNOWN)
    return 0


def _backup(options: argparse.Namespace) -> int:
    ledger = _ledger()
    if not isinstance(ledger, _File):
        raise InvalidSetting(
            f"{type(ledger).__name__} keeps no file", setting="ledger", source="it", hint="use pg_dump"
        )
    if Path(options.file).exists():
        return fail(f"bad_input: {options.file} is there; name a new file")
    ledger.backup(options.file)
    print(f"{options.file} written; keep it with the key of the ledger", file=sys.stderr)
    return 0


def _upgrade(_: argparse.Namespace) -> int:
    ledger = _ledger()
    if not isinstance(ledger, _Upgradable):
        raise InvalidSetting(
            f"{type(ledger).__name__} has no tables of ours",
            setting="ledger",
            source="it",
            hint="none is needed",
        )
    print(f"the tables were of version {ledger.upgrade()}, and are up to date", file=sys.stderr)
    return 0


def _export(options: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
        print_json(dispatcher.queue.export_recipient(_recipient(options)))
    return 0


def _recipient(options: argparse.Namespace) -> Address:
    """Return whom a command is about.

    Raises:
        InvalidAddress: it is no address of that channel.
        UnknownChannel: no installed plugin supplies the channel.
    """
    if options.channel is None:
        try:
            return any_address(options.address)
        except InvalidAddress as error:
            hint = f"{error.hint}, or name its channel with --channel"
            raise InvalidAddress(error.problem, kind=error.kind, hint=hint) from None
    require_channel(options.channel)
    channels = {one.name: one for one in Configuration.installed_channels()}
    return address_on(options.channel, options.address, channels)


def _erase(options: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
        count = dispatcher.queue.erase_recipient(_recipient(options))
    print(f"{count} messages and waiting events forgot their recipient", file=sys.stderr)
    return 0


def _prune(options: argparse.Namespace) -> int:
    with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
        older_than = options.retention_days * 86400.0
        count = dispatcher.queue.prune(older_than=older_than)
        deleted = dispatcher.queue.delete_records(older_than=older_than) if options.records else None
    print(f"{count} messages were forgotten", file=sys.stderr)
    if deleted is not None:
        print(f"{deleted} records were deleted", file=sys.stderr)
    return 0
