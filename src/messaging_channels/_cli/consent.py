"""The commands of consent: `messaging-channels consent show|add|remove|import|export`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from messaging_channels._cli.channel_options import require_channel
from messaging_channels._cli.exits import fail
from messaging_channels._cli.files import read_text
from messaging_channels._cli.messages import add_command, always_json
from messaging_channels._cli.output import print_json
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.settings import Configuration
from messaging_channels._model.paths import create_private
from messaging_channels._model.statements import ConsentStatement, StatementKind
from messaging_channels.consent.csv_files import RejectedRow, read_csv, write_csv

_CHUNK = 500


def add_consent_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    consent = commands.add_parser("consent", help="show and change opt-outs and opt-ins").add_subparsers(
        required=True, metavar="COMMAND"
    )
    show = add_command(
        consent, "show", _show, "show all statements about an address, and the one that blocks it"
    )
    always_json(show)
    show.add_argument("--category", help="category of the message (default: marketing)")
    add = add_command(consent, "add", _add, "store an opt-out, an opt-in or another statement")
    kinds = [kind.value for kind in StatementKind if kind is not StatementKind.LIFTED]
    add.add_argument("--kind", choices=kinds, default=StatementKind.OPTED_OUT.value)
    add.add_argument("--category", default="", help="category, such as marketing (default: every message)")
    remove = add_command(consent, "remove", _remove, "lift opt-outs, blocks and bounces of an address")
    remove.add_argument(
        "--kind",
        action="append",
        default=[],
        choices=kinds,
        metavar="KIND",
        help="lift these kinds instead, such as complaint; may be repeated",
    )
    for one in (show, add, remove):
        one.add_argument("address", help="address in any spelling")
        one.add_argument(
            "--channel", required=one is not show, default="*", help="such as sms, whatsapp or email"
        )
    for one in (add, remove):
        one.add_argument("--reason", default="by hand", help="reason, for readers of the log")
    imported = add_command(
        consent, "import", _import, "read a CSV file: our own export, or a list of suppressions of a vendor"
    )
    imported.add_argument(
        "file", type=Path, help="CSV file whose first line names the columns; - for the standard input"
    )
    imported.add_argument("--channel", help="channel of rows without one")
    imported.add_argument(
        "--kind",
        choices=kinds,
        help="kind of rows without one, such as complaint (default: opted_out; bounces by their codes)",
    )
    exported = add_command(consent, "export", _export, "write all statements as CSV")
    exported.add_argument("file", type=Path, nargs="?", help="- for the standard output (default: that)")
    exported.add_argument("--force", action="store_true", help="overwrite an existing file")


def _dispatcher() -> Dispatcher:
    return Dispatcher.from_parts(Configuration.read(use_sandbox_defaults=True).build())


def _show(options: argparse.Namespace) -> int:
    with _dispatcher() as dispatcher:
        require_channel(options.channel)
        said = dispatcher.consent.show(options.channel, options.address)
        channels = dict.fromkeys(one.channel for one in said)
        blocked = {
            channel: entry.as_dict()
            for channel in channels
            if (entry := dispatcher.consent.find(channel, options.address, category=options.category))
        }
    print_json({"statements": [one.as_dict() for one in said], "blocked": blocked})
    return 0


def _add(options: argparse.Namespace) -> int:
    with _dispatcher() as dispatcher:
        require_channel(options.channel)
        kept = dispatcher.consent.add(
            options.channel,
            options.address,
            kind=options.kind,
            category=options.category,
            reason=options.reason,
        )
    print_json({"statement": kept.as_dict()})
    return 0


def _remove(options: argparse.Namespace) -> int:
    with _dispatcher() as dispatcher:
        require_channel(options.channel)
        count = dispatcher.consent.remove(
            options.channel, options.address, reason=options.reason, kinds=options.kind
        )
    if not count:
        return fail("not_found: no such statement stands for that address and channel")
    print(f"{count} statements lifted", file=sys.stderr)
    return 0


def _import(options: argparse.Namespace) -> int:
    new = rejected = 0
    with _dispatcher() as dispatcher:
        require_channel(options.channel)
        text = read_text(options.file)
        if not text.strip():
            return fail(f"bad_input: {options.file} is empty; the first line names the columns")
        keys, chunk = dispatcher.consent.store.gate.keys, list[ConsentStatement]()
        for row in read_csv(
            text.splitlines(keepends=True),
            keys,
            time.time(),
            channel=options.channel,
            evidence=options.file.name,
            kind=None if options.kind is None else StatementKind(options.kind),
            channels=dispatcher.consent.store.gate.channels,
        ):
            if isinstance(row, RejectedRow):
                rejected += 1
                print(f"line {row.line}: {row.problem}", file=sys.stderr)
                continue
            chunk.append(row)
            if len(chunk) == _CHUNK:
                new += dispatcher.consent.record(chunk)
                chunk.clear()
        new += dispatcher.consent.record(chunk)
    print(f"{new} statements imported, {rejected} lines not read", file=sys.stderr)
    return 2 if rejected else 0


def _export(options: argparse.Namespace) -> int:
    file: Path | None = None if str(options.file) == "-" else options.file
    if file is not None and file.is_dir():
        return fail(f"bad_input: {file} is a directory; name a file in it")
    if file is not None and file.is_file() and not options.force:
        return fail(f"bad_input: {file} is there; use --force to overwrite it")
    with _dispatcher() as dispatcher:
        if file is None:
            count = write_csv(dispatcher.consent.export(), sys.stdout)
        else:
            create_private(file)
            with file.open("w", encoding="utf-8", newline="") as written:
                count = write_csv(dispatcher.consent.export(), written)
    print(f"{count} statements exported", file=sys.stderr)
    return 0
