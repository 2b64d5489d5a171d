"""Whether the settings work: the account's key and secret, and what proves its calls. Nothing is sent."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import urlsplit

from messaging_channels.plugins import Finding, Flow, HttpRequest, ask, credentials_finding, json_object


def diagnose(
    sms_url: str, api_key: str, api_secret: str | None, *, has_signature_secret: bool
) -> Flow[Sequence[Finding]]:
    """Ask for the balance.

    Source: https://developer.vonage.com/en/api/account
    """
    findings: list[Finding] = []
    if api_secret is None:
        words = "there is no api_secret to check; requests are proved in another way"
        findings.append(Finding("vonage credentials", "warning", words, "send a message to yourself"))
    else:
        parts = urlsplit(sms_url)
        proof = b64encode(f"{api_key}:{api_secret}".encode()).decode()
        headers = {"authorization": f"Basic {proof}", "accept": "application/json"}
        url = f"{parts.scheme}://{parts.netloc}/account/get-balance"
        answer = yield from ask(HttpRequest("GET", url, headers, may_send=False))
        findings.append(
            credentials_finding("vonage", answer, remedy="check api_key and api_secret in the dashboard")
        )
        balance = json_object(answer.body).get("value")
        if answer.ok and isinstance(balance, (int, float)) and balance <= 0:
            findings.append(
                Finding("vonage account", "error", "it has no balance left", "top it up in the dashboard")
            )
    if not has_signature_secret:
        words = "no secret proves webhook calls, so none is believed"
        findings.append(Finding("vonage webhooks", "warning", words, "set webhook_signature_secret"))
    return findings
