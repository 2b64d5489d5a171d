"""`messaging-channels smtp`: look at a mail before anybody gets it, and see whether an account works."""

from __future__ import annotations

import argparse
import sys
import time
import webbrowser
from pathlib import Path
from typing import cast

from messaging_channels import Configuration
from messaging_channels.errors import BadInput
from messaging_channels.messages import Attachment, Email, write_preview
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.checking import check_account
from messaging_channels_smtp.provider import Smtp

_WRONG, _FAILED = 2, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands, and set what runs them."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_preview(commands.add_parser("preview", help="write a mail as a file and as a page for the browser"))
    check = commands.add_parser(
        "check", help="try the configured account step by step, with a mail to yourself"
    )
    check.add_argument("--to", help="recipient of the mail (default: the account's sender)")
    check.add_argument("--no-mail", action="store_true", help="stop before sending the mail")
    check.add_argument(
        "--account", help="the account of the configuration file (default: the platform's own)"
    )
    check.set_defaults(run=_check)


def _add_preview(command: argparse.ArgumentParser) -> None:
    command.add_argument("--subject", required=True)
    command.add_argument("--text", type=Path, help="a file with the text")
    command.add_argument("--html", type=Path, help="a file with the html")
    command.add_argument("--attach", type=Path, action="append", default=[], help="a file; may be repeated")
    command.add_argument("--to", default="you@example.com")
    command.add_argument("--sender", default="us@example.org")
    command.add_argument("--folder", type=Path, default=Path("preview"), help="folder for the files")
    command.add_argument("--open", action="store_true", help="open the page in the browser")
    command.set_defaults(run=_preview)


def _check(options: argparse.Namespace) -> int:
    """Print a line a step. Return 0 if all was well, otherwise 5."""
    smtp = cast("Smtp", Configuration.read().provider(Smtp.name, options.account))
    to = None if options.to is None else EmailAddress.parse(options.to)
    for finding in check_account(smtp, to=to, send=not options.no_mail):
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.step:<8} {finding.words}", flush=True)
        if not finding.ok:
            return _FAILED
    return 0


def _preview(options: argparse.Namespace) -> int:
    """Write the files, print where they are, and open the page if told so. Return 2 for wrong input."""
    try:
        mail = Email(
            options.subject,
            None if options.text is None else options.text.read_text("utf-8"),
            None if options.html is None else options.html.read_text("utf-8"),
            attachments=tuple(Attachment(path, path.name) for path in options.attach),
        )
        written = write_preview(mail, options.folder, to=options.to, sender=options.sender, now=time.time())
    except (BadInput, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return _WRONG
    print(written.eml, written.page, sep="\n")
    if options.open:
        webbrowser.open(written.page.absolute().as_uri())
    return 0
