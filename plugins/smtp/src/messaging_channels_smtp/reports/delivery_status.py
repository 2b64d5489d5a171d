"""Delivery status notifications: RFC 3464, and 6533 for addresses that are not ASCII. Read as they are sent, not only as they should be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from messaging_channels_smtp.reports._table_phrases import PHRASES
from messaging_channels_smtp.reports.header_fields import parse_fields
from messaging_channels_smtp.reports.received_mail import MailPart, ReceivedMail
from messaging_channels_smtp.reports.report import Action, RecipientUpdate
from messaging_channels_smtp.reports.wordings import normalize
from messaging_channels_smtp.responses import enhanced_code_of

_KINDS = ("message/delivery-status", "message/global-delivery-status")
_MOST_RECIPIENTS = 200
TEMPORARY = "4.2.1"
"""What words stand for that say that a mailbox is away for a while."""


def parse_delivery_status(mail: ReceivedMail) -> tuple[str, tuple[RecipientUpdate, ...]]:
    """Return the envelope id and what is told of each recipient; nothing where no part is in that form, whatever it calls itself."""
    for part in (*mail.parts_of_type(*_KINDS), *_find_disguised(mail)):
        blocks = [parse_fields(block) for block in islice(_BLANK.split(part.text), _MOST_RECIPIENTS)]
        updates = tuple(chain.from_iterable(map(_parse_update, blocks)))
        if updates:
            return next(filter(None, (block.get("original-envelope-id") for block in blocks)), ""), updates
    return "", ()


def most_specific_code(status: str, diagnostic: str) -> str:
    """Return the code that says most: what the words of the server that refused it say of the mailbox, then its code, then that of the reporting one.

    Servers of today put "no such user" and "mailbox full" behind whatever code they like. That a queue gave up is the reporting server's to say.
    """
    code = _coded(_code_in(status), diagnostic)
    worded = "5.1.1" if _IS_UNKNOWN_AT_MICROSOFT.search(diagnostic) else code_from_words(diagnostic)
    if is_specific(code) and not _counts_more(worded, code):
        return code
    if worded == TEMPORARY:
        return worded
    return f"{code[0]}{worded[1:]}" if code and worded else worded or code


def _coded(own: str, diagnostic: str) -> str:
    """Return the code that counts, of the reporting server's own and those that stand in the reply of the one that refused."""
    if own[2:] == _GIVEN_UP_CODE:
        return own
    if said := _REFUSAL.search(diagnostic):
        return said[1]
    if is_specific(own):
        return own
    basic = _BASIC.search(diagnostic)
    return _code_in(diagnostic) or own or (f"{basic[0][0]}.0.0" if basic else "")


def is_specific(code: str) -> bool:
    """Whether a code says more than that it failed."""
    return bool(code) and code[2:] not in _VAGUE


def code_from_words(text: str) -> str:
    """Return the code that the wording of a refusal stands for, empty where none is known."""
    words = _NO_REASON.sub("", normalize(text[:_LONGEST_DIAGNOSTIC]))
    return next((meant for pattern, meant in PHRASES if pattern.search(words)), "")


def _counts_more(worded: str, code: str) -> bool:
    """Whether what words say counts more than a code that says something too.

    A full mailbox, a size and a sender that is refused do: what the code says of the address is then wrong. So does a policy, where the code says that
    there is no such address. That there is none counts more than the code of a policy or of a system, and less than that of a passing fault.
    """
    if code[2:] == _GIVEN_UP_CODE or not worded:
        return False
    if worded in _DEAD:
        return code[0] == "5" and code[2:] not in _OF_THE_MAIL
    is_dead = enhanced_code_of(code).suppress
    is_of_policy = worded == TEMPORARY or (worded.startswith("5.7.") and worded != _REFUSED)
    return worded[2:] in _NOT_DEAD or (is_dead and is_of_policy)


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
    named = [block[name] for name in _RECIPIENT_FIELDS if block.get(name)]
    recipient = next((one for one in named if _IS_ADDRESS.search(address_of(one))), named[0] if named else "")
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
        part
        for part in mail.parts
        if part.media_type.startswith("text/") and _DISGUISED_REPORT.search(part.text)
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
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")
_IS_ADDRESS = re.compile(r"[^@]@[^@]*\.")
_BLANK = re.compile(r"\n[ \t]*\n")
_CODE = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_BASIC = re.compile(r"\b[45][0-5]\d\b")
_REFUSAL = re.compile(r"\b[45][0-5]\d[ -]\W?(?!\d\.[05]\.0\b)([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
"""A reply with an enhanced code that says something."""
_GIVEN_UP_CODE = "4.7"
_VAGUE = ("0.0", "5.0")
_LONGEST_DIAGNOSTIC = 20_000
_REFUSED = "5.7.0"
"""What words say that give no reason."""
_NOT_DEAD = ("1.8", "2.2", "3.4")
"""What words say that counts more than any code: a sender that is refused, a full mailbox, a mail that is too big."""
_NO_REASON = re.compile(r"unknown address error ")
"""What one vendor's gateway puts before any reason (Cisco's, by its default bounce text)."""
_DEAD = ("5.1.1", "5.1.2", "5.1.6", "5.2.1")
_OF_THE_MAIL = (
    "2.2",
    "2.3",
    "3.4",
    "1.7",
    "1.8",
    "7.20",
    "7.23",
    "7.25",
    "7.26",
    "1.2",
    "1.10",
    "1.3",
    "1.6",
    "2.1",
    "1.1",
)
_IS_UNKNOWN_AT_MICROSOFT = re.compile(
    r"5\.4\.1 (?:\S+ )?Recipient address rejected: Access denied", re.IGNORECASE
)
"""Directory-based edge blocking says it of a recipient that is not in the directory:
https://learn.microsoft.com/exchange/mail-flow-best-practices/use-directory-based-edge-blocking."""
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_DISGUISED_REPORT = re.compile(
    r"^(?:Final|Original)-Recipient:.*\n(?:.*\n){0,6}?(?:Action|Status):", re.MULTILINE | re.IGNORECASE
)
