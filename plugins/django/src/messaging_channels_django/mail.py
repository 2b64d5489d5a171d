"""Django's mail through the dispatcher: `EMAIL_BACKEND`, and a backend for the `MAILERS` of Django 6.1.

What Django sends by itself, such as password resets and mails to admins, goes the same way as the project's own: through the routes, the ledger and the
consent of the dispatcher. https://docs.djangoproject.com/en/stable/topics/email/
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections

from messaging_channels.errors import (
    IdempotencyKeyInUse,
    InvalidMessage,
    LedgerUnavailable,
    MessageBlocked,
    SendFailed,
)
from messaging_channels_django.dispatchers import get_dispatcher, ledger_database
from messaging_channels_django.mail_content import OutgoingMail, mails_of
from messaging_channels_django.queueing import enqueue
from messaging_channels_django.settings import MODES, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.core.mail import EmailMessage

    from messaging_channels import QueuedReceipt, Receipt

_LOG = logging.getLogger(__name__)
_NOT_SENT = (SendFailed, LedgerUnavailable, IdempotencyKeyInUse, MessageBlocked)
"""What `fail_silently` is about. A mail that is malformed, and settings that are wrong, are told all the same, as Django's own backends do."""


class EmailBackend(BaseEmailBackend):
    """Hands mails to the dispatcher of the process, one send for each `EmailMessage`. Safe in threads.

    The options are those of `MESSAGING_CHANNELS["MAIL"]`, and go before it.
    """

    receipts: list[Receipt | QueuedReceipt]
    """Of what this object sent or enqueued, in order."""

    def __init__(
        self,
        fail_silently: bool = False,  # noqa: FBT002  Django's own
        *,
        mode: str | None = None,
        category: str | None = None,
        priority: str | None = None,
        **options: Any,  # noqa: ANN401  Django's own: an alias, and whatever its callers give
    ) -> None:
        """Take the options; nothing is connected. See `MailSettings`.

        Raises:
            ImproperlyConfigured: there is no such mode.
        """
        if mode not in (None, *MODES):
            raise ImproperlyConfigured(f"the mail backend's mode is {mode!r}, not one of {', '.join(MODES)}")
        if django.VERSION < (6, 1):
            options["fail_silently"] = fail_silently
        super().__init__(**options)
        self.fail_silently = fail_silently
        self.receipts = []
        self._given = {"mode": mode, "category": category, "priority": priority}

    def send_messages(self, email_messages: Iterable[EmailMessage]) -> int:
        """Send mails in order, and return how many a provider took or may have taken, or the ledger did (`mode="enqueue"`).

        Raises:
            BadHeaderError: a header holds a line break.
            BadInput: a mail or an address cannot be sent as it is. With `fail_silently`, a recipient who wants no mail is no error.
            ConfigurationError: the deployment cannot send it.
            LedgerUnavailable: it could not be kept. Not with `fail_silently`.
            SendFailed: it certainly was not sent. Not with `fail_silently`.
        """
        return sum(self._send(message) for message in email_messages)

    def _send(self, message: EmailMessage) -> bool:
        options = self._options()
        mails = mails_of(message, options["category"])
        try:
            for mail in mails:
                self.receipts.append(self._hand_over(mail, options))
        except _NOT_SENT as error:
            if not self.fail_silently:
                raise
            _LOG.warning("a mail was not sent: %s", error)
            return False
        return bool(mails)

    def _hand_over(self, mail: OutgoingMail, options: dict[str, Any]) -> Receipt | QueuedReceipt:
        if options["mode"] == "enqueue":
            return enqueue(
                mail.email, to=mail.to, priority=options["priority"], idempotency_key=mail.idempotency_key
            )
        _require_free_database()
        return get_dispatcher().send(mail.email, to=mail.to, idempotency_key=mail.idempotency_key)

    def _options(self) -> dict[str, Any]:
        usual = read_settings().mail
        return {name: getattr(usual, name) if given is None else given for name, given in self._given.items()}


def _require_free_database() -> None:
    """Refuse to wait for a lock that our own caller holds: SQLite has one writer, and the ledger would be the second.

    Raises:
        InvalidMessage: a transaction is open in the SQLite database that holds the ledger.
    """
    alias = ledger_database()
    if alias is not None and connections[alias].vendor == "sqlite" and connections[alias].in_atomic_block:
        raise InvalidMessage(
            "a transaction is open in the SQLite database that holds the ledger, which cannot be written meanwhile",
            field="transaction",
            hint="set MESSAGING_CHANNELS['MAIL'] = {'mode': 'enqueue'}, or send after the commit (transaction.on_commit)",
        )
