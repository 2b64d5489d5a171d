"""Whether the settings work: the host and the API key. Nothing is sent, and no report is taken from the queue."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_channels.plugins import Finding, Flow, ask, credentials_finding
from messaging_channels_infobip.api import InfobipApi


def diagnose(api: InfobipApi, *, has_webhook_auth: bool) -> Flow[Sequence[Finding]]:
    """Read one line of the log, which needs nothing but a key with the scope `sms:logs` or `sms:manage`.

    Source: https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports/get-outbound-sms-message-logs-v3
    """
    answer = yield from ask(api.get("/sms/3/logs", {"limit": 1}))
    clues = {403: "the key is valid but lacks the scope for SMS", 404: "the host does not know the SMS API"}
    remedy = "check api_key, its scopes, and that base_url is the one the portal shows for your account"
    findings = [credentials_finding("infobip", answer, remedy=remedy, clues=clues)]
    if not has_webhook_auth:
        words = "no secret proves webhook calls, so none is believed"
        findings.append(
            Finding(
                "infobip webhooks", "warning", words, "set one of the webhook_* settings, or fetch reports"
            )
        )
    return findings
