"""The command that the plugin adds: `mail watch`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from messaging_channels import Configuration, Dispatcher
from messaging_channels.errors import InvalidSetting
from messaging_channels_smtp.settings import IMAP_VARIABLE
from messaging_channels_smtp.sources.handover import Handler, Handover
from messaging_channels_smtp.sources.imap import ImapMailbox
from messaging_channels_smtp.sources.mail_server import MailServer
from messaging_channels_smtp.sources.maildir import MaildirFolder

IMAP_PASSWORD = f"{Configuration.prefix}{IMAP_VARIABLE}"
_TOKEN = "MESSAGING_CHANNELS_SMTP_WEBHOOK_TOKEN"  # noqa: S105  likewise


def mail(parser: argparse.ArgumentParser) -> None:
    """Describe `messaging-channels mail`."""
    parser.description = "Read incoming mail: bounces, complaints, replies and messages from people."
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    watch = commands.add_parser(
        "watch", help="hand mails to the SMTP provider as they come, until stopped (SIGTERM or Ctrl-C)"
    )
    source = watch.add_mutually_exclusive_group(required=True)
    source.add_argument("--maildir", type=Path, metavar="PATH", help="a Maildir; mails move from new to cur")
    source.add_argument(
        "--imap",
        metavar="URL",
        help=f"imaps://USER@HOST[:PORT]/FOLDER; the password is read from {IMAP_PASSWORD}",
    )
    source.add_argument("--lmtp", metavar="HOST:PORT", help="listen for an MTA that delivers over LMTP")
    source.add_argument("--smtp", metavar="HOST:PORT", help="listen for an MTA that delivers over SMTP")
    watch.add_argument(
        "--move-to", metavar="FOLDER", help="with IMAP: move mails to this folder instead of marking them"
    )
    watch.add_argument("--once", action="store_true", help="with Maildir and IMAP: read all mail, then exit")
    watch.set_defaults(run=_watch)


def _watch(options: argparse.Namespace) -> int:
    configuration = Configuration.read()
    given = configuration.settings(configuration.plugins.provider("smtp"))
    token = next((one.value for one in given if one.name == "smtp.webhook_token"), None)
    if not token:
        raise InvalidSetting(
            "is not set",
            setting="smtp.webhook_token",
            source="the configuration",
            hint=f"set {_TOKEN} to a long random text",
        )
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr
    )
    with Dispatcher.from_parts(configuration.build()) as dispatcher:
        return watch_source(options, Handover(dispatcher, token=str(token)))


def watch_source(options: argparse.Namespace, handle: Handler) -> int:
    """Hand over what comes from the source that the options name. Return 0 when stopped, or when `--once` has read everything."""
    if options.lmtp or options.smtp:
        protocol: Literal["lmtp", "smtp"] = "lmtp" if options.lmtp else "smtp"
        host, port = _host_and_port(options.lmtp or options.smtp)
        _until_stopped(MailServer(handle, host=host, port=port, protocol=protocol).watch)
        return 0
    source = MaildirFolder(options.maildir) if options.maildir else _mailbox(options.imap, options.move_to)
    if options.once:
        taken = source.read_new(handle)
        print(f"{taken} mails taken", file=sys.stderr)  # noqa: T201  a command prints
        return 0
    _until_stopped(lambda stop: source.watch(handle, stop))
    return 0


def _until_stopped(watch: Callable[[threading.Event], None]) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _setter(stop))
    print("watching for mail; stop with SIGTERM or Ctrl-C", file=sys.stderr, flush=True)  # noqa: T201  a command prints
    watch(stop)


def _setter(stop: threading.Event) -> Callable[[int, object], None]:
    def set_it(_number: int, _frame: object) -> None:
        stop.set()

    return set_it


def _mailbox(url: str, move_to: str | None) -> ImapMailbox:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
        raise InvalidSetting(
            "must be an IMAP URL with a user and a host",
            setting="--imap",
            source="the command line",
            hint="write it like imaps://user@mail.example.com/INBOX",
        )
    password = unquote(parts.password or "") or os.environ.get(IMAP_PASSWORD, "")
    return ImapMailbox(
        host=parts.hostname,
        port=port,
        username=unquote(parts.username),
        password=password,
        folder=unquote(parts.path.strip("/")) or "INBOX",
        tls=parts.scheme == "imaps",
        move_to=move_to,
    )


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidSetting(
            "must be host:port",
            setting="--lmtp or --smtp",
            source="the command line",
            hint="write it like 127.0.0.1:8024",
        )
    return host.strip("[]"), int(port)
