"""What a server's reply means.

Sources: RFC 5321 section 4.2 for the basic codes, RFC 3463 and https://www.iana.org/assignments/smtp-enhanced-status-codes for the enhanced ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from messaging_channels import status as statuses
from messaging_channels.outcomes import Outcome, Reason
from messaging_channels_smtp.session import Reply

SUBJECTS: Mapping[str, Reason] = {
    "5.1": Reason.RECIPIENT,
    "5.2": Reason.RECIPIENT,
    "5.3": Reason.INVALID,
    "5.4": Reason.ROUTE,
    "5.5": Reason.INVALID,
    "5.6": Reason.INVALID,
    "5.7": Reason.POLICY,
}
"""By class and subject of the enhanced status code."""

DETAILS: Mapping[str, Reason] = {
    "5.1.7": Reason.POLICY,
    "5.1.8": Reason.POLICY,
    "5.7.8": Reason.AUTH,
    "5.7.9": Reason.AUTH,
    "5.7.0": Reason.POLICY,
}
"""Codes that mean otherwise than their subject: a bad sender is not a bad recipient."""

COMMANDS: Mapping[str, Reason] = {
    "AUTH": Reason.AUTH,
    "MAIL": Reason.POLICY,
    "RCPT": Reason.RECIPIENT,
    "DATA": Reason.INVALID,
    "content": Reason.POLICY,
}
"""For 5xx replies without an enhanced status code: by the command they answer."""

_AUTH_CODES = (530, 534, 535, 538)
_QUEUED = re.compile(r"queued as ([A-Za-z0-9._-]+)", re.IGNORECASE)
_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")


def outcome(reply: Reply) -> Outcome:
    """Say what the reply that decided means. 2xx is accepted by the next server, never delivered."""
    enhanced = _ENHANCED.match(reply.text)
    code = ".".join(enhanced.groups()) if enhanced else ""
    detail = f"{reply.command}: {reply.code} {code}".rstrip()
    match reply.code // 100:
        case 2:
            queued = _QUEUED.search(reply.text)
            copies = f"{reply.refused} copies refused" if reply.refused else ""
            return Outcome.of(
                Reason.ACCEPTED,
                copies,
                status=statuses.PENDING_ENROUTE,
                provider_id=queued[1] if queued else None,
                native=reply,
            )
        case 4:
            return Outcome.of(Reason.THROTTLED, detail, native=reply)
        case 5:
            return Outcome.of(_refusal(reply, code), detail, native=reply)
        case _:
            reason = Reason.UNIDENTIFIED if reply.command == "content" else Reason.UNREACHABLE
            return Outcome.of(reason, detail, native=reply)


def _refusal(reply: Reply, code: str) -> Reason:
    if reply.code in _AUTH_CODES:
        return Reason.AUTH
    subject = code.rpartition(".")[0]
    return DETAILS.get(code) or SUBJECTS.get(subject) or COMMANDS[reply.command]
