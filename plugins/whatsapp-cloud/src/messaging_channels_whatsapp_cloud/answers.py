"""What the Cloud API's answers mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from messaging_channels.errors import MessagingError
from messaging_channels.plugins import HttpResponse, Kind, Outcome, Reason, http_outcome, retry_after
from messaging_channels.plugins import status as statuses
from messaging_channels_whatsapp_cloud._table_statuses import ANSWERS
from messaging_channels_whatsapp_cloud.reading import fields, member, objects, parsed, text
from messaging_channels_whatsapp_cloud.refusals import explanation, refused

_FAULT = 5


class CallRefused(MessagingError):
    """The Cloud API refused something that is not a message: an upload, a download, a mark. `outcome` says why, as for a message."""

    code = "whatsapp_cloud_call_refused"

    def __init__(self, what: str, outcome: Outcome) -> None:
        super().__init__(f"{what}: {outcome.reason} ({outcome.detail})")
        self.outcome = outcome


def sent(response: HttpResponse) -> Outcome:
    """Read the answer to a message. Never raises, whatever came."""
    answer = parsed(response.body)
    for message in objects(member(answer, "messages"))[:1]:
        if response.ok and (wamid := text(message.get("id"))):
            group, number = ANSWERS.get(text(message.get("message_status")) or "", ANSWERS["accepted"])
            return Outcome.of(
                Reason.ACCEPTED, status=statuses.known(group, number), provider_id=wamid, native=answer
            )
    return _refused(response, answer)


def answered(response: HttpResponse, what: str) -> dict[str, Any]:
    """Return the answer to a call that sends nothing.

    Raises:
        CallRefused: it is no success, or no JSON object.
    """
    answer = parsed(response.body)
    if response.ok and isinstance(answer, dict) and "error" not in answer:
        return fields(answer)
    raise refusal(response, what)


def refusal(response: HttpResponse, what: str) -> CallRefused:
    """Return the error of a call that sends nothing: whatever the answer, nothing was sent."""
    outcome = _refused(response, parsed(response.body))
    if outcome.kind is Kind.UNKNOWN:
        outcome = Outcome.of(Reason.THROTTLED, outcome.detail, native=response)
    return CallRefused(what, outcome)


def _refused(response: HttpResponse, answer: object) -> Outcome:
    """Read an error. One without a known code goes by the status of HTTP: after a 5xx the message may have been sent."""
    error = fields(member(answer, "error"))
    faulty = response.status // 100 == _FAULT
    outcome = refused(error, faulty=faulty, native=answer) or http_outcome(response, explanation(error))
    wait = retry_after(response.headers) if outcome.reason is Reason.THROTTLED else None
    return outcome if wait is None else replace(outcome, retry_after=wait)
