"""`flask messaging worker` and `flask messaging doctor`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from messaging_channels import Worker
from messaging_channels.errors import MessagingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging_channels import Dispatcher


def messaging_commands(get_dispatcher: Callable[[], Dispatcher]) -> AppGroup:
    """Return the commands of an application."""
    group = AppGroup("messaging", help="Send queued messages, and check whether messages can be sent.")

    @group.command("worker")
    @click.option("--concurrency", default=8, show_default=True, help="Threads.")
    @click.option("--poll-interval", default=1.0, show_default=True, help="Seconds between looks when idle.")
    @click.option("--drain", is_flag=True, help="Send due messages, then exit.")
    def worker(concurrency: int, poll_interval: float, *, drain: bool) -> None:  # pyright: ignore[reportUnusedFunction]  the decorator keeps it
        """Send the messages that wait, until stopped (SIGTERM or Ctrl-C)."""
        work(get_dispatcher, concurrency, poll_interval, drain=drain)

    @group.command("doctor")
    def doctor() -> None:  # pyright: ignore[reportUnusedFunction]  likewise
        """Say whether messages can be sent from here. Sends nothing."""
        diagnose(get_dispatcher)

    return group


def work(
    get_dispatcher: Callable[[], Dispatcher], concurrency: int, poll_interval: float, *, drain: bool
) -> None:
    """Run a worker.

    Raises:
        ClickException: the configuration cannot send, or there is no ledger.
    """
    try:
        worker = Worker(get_dispatcher(), concurrency=concurrency, poll_interval=poll_interval)
    except MessagingError as error:
        raise click.ClickException(str(error)) from error
    if drain:
        click.echo(f"{worker.drain()} messages looked at")
        return

    def stop(*_: object) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    click.echo("worker started")
    worker.run()
    click.echo("worker stopped")


def diagnose(get_dispatcher: Callable[[], Dispatcher]) -> None:
    """Print what there is.

    Raises:
        ClickException: something is missing; the text says what to do.
    """
    try:
        dispatcher = get_dispatcher()
        click.echo(f"providers: {', '.join(dispatcher.providers) or 'none'}")
        dispatcher.queue.enqueuer.require_ledger()
        dispatcher.queue.check_writable()
        click.echo(f"ledger: writable, {dispatcher.queue.stats().ready} messages are due")
    except MessagingError as error:
        raise click.ClickException(str(error)) from error
    if not dispatcher.providers:
        raise click.ClickException("no provider is configured; set MESSAGING_CHANNELS_<PROVIDER>_<FIELD>")
