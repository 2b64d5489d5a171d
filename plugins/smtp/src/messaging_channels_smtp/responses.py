"""What became of a letter, as an outcome.

Sources: RFC 5321 section 4.2 for the basic codes, RFC 3463 and https://www.iana.org/assignments/smtp-enhanced-status-codes for the enhanced ones.
The first digit of the basic code decides; the enhanced code says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from messaging_channels.plugins import AttemptResult, Reason, Status, failure_fields
from messaging_channels.plugins import status as statuses
from messaging_channels_smtp._table_errors import CODES, ERRORS, EnhancedCode
from messaging_channels_smtp.failures import failure_of
from messaging_channels_smtp.protocol.mail import TransactionResult
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.steps import Stage

BASIC_CODES: Mapping[Stage, Mapping[int, str]] = {
    Stage.MAIL: {530: "5.7.0", 550: "5.1.8", 552: "5.3.4", 553: "5.1.7", 555: "5.5.4"},
    Stage.RCPT: {550: "5.1.1", 551: "5.1.6", 553: "5.1.3", 556: "5.1.10", 521: "5.1.10", 530: "5.7.0"},
    Stage.DATA: {503: "5.5.1", 554: "5.5.1"},
    Stage.CONTENT: {552: "5.3.4", 550: "5.7.1", 554: "5.7.1"},
}
"""The enhanced code that a 5xx without one stands for, by what it answers."""

_ACCEPTED = Reason.ACCEPTED  # to find a member takes Python 3.11 0.2 µs
_SYNTAX = frozenset({500, 501, 502, 503, 504})
_LOGIN = frozenset({530, 534, 535, 538})
_REJECTED_NO_ROUTE = statuses.known(5, 19)
_REASONS: Mapping[Stage, Reason] = {
    Stage.CONNECT: Reason.NO_COVERAGE,
    Stage.HELLO: Reason.NO_COVERAGE,
    Stage.TLS: Reason.NO_COVERAGE,
    Stage.AUTH: Reason.CREDENTIALS,
}
"""Where the server does not let us begin, nothing is said of the mail: another provider may take it."""

_GREYLISTED = re.compile(r"gr[ae]y", re.IGNORECASE)
_GREYLIST_DELAY = 300.0
_QUEUED = (
    re.compile(r"queued as <?([A-Za-z0-9._@-]+)", re.IGNORECASE),  # Postfix, Infobip
    re.compile(r"\bid=([A-Za-z0-9._-]+)"),  # Exim
    re.compile(r"([A-Za-z0-9._-]+) Message accepted for delivery", re.IGNORECASE),  # Sendmail, OpenSMTPD
    re.compile(r"\[InternalId=(\d+)"),  # Exchange
)


def parse_delivery(delivery: TransactionResult) -> AttemptResult:
    """Say what became of a letter. 2xx is accepted by the next server, never delivered; what was committed without a reply is unknown."""
    reply = delivery.reply
    if reply is None:
        return _result_without_reply(delivery)
    if reply.is_positive:
        copies = _rejected_copies(delivery) if len(delivery.recipients) > 1 else ""
        return AttemptResult(
            _ACCEPTED, statuses.PENDING_ENROUTE, _queue_id(reply), copies, raw_response=delivery
        )
    detail = f"{delivery.stage}: {reply.code} {reply.enhanced}".rstrip()
    match reply.first_digit:
        case 5 if not (delivery.stage is Stage.RCPT and reply.code == _TOO_MANY_RECIPIENTS):
            return _refused_result(delivery, reply, detail)
        case _:
            wait = _GREYLIST_DELAY if _GREYLISTED.search(reply.text) else None
            told = failure_of(reply.enhanced, reply.text, basic=reply.code)
            return AttemptResult.of(Reason.THROTTLED, detail, retry_after=wait, raw_response=delivery, **told)


def enhanced_code_of(enhanced: str) -> EnhancedCode:
    """Return what an enhanced code of class 4 or 5 says; of one that no table knows, what its subject says."""
    kind, _, rest = enhanced.partition(".")
    subject = rest.partition(".")[0]
    return CODES.get(enhanced) or CODES.get(f"{kind}.{subject}.0") or CODES[f"{kind}.0.0"]


def status_of(code: EnhancedCode) -> Status:
    """Return the status that a code means in the end."""
    return statuses.lookup(code.group, code.status, channel="email") or statuses.REJECTED_PLATFORM


def _result_without_reply(delivery: TransactionResult) -> AttemptResult:
    detail = f"{delivery.stage}: {delivery.problem}"
    if delivery.committed:
        reason = Reason.TIMEOUT if delivery.timed_out else Reason.CONNECTION
        return AttemptResult.of(reason, detail, raw_response=delivery)
    if delivery.stage in (Stage.TLS, Stage.AUTH):
        return AttemptResult.of(
            _REASONS[delivery.stage], detail, status=_REJECTED_NO_ROUTE, raw_response=delivery
        )
    return AttemptResult.of(Reason.UNREACHABLE, detail, raw_response=delivery)


def _refused_result(delivery: TransactionResult, reply: Reply, detail: str) -> AttemptResult:
    reason = _REASONS.get(delivery.stage) or (Reason.CREDENTIALS if reply.code in _LOGIN else None)
    if reason is not None:
        told = failure_fields(None, vendor_code=reply.enhanced or str(reply.code), vendor_text=reply.text)
        return AttemptResult.of(reason, detail, status=_REJECTED_NO_ROUTE, raw_response=delivery, **told)
    enhanced = _enhanced_code(delivery.stage, reply)
    code = enhanced_code_of(enhanced)
    detail = f"{detail} {ERRORS.get(code.error, '')}".rstrip()
    if delivery.problem:
        detail = f"not offered: {delivery.problem}"
    told = failure_of(enhanced, reply.text)
    return AttemptResult.of(code.reason, detail, status=status_of(code), raw_response=delivery, **told)


def _enhanced_code(stage: Stage, reply: Reply) -> str:
    """Return the code of class 5 that says why: the reply's own, or what its basic code stands for at this stage."""
    if reply.enhanced and reply.enhanced[0] != "2":
        return "5" + reply.enhanced[1:]
    stands_for = BASIC_CODES.get(stage, {}).get(reply.code)
    return stands_for or ("5.5.1" if reply.code in _SYNTAX else "5.0.0")


def _rejected_copies(delivery: TransactionResult) -> str:
    refused = sum(1 for reply in delivery.recipients[1:] if reply is not None and not reply.is_positive)
    return f"{refused} copies refused" if refused else ""


def _queue_id(reply: Reply) -> str | None:
    for pattern in _QUEUED:
        if found := pattern.search(reply.text):
            return found[1]
    return None


_TOO_MANY_RECIPIENTS = 552
