"""`messaging-channels completion SHELL`: a script for the shell, made of the parser itself."""

from __future__ import annotations

import argparse
from typing import Any

from messaging_channels._cli.exits import EXIT_SETTINGS, fail
from messaging_channels._cli.messages import add_command

SHELLS = ("bash", "zsh")


def add_completion_command(commands: Any, parser: argparse.ArgumentParser) -> None:  # noqa: ANN401  argparse keeps the type to itself
    """Describe the command. It completes what the parser knows when it is asked."""

    def complete(options: argparse.Namespace) -> int:
        try:
            import shtab  # noqa: PLC0415  an extra
        except ImportError:
            return fail(
                "configuration: shtab is not installed; pip install 'messaging-channels[completion]'",
                EXIT_SETTINGS,
            )
        print(shtab.complete(parser, shell=options.shell))
        return 0

    command = add_command(
        commands,
        "completion",
        complete,
        "print a completion script: eval the output, or store it in the shell's folder of completions",
    )
    command.add_argument("shell", choices=SHELLS)
