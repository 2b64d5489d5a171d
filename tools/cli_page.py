"""The page docs/reference/cli.md, from the command line's own parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.metadata import entry_points

from markdown import table

from messaging_channels._cli import main as command_line
from messaging_channels._cli.exits import EXIT_CODES

_HEAD = """# Command line

Generated from the parser by `python tools/generate.py`. Commands print tables on a terminal and JSON in a pipe, and words on the standard error.

## Exit codes

| Code | Meaning |
| --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    codes = "".join(f"| {code} | {words} |\n" for code, words in EXIT_CODES.items())
    return _HEAD + codes + "".join(_sections(parser()))


def parser() -> argparse.ArgumentParser:
    """Return the parser with the commands of all plugins."""
    return command_line._build_parser([entry.name for entry in entry_points(group=command_line.COMMANDS)])


def _sections(level: argparse.ArgumentParser) -> Iterator[str]:
    for group in level._actions:
        if isinstance(group, argparse._SubParsersAction):
            for child in dict.fromkeys(group.choices.values()):
                if not _has_commands(child):
                    yield _section(child)
                yield from _sections(child)


def _has_commands(level: argparse.ArgumentParser) -> bool:
    return any(isinstance(one, argparse._SubParsersAction) for one in level._actions)


def _section(command: argparse.ArgumentParser) -> str:
    rows = [row for action in command._actions if (row := _row(action))]
    words = (command.description or "").strip()
    words = f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}" if words else ""
    shown = table(("Argument", "Meaning"), rows)
    return f"\n## {command.prog}\n\n{words}\n" + (f"\n{shown}" if shown else "")


def _row(action: argparse.Action) -> tuple[str, str] | None:
    if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
        return None
    value = (
        ""
        if action.nargs == 0
        else f" {action.metavar or '|'.join(map(str, action.choices or ())) or action.dest.upper()}"
    )
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    shown = f"`{name}{value if action.option_strings else ''}`"
    needed = " (required)" if action.required and action.option_strings else ""
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    return shown, f"{text}{needed}".strip()
