"""`python -m messaging_channels_smtp preview`: look at a mail before anybody gets it."""

from __future__ import annotations

import argparse
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from messaging_channels.errors import BadInput
from messaging_channels.messages import Attachment, Email, write_preview


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, print where they are, and open the page if told so. Return 2 for wrong input."""
    told = _argument_parser().parse_args(arguments)
    try:
        mail = Email(
            told.subject,
            None if told.text is None else told.text.read_text("utf-8"),
            None if told.html is None else told.html.read_text("utf-8"),
            attachments=tuple(Attachment(path, path.name) for path in told.attach),
        )
        written = write_preview(mail, told.folder, to=told.to, sender=told.sender, now=time.time())
    except (BadInput, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    print(written.eml, written.page, sep="\n")
    if told.open:
        webbrowser.open(written.page.absolute().as_uri())
    return 0


def _argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m messaging_channels_smtp")
    command = parser.add_subparsers(required=True).add_parser(
        "preview", help="write a mail as a file and as a page for the browser"
    )
    command.add_argument("--subject", required=True)
    command.add_argument("--text", type=Path, help="a file with the text")
    command.add_argument("--html", type=Path, help="a file with the html")
    command.add_argument("--attach", type=Path, action="append", default=[], help="a file; may be repeated")
    command.add_argument("--to", default="you@example.com")
    command.add_argument("--sender", default="us@example.org")
    command.add_argument("--folder", type=Path, default=Path("preview"), help="where the files go")
    command.add_argument("--open", action="store_true", help="open the page in the browser")
    return parser


if __name__ == "__main__":
    sys.exit(main())
