"""`manage.py worker`: sends what waits in the ledger, until it is stopped."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from messaging_channels import Worker
from messaging_channels.errors import ConfigurationError
from messaging_channels_django.dispatchers import get_dispatcher
from messaging_channels_django.signals import SignalObserver

if TYPE_CHECKING:
    from argparse import ArgumentParser

_DAY_SECONDS = 86400.0


class Command(BaseCommand):
    """Runs a worker in threads. Any number may run, on any number of machines."""

    help = "Send the messages that wait in the ledger, until stopped (SIGTERM or Ctrl-C): what was begun is then ended first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        parser.add_argument("--concurrency", type=int, default=8, help="threads (default: 8)")
        parser.add_argument(
            "--poll-interval",
            type=float,
            default=1.0,
            metavar="SECONDS",
            help="between looks when idle (default: 1)",
        )
        parser.add_argument(
            "--retention-days",
            type=float,
            metavar="DAYS",
            help="days after which addresses and dead letters are deleted",
        )
        parser.add_argument("--drain", action="store_true", help="send due messages, then exit")

    def handle(self, *_: str, **options: Any) -> None:  # noqa: ANN401  Django's own
        """Work until SIGTERM or SIGINT.

        Raises:
            CommandError: the configuration cannot send, or there is no ledger.
        """
        SignalObserver.in_worker = True
        days = options["retention_days"]
        try:
            worker = Worker(
                get_dispatcher(),
                concurrency=options["concurrency"],
                poll_interval=options["poll_interval"],
                retention=None if days is None else days * _DAY_SECONDS,
            )
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        if options["drain"]:
            self.stdout.write(f"{worker.drain()} messages looked at")
            return

        def stop(*_: object) -> None:
            worker.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self.stdout.write("worker started")
        worker.run()
        self.stdout.write("worker stopped")
