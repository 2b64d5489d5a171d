"""The commands of the ledger: `messaging-channels ledger`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from messaging_channels._cli.channel_options import require_channel
from messaging_channels._cli.exits import EXIT_UNKNOWN, fail
from messaging_channels._cli.messages import add_command, add_group, always_json
from messaging_channels._cli.output import print_json
from messaging_channels._cli.values import positive
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.installed import installed
from messaging_channels._config.settings import Configuration
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model.errors import InvalidAddress, InvalidSetting
from messaging_channels._model.spellings import spellings
from messaging_channels.consent.store import any_address
from messaging_channels.plugins.channel_addresses import address_on

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels.plugins.erasure import PersonalDataStore
    from messaging_channels.plugins.ledger_restored import RestoredCopy

PERSONAL_DATA = "messaging_channels.personal_data"
"""The entry-point group of what programs beside the dispatcher keep of people."""


@runtime_checkable
class _Upgradable(Protocol):
    def upgrade(self) -> int: ...


def add_ledger_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    ledger = add_group(commands, "ledger", "upgrade the ledger's tables, and forget or export what it keeps")
    add_command(
        ledger, "upgrade", _upgrade, "upgrade the tables to this version, however long the upgrade takes"
    )
    for name, run, words in (
        ("export", _export, "print all stored data about one recipient, as JSON"),
        ("erase", _erase, "erase one recipient: delete addresses and contents"),
    ):
        one = add_command(ledger, name, run, words)
        one.add_argument("address", metavar="ADDRESS", help="phone number, email address or other address")
        one.add_argument(
            "--channel",
            help="channel of the address (default: told by its form: a number, a mail address or the id of a WhatsApp user)",
        )
        if run is _export:
            always_json(one)
    restored = add_command(
        ledger,
        "restored",
        _restored,
        "show messages that may have been sent since the copy from which the ledger was restored, and decide about them",
    )
    always_json(restored)
    restored.add_argument(
        "--decide",
        choices=("hold", "send"),
        help="hold: ask the providers, send messages they don't know, hold the rest for `messages resolve`; send: send all queued messages",
    )
    restored.add_argument(
        "--mark",
        action="store_true",
        help="treat the ledger as a copy, for example after the disk of a server was restored",
    )
    backup = add_command(ledger, "backup", _backup, "copy a SQLite ledger while it is in use")
    backup.add_argument("file", metavar="FILE", help="path of the new file")
    prune = add_command(
        ledger, "prune", _prune, "delete the addresses and contents of older messages, in small steps"
    )
    prune.add_argument(
        "--retention-days", type=positive, required=True, metavar="DAYS", help="highest age of stored data"
    )
    prune.add_argument(
        "--records", action="store_true", help="also delete messages, attempts and events of this age"
    )


@runtime_checkable
class _File(Protocol):
    def accept_copy(self) -> None: ...
    def backup(self, path: str) -> None: ...


def _ledger() -> object:
    given = Configuration.read(use_sandbox_defaults=True).build().ledger
    return given.ledger if isinstance(given, LedgerOptions) else given


def _restored(options: argparse.Namespace) -> int:
    ledger = _ledger()
    if isinstance(ledger, _File):
        ledger.accept_copy()
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
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
            f"{type(ledger).__name__} keeps no file",
            setting="ledger",
            source="the configuration",
            hint="use pg_dump",
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
            source="the configuration",
            hint="none is needed",
        )
    print(f"the tables were of version {ledger.upgrade()}, and are up to date", file=sys.stderr)
    return 0


def _export(options: argparse.Namespace) -> int:
    configuration, to = Configuration.read(use_sandbox_defaults=True), _recipient(options)
    with Dispatcher.from_parts(configuration.build()) as dispatcher:
        kept = dispatcher.queue.export_recipient(to)
    named = _forms_and_messages(to, kept)
    for name, store in _stores(configuration):
        with closing(store):
            kept[name] = store.export(*named)
    print_json(kept)
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
    configuration, to = Configuration.read(use_sandbox_defaults=True), _recipient(options)
    with Dispatcher.from_parts(configuration.build()) as dispatcher:
        named = _forms_and_messages(to, dispatcher.queue.export_recipient(to))
        count = dispatcher.queue.erase_recipient(to)
    print(f"{count} messages and waiting events forgot their recipient", file=sys.stderr)
    for name, store in _stores(configuration):
        with closing(store):
            erased = ", ".join(f"{number} of {what}" for what, number in store.erase(*named).items())
        print(f"{name}: {erased}", file=sys.stderr)
    return 0


def _forms_and_messages(to: Address, kept: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return [one.plain for one in spellings(to)], [one["messageId"] for one in kept["messages"]]


def _stores(configuration: Configuration) -> Iterator[tuple[str, PersonalDataStore]]:
    """Yield what other distributions keep of people, by their names. One that cannot be asked is an error: nobody is to believe that all was told."""
    for entry in installed(PERSONAL_DATA):
        store = entry.load()(configuration)
        if store is not None:
            yield entry.name, store


def _prune(options: argparse.Namespace) -> int:
    with Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build()) as dispatcher:
        older_than = options.retention_days * 86400.0
        count = dispatcher.queue.prune(older_than=older_than)
        deleted = dispatcher.queue.delete_records(older_than=older_than) if options.records else None
    print(f"{count} messages were forgotten", file=sys.stderr)
    if deleted is not None:
        print(f"{deleted} records were deleted", file=sys.stderr)
    return 0
