"""Messages within the project's transactions: kept if the transaction is committed, and never there if it is rolled back."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

from messaging_channels_django.dispatchers import get_dispatcher, ledger_database, notifiers_of_project

if TYPE_CHECKING:
    from messaging_channels import Fallback, QueuedReceipt
    from messaging_channels.messages import Message

_LOG = logging.getLogger(__name__)


def enqueue(message: Message | Fallback, *, to: Any, **options: Any) -> QueuedReceipt:  # noqa: ANN401  resolvers take anything
    """Take a message in, to be sent by a worker. The options are those of `Dispatcher.enqueue`.

    Where the ledger lies in a database of Django's (`MESSAGING_CHANNELS["LEDGER_DATABASE"]`) and an `atomic` block of it is open, the message is a part of
    that transaction, and workers are woken after the commit. Elsewhere it is kept at once.

    Raises:
        BadInput: the message or the recipient cannot be sent as it is.
        ConfigurationError: the deployment cannot send it, or has no ledger.
        LedgerUnavailable: it could not be kept.
    """
    dispatcher, alias = get_dispatcher(), ledger_database()
    if alias is None or "transaction" in options or not connections[alias].in_atomic_block:
        return dispatcher.enqueue(message, to=to, **options)
    connection = connections[alias]
    connection.ensure_connection()
    receipt = dispatcher.enqueue(message, to=to, transaction=connection.connection, **options)
    if not receipt.replayed:
        transaction.on_commit(partial(_wake, receipt), using=alias)
    return receipt


def send_on_commit(message: Message, *, to: Any, using: str | None = None, **options: Any) -> None:  # noqa: ANN401  likewise
    """Send a message after the open transaction of the database `using` is committed; at once where none is open. The options are those of `Dispatcher.send`.

    A process that dies between the commit and the sending loses the message: `enqueue` it where that must not be. What `Dispatcher.send` raises is logged.
    """

    def send() -> None:
        get_dispatcher().send(message, to=to, **options)

    transaction.on_commit(send, using=using, robust=True)


def _wake(receipt: QueuedReceipt) -> None:
    """Have workers look: the one of this process, and those that the project's notifiers reach. One that fails loses nothing."""
    get_dispatcher().queue.enqueuer.local_notifier.notify()
    for notifier in notifiers_of_project():
        try:
            notifier.notify(receipt.id, receipt.not_before)
        except Exception:  # noqa: BLE001  whatever an engine raises
            _LOG.exception("a notification was lost; message %s is found by the next poll", receipt.id)
