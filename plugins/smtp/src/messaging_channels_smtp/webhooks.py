"""Mail that came, proved and read: the other half of the provider."""

from __future__ import annotations

import hmac
import re

from messaging_channels.errors import WebhookVerificationError
from messaging_channels.plugins import WebhookRequest, WebhookResult
from messaging_channels_smtp.reports.events import events_of
from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.report import Report
from messaging_channels_smtp.verp import VerpReturnPath

SOURCE_SIZE = 1024 * 1024
"""Octets of a mail that its events keep."""


class MailWebhooks:
    """Reads raw mail from whoever carries the token, and bounces that came to a return path of ours from anybody."""

    def __init__(
        self,
        provider: str,
        *,
        token: str | None,
        return_path: VerpReturnPath | None,
        source_size: int = SOURCE_SIZE,
    ) -> None:
        """Take what proves a call; without either, none is believed. Of each mail the first `source_size` octets are kept with its events."""
        self._source_size = source_size
        self._provider = provider
        self._token = token or None
        self._return_path = return_path

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """See ParsesWebhooks."""
        trusted = self._has_token(request)
        if not trusted and (self._return_path is None or not self._return_path.key):
            raise self._verification_error("the webhook token is missing or wrong")
        report = parse_report(request.body)
        own = self._verified_message_id(report)
        if not trusted and own is None:
            raise self._verification_error(
                "the webhook token is missing or wrong, and the recipient is not a return path of this provider"
            )
        message_id = own or report.envelope_id or _our_id(report.message_id)
        events = events_of(
            request.body,
            report,
            provider=self._provider,
            message_id=message_id,
            at=request.received_at,
            source=request.body[: self._source_size] or None,
        )
        return WebhookResult(tuple(events))

    def _has_token(self, request: WebhookRequest) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._token is not None and hmac.compare_digest(
            given.encode("utf-8", "surrogatepass"), self._token.encode()
        )

    def _verified_message_id(self, report: Report) -> str | None:
        """Return our id in the return path that the report came to, or that the mail came from."""
        if self._return_path is None:
            return None
        found = (self._return_path.message_id_in(address) for address in report.addresses)
        return next((one for one in found if one), None)

    def _verification_error(self, problem: str) -> WebhookVerificationError:
        return WebhookVerificationError(
            problem,
            provider=self._provider,
            hint="send the header 'authorization: Bearer <webhook_token>' with the configured webhook_token",
        )


def _our_id(message_id: str) -> str:
    """Return our id in a Message-ID that we wrote, or nothing."""
    local = message_id.partition("@")[0]
    return local if _ID.fullmatch(local) else ""


_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
