"""How a source hands a mail over: to the dispatcher, which reads it and keeps its events before the source marks it as read."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from messaging_channels import Dispatcher, WebhookRequest

logger = logging.getLogger("messaging_channels_smtp.sources")

Handler: TypeAlias = Callable[[bytes], object]
"""Takes a raw mail. The source marks the mail as read when it returns; if it raises, the mail is handed over again later."""


class Handover:
    """Hands raw mails to a dispatcher, as its webhook of the SMTP provider would.

    A mail that is handed over twice, because the process ended before the source could mark it, brings the same events with the same keys: the
    dispatcher keeps them once.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        token: str,
        provider: str = "smtp",
        account: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the dispatcher and the `webhook_token` of its SMTP provider, which proves that the mail was handed over by this program."""
        self._dispatcher = dispatcher
        self._headers = {"authorization": f"Bearer {token}"}
        self._provider = provider
        self._account = account
        self._clock = clock

    def __call__(self, raw: bytes) -> None:
        """Read a mail and keep its events. Raises what `Dispatcher.handle_webhook` raises, such as LedgerUnavailable."""
        request = WebhookRequest(raw, self._headers, received_at=self._clock())
        self._dispatcher.handle_webhook(self._provider, request, account=self._account)


def hand_over(handle: Handler, raw: bytes) -> bool:
    """Call a handler and tell whether it took the mail. What it raises is logged without its text, which may hold addresses."""
    try:
        handle(raw)
    except Exception as error:  # noqa: BLE001  whatever a handler does, the source goes on with the next mail
        logger.warning("a mail was not stored (%s); it is read again later", type(error).__name__)
        return False
    return True


def with_envelope(raw: bytes, sender: str | None, recipients: Iterable[str]) -> bytes:
    """Return a mail with the envelope that it came in written on top (RFC 5321 section 4.4), as the last server does: Return-Path and Delivered-To."""
    lines = [f"Return-Path: <{_CONTROL.sub('', sender or '')}>"]
    lines += [f"Delivered-To: {_CONTROL.sub('', one)}" for one in recipients]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n" + raw


_CONTROL = re.compile(r"[\x00-\x1f\x7f<>]")
