"""The commands of a first hour: `init` writes a commented file of settings, `schema` prints its JSON schema, `doctor` finds what is wrong."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from messaging_channels._cli.doctor import doctor
from messaging_channels._cli.exits import EXIT_SETTINGS, fail
from messaging_channels._cli.messages import add_command, always_json
from messaging_channels._cli.output import print_json
from messaging_channels._config.settings import FILE, Configuration
from messaging_channels._config.starter_file import starter_file
from messaging_channels._model.errors import UnknownProvider
from messaging_channels._model.paths import create_private


def add_setting_up_commands(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the commands."""
    init = add_command(commands, "init", _init, f"write a commented {FILE}, ready for your providers")
    init.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="NAME",
        help="an installed provider; may be repeated (default: all)",
    )
    init.add_argument(
        "--file", type=Path, default=Path(FILE), help=f"file (default: {FILE}); - for the standard output"
    )
    init.add_argument("--force", action="store_true", help="overwrite an existing file")
    always_json(add_command(commands, "schema", _schema, f"print the JSON schema of {FILE}, for editors"))
    check = add_command(
        commands,
        "doctor",
        _doctor,
        "check settings, vendors' hosts and credentials, the ledger, the clock and the worker; exit code 3 if something is wrong",
    )
    check.add_argument("--json", action="store_true", help="print JSON on a terminal too")
    check.add_argument("--offline", action="store_true", help="skip checks that need a network")


def _init(options: argparse.Namespace) -> int:
    plugins = Configuration.read(check=False).plugins
    for name in options.provider:
        if name not in plugins.providers:
            raise UnknownProvider(name, known=tuple(plugins.providers))
    wanted = options.provider or [name for name in plugins.providers if name != "sandbox"]
    text = starter_file({name: plugins.providers[name].settings for name in wanted}, plugins.channels)
    if str(options.file) == "-":
        print(text, end="")
        return 0
    if options.file.is_dir():
        return fail(f"bad_input: {options.file} is a directory; name a file in it")
    if options.file.exists() and not options.force:
        return fail(f"bad_input: {options.file} is there; use --force to overwrite it")
    create_private(options.file)
    options.file.write_text(text, "utf-8")
    print(f"{options.file} written; fill it in, then run: messaging-channels doctor", file=sys.stderr)
    return 0


def _schema(_: argparse.Namespace) -> int:
    print_json(Configuration.read(check=False).known.schema)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    findings = doctor(offline=options.offline)
    if options.json or not sys.stdout.isatty():
        print_json({"findings": [one.as_dict() for one in findings]})
    for one in (
        findings if sys.stdout.isatty() and not options.json else [one for one in findings if one.is_problem]
    ):
        print(one, file=sys.stdout if sys.stdout.isatty() else sys.stderr)
    return EXIT_SETTINGS if any(one.is_error for one in findings) else 0
