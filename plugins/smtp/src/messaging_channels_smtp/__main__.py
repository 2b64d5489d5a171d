"""`python -m messaging_channels_smtp`: the commands of `messaging-channels smtp`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from messaging_channels.errors import MessagingError
from messaging_channels_smtp.command_line import add_arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code; 3 for wrong settings."""
    parser = argparse.ArgumentParser(prog="python -m messaging_channels_smtp")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except MessagingError as error:
        print(error, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
