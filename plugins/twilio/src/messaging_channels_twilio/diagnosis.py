"""Whether the settings work: the account, and the number that text messages come from. Nothing is sent or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from messaging_channels.plugins import Finding, Flow, HttpRequest, HttpResponse, ask, credentials_finding
from messaging_channels_twilio.message_resource import parse_json


def diagnose(account_url: str, headers: Mapping[str, str], sender: str | None) -> Flow[Sequence[Finding]]:
    """Fetch the account, and look for the sender among its numbers.

    Sources: https://www.twilio.com/docs/iam/api/account and https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
    """
    answer = yield from ask(HttpRequest("GET", f"{account_url}.json", headers, may_send=False))
    remedy = "check account_sid with auth_token, or api_key with api_secret, and the region"
    findings = [credentials_finding("twilio", answer, remedy=remedy)]
    if not answer.ok:
        return findings
    state = parse_json(answer).get("status", "active")
    if state != "active":
        findings.append(Finding("twilio account", "error", f"it is {state}", "see the Twilio console"))
    if sender is None:
        words, remedy = "none is configured", "set sender, or name one in each message"
        findings.append(Finding("twilio sender", "warning", words, remedy))
    elif sender.startswith("+"):
        query = urlencode({"PhoneNumber": sender})
        url = f"{account_url}/IncomingPhoneNumbers.json?{query}"
        findings += _sender_findings((yield from ask(HttpRequest("GET", url, headers, may_send=False))))
    return findings


def _sender_findings(answer: HttpResponse) -> Sequence[Finding]:
    numbers = parse_json(answer).get("incoming_phone_numbers")
    if not answer.ok or not isinstance(numbers, list):
        return [
            Finding(
                "twilio sender",
                "warning",
                f"could not be looked up (HTTP {answer.status})",
                "try again later",
            )
        ]
    if not numbers:
        words = "the account has no such number"
        return [
            Finding("twilio sender", "error", words, "buy it in the Twilio console, or set another sender")
        ]
    url = numbers[0].get("sms_url") if isinstance(numbers[0], dict) else None
    inbound = (
        "what people write to it goes to a URL"
        if url
        else "what people write to it goes nowhere: it has no SMS URL"
    )
    return [Finding("twilio sender", "ok", f"the number is in the account; {inbound}")]
