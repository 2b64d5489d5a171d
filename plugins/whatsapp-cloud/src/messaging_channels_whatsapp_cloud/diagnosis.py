"""Whether the settings work: the token, the business number, and what proves Meta's calls. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from messaging_channels.plugins import Finding, Flow, HttpRequest, ask, credentials_finding, json_object

_FIELDS = "id,status,name_status,quality_rating,code_verification_status"


def diagnose(
    root: str, headers: Mapping[str, str], sender: str | None, *, has_app_secret: bool, has_verify_token: bool
) -> Flow[Sequence[Finding]]:
    """Fetch the business number that messages come from.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/phone-numbers
    """
    findings: list[Finding] = []
    if sender is None:
        words = "no business number is configured, so nothing could be asked"
        findings.append(
            Finding("whatsapp-cloud sender", "warning", words, "set sender to the id of the number")
        )
    else:
        request = HttpRequest("GET", f"{root}/{sender}?fields={_FIELDS}", headers, may_send=False)
        answer = yield from ask(request)
        clues = {400: "the token is wrong or has ended, or the number is not one that it may use"}
        remedy = "check access_token, its permission whatsapp_business_messaging, and sender (the id of the number)"
        findings.append(credentials_finding("whatsapp-cloud", answer, remedy=remedy, clues=clues))
        quality = json_object(answer.body).get("quality_rating")
        if answer.ok and quality == "RED":
            words = "Meta rates its quality as low, and may limit it"
            findings.append(Finding("whatsapp-cloud sender", "warning", words, "see the WhatsApp Manager"))
    if not has_app_secret:
        words = "no app secret proves webhook calls, so none is believed"
        findings.append(Finding("whatsapp-cloud webhooks", "warning", words, "set webhook_app_secrets"))
    elif not has_verify_token:
        words = "Meta cannot verify the webhook URL"
        findings.append(Finding("whatsapp-cloud webhooks", "warning", words, "set webhook_verify_token"))
    return findings
