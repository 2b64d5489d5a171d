"""Mail that came, proved and read: the other half of the provider."""

from __future__ import annotations

import hmac
import re

from messaging_channels.errors import WebhookRefused
from messaging_channels.plugins import Received, WebhookCall
from messaging_channels_smtp.reports.events import events_of
from messaging_channels_smtp.reports.reading import parse_report
from messaging_channels_smtp.reports.report import Report
from messaging_channels_smtp.verp import ReturnPath


class Inbound:
    """Reads raw mail from whoever carries the token, and bounces that came to a return path of ours from anybody."""

    def __init__(self, provider: str, *, token: str | None, return_path: ReturnPath | None) -> None:
        """Take what proves a call; without either, none is believed."""
        self._provider = provider
        self._token = token or None
        self._return_path = return_path

    def receive(self, call: WebhookCall) -> Received:
        """See ParsesWebhooks."""
        trusted = self._carries_the_token(call)
        if not trusted and (self._return_path is None or not self._return_path.key):
            raise self._refused("it does not carry the inbound token")
        report = parse_report(call.body)
        own = self._proved(report)
        if not trusted and own is None:
            raise self._refused("it neither carries the inbound token nor came to a return path of ours")
        message_id = own or report.envelope_id or _ours(report.message_id)
        events = events_of(call.body, report, provider=self._provider, message_id=message_id, at=call.at)
        return Received(tuple(events))

    def _carries_the_token(self, call: WebhookCall) -> bool:
        given = call.headers.get("authorization", "").removeprefix("Bearer ")
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def _proved(self, report: Report) -> str | None:
        """Return our id in the return path that the report came to, or that the mail came from."""
        if self._return_path is None:
            return None
        found = (self._return_path.message_id(address) for address in report.addresses)
        return next((one for one in found if one), None)

    def _refused(self, problem: str) -> WebhookRefused:
        return WebhookRefused(
            problem,
            provider=self._provider,
            remedy="send it as 'authorization: Bearer <inbound_token>', and configure the same here",
        )


def _ours(message_id: str) -> str:
    """Return our id in a Message-ID that we wrote, or nothing."""
    local = message_id.partition("@")[0]
    return local if _ID.fullmatch(local) else ""


_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
