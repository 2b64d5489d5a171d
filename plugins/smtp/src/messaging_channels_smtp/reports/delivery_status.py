"""Delivery status notifications: RFC 3464, and 6533 for addresses that are not ASCII. Read as they are sent, not only as they should be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from messaging_channels_smtp.reports._table_phrases import PHRASES
from messaging_channels_smtp.reports.received_mail import MailPart, ReceivedMail, parse_header_fields
from messaging_channels_smtp.reports.report import Action, RecipientUpdate

_KINDS = ("message/delivery-status", "message/global-delivery-status")
_MOST_RECIPIENTS = 200


def parse_delivery_status(mail: ReceivedMail) -> tuple[str, tuple[RecipientUpdate, ...]]:
    """Return the envelope id and what is told of each recipient; nothing where no part is in that form, whatever it calls itself."""
    for part in (*mail.parts_of_type(*_KINDS), *_find_disguised(mail)):
        blocks = [parse_header_fields(block) for block in _BLANK.split(part.text.replace("\r\n", "\n"))]
        updates = tuple(update for block in blocks for update in _parse_update(block))
        if updates:
            envelope_id = next(
                (found for block in blocks if (found := block.get("original-envelope-id"))), ""
            )
            return envelope_id, updates[:_MOST_RECIPIENTS]
    return "", ()


def most_specific_code(status: str, diagnostic: str) -> str:
    """Return the code that says most: why the server that refused it did so, before what the reporting one makes of it.

    That a queue gave up is the reporting server's to say. A code that says nothing gives way to words that do; a basic code is the last resort.
    """
    own, said = _code_in(status), _REFUSAL.search(diagnostic)
    code = (
        own
        if own[2:] == _GIVEN_UP_CODE
        else said[1]
        if said
        else own
        if is_specific(own)
        else _code_in(diagnostic) or own
    )
    if is_specific(code):
        return code
    basic = _BASIC.search(diagnostic)
    code = code or (f"{basic[0][0]}.0.0" if basic else "")
    worded = code_from_words(diagnostic)
    return f"{code[0]}{worded[1:]}" if code and worded else worded or code


def is_specific(code: str) -> bool:
    """Whether a code says more than that it failed."""
    return bool(code) and code[2:] not in _VAGUE


def code_from_words(text: str) -> str:
    """Return the code that the wording of a refusal stands for, empty where none is known."""
    return next((meant for pattern, meant in PHRASES if pattern.search(text)), "")


def _code_in(text: str) -> str:
    found = [one[0] for one in _CODE.finditer(text)]
    return next((one for one in found if is_specific(one)), found[0] if found else "")


def address_of(value: str) -> str:
    """Return the address in a field such as `rfc822; <user@example.com>`."""
    kind, semicolon, address = value.partition(";")
    address = address if semicolon else kind
    address = _UNICODE.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), address)
    found = _ADDRESS.search(address)
    return found[0] if found else address.strip().strip("<>")


def action_of(given: str, status: str) -> Action:
    """Return the action by its first letters; where there is none, what the class of the status says."""
    for action, start in _ACTION_PREFIXES.items():
        if given.lower().startswith(start):
            return action
    return _BY_CLASS.get(status[:1], Action.FAILED)


def _parse_update(block: Mapping[str, str]) -> Iterator[RecipientUpdate]:
    recipient = (
        block.get("final-recipient") or block.get("original-recipient") or block.get("x-actual-recipient")
    )
    if not recipient or not ("action" in block or "status" in block):
        return
    original, diagnostic = block.get("original-recipient", ""), block.get("diagnostic-code", "")
    status = block.get("status", "")
    yield RecipientUpdate(
        address_of(recipient),
        action_of(block.get("action", ""), status.strip()),
        most_specific_code(status, diagnostic),
        _unxtext(address_of(original)),
        diagnostic,
        block.get("remote-mta", "").rpartition(";")[2].strip()[:255],
    )


def _find_disguised(mail: ReceivedMail) -> Iterator[MailPart]:
    return (
        part for part in mail.parts if part.media_type not in _KINDS and _DISGUISED_REPORT.search(part.text)
    )


def _unxtext(address: str) -> str:
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), address)


_ACTION_PREFIXES = {
    Action.FAILED: "fail",
    Action.DELAYED: "delay",
    Action.DELIVERED: "deliver",
    Action.RELAYED: "relay",
    Action.EXPANDED: "expand",
}
_BY_CLASS = {"2": Action.DELIVERED, "4": Action.DELAYED, "5": Action.FAILED}
_BLANK = re.compile(r"\n[ \t]*\n")
_CODE = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_BASIC = re.compile(r"\b[45][0-5]\d\b")
_REFUSAL = re.compile(r"\b[45][0-5]\d[ -]\W?(?!\d\.[05]\.0\b)([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
"""A reply with an enhanced code that says something."""
_GIVEN_UP_CODE = "4.7"
_VAGUE = ("0.0", "5.0")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_DISGUISED_REPORT = re.compile(
    r"^(?:Final|Original)-Recipient:.*\n(?:.*\n){0,6}?(?:Action|Status):", re.MULTILINE | re.IGNORECASE
)
