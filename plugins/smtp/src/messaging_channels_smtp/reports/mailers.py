"""Bounces in words of a mailer's own: whether a mail is one, how surely, and what it tells of whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from messaging_channels_smtp.reports._table_phrases import DELAYS, FAILURES, FINAL, SENTENCES, STATEMENTS
from messaging_channels_smtp.reports._table_places import (
    TRANSCRIPT,
)
from messaging_channels_smtp.reports.copies import original_fields, spoken_text, without_copy
from messaging_channels_smtp.reports.delivery_status import (
    TEMPORARY,
    code_from_words,
    is_specific,
    most_specific_code,
)
from messaging_channels_smtp.reports.received_mail import HEADERS, MAILS, ReceivedMail
from messaging_channels_smtp.reports.recipients import NamedRecipient, named_recipients
from messaging_channels_smtp.reports.report import Action, RecipientUpdate
from messaging_channels_smtp.reports.senders import has_null_path, is_likely_robot, is_mailer, is_reply
from messaging_channels_smtp.reports.wordings import normalize

NOT_A_BOUNCE = 0.0
_LIKELY, _SURE = 0.7, 0.95
_LONGEST_STATEMENT = 8_000
"""Characters of the beginning in which a mailer says what happened."""


@dataclass(frozen=True)
class BounceText:
    """What a mail would say if it were a bounce."""

    mail: ReceivedMail

    @cached_property
    def original(self) -> dict[str, str]:
        """The headers of the mail that came back."""
        return original_fields(self.mail)

    @cached_property
    def said(self) -> str:
        """What the mailer itself says: what stands before the copy of the mail, or beside it if there is nothing before."""
        before, beside = without_copy(spoken_text(self.mail))
        return before if code_of(before) or STATEMENTS.search(normalize(before)) else beside

    @cached_property
    def words(self) -> str:
        """The beginning of what it says, without punctuation."""
        return normalize(self.said[:_LONGEST_STATEMENT])

    @cached_property
    def subject(self) -> str:
        """The subject, without punctuation."""
        return normalize(self.mail.header("Subject"))

    @cached_property
    def recipients(self) -> tuple[NamedRecipient, ...]:
        """Whom it is about."""
        return named_recipients(self.mail, self.said, self.original)

    @cached_property
    def code(self) -> str:
        """The code that all of it stands for, or else the subject."""
        return code_of(self.said) or code_from_words(self.subject)

    @cached_property
    def is_reasoned(self) -> bool:
        """Whether it says why."""
        return bool(code_of(self.said))

    @cached_property
    def is_naming(self) -> bool:
        """Whether a recipient stands where mailers name them."""
        return bool(self.recipients) and self.recipients[0].is_named

    @cached_property
    def is_worded(self) -> bool:
        """Whether its subject is that of a bounce."""
        return bool(FAILURES.search(self.subject) or DELAYS.search(self.subject))

    @cached_property
    def has_statement(self) -> bool:
        """Whether it says that a mail did not arrive."""
        return bool(STATEMENTS.search(self.words) or DELAYS.search(self.words))

    @cached_property
    def has_transcript(self) -> bool:
        """Whether it quotes what servers said to each other."""
        return bool(TRANSCRIPT.search(self.said))

    @cached_property
    def has_copy(self) -> bool:
        """Whether the mail that it is about came with it."""
        return bool(self.original) or any(one.media_type in (*MAILS, *HEADERS) for one in self.mail.parts)

    @cached_property
    def is_delayed(self) -> bool:
        """Whether the mailer goes on trying."""
        told = DELAYS.search(self.words) or DELAYS.search(self.subject)
        return bool(told) and not FINAL.search(self.words)

    def updates(self, confidence: float) -> tuple[RecipientUpdate, ...]:
        """Return what is most likely told of which recipients; one without an address where none can be found."""
        action = Action.DELAYED if self.is_delayed else Action.FAILED
        recipients = self.recipients or (NamedRecipient("", "", is_named=False),)
        return tuple(
            RecipientUpdate(
                one.address,
                action,
                self._code(one, len(recipients)),
                _expanded_from(one.said),
                confidence=confidence if one.is_named else min(confidence, _LIKELY),
            )
            for one in recipients
        )

    def _code(self, one: NamedRecipient, count: int) -> str:
        said = code_of(one.said) if one.said else ""
        if not is_specific(said):
            said = self.code or said
        elif count == 1 and said[2:] in _OF_ANY and is_specific(self.code):
            said = self.code
        return f"4{said[1:]}" if self.is_delayed and said else said


def bounce_confidence(bounce: BounceText) -> float:
    """Return how sure it is that a mail is a bounce, from 0 to 1: by who sent it first, and then by its words in the places where mailers put them."""
    mail = bounce.mail
    if "x-failed-recipients" in mail.fields:
        return _SURE
    if is_mailer(mail):
        return _confidence_in_mailer(bounce)
    if is_reply(mail) or not (bounce.has_statement or bounce.is_reasoned):
        return NOT_A_BOUNCE
    return _confidence_by_null_path(bounce) if has_null_path(mail) else _confidence_in_robot(bounce)


def _confidence_in_mailer(bounce: BounceText) -> float:
    told = bounce.has_statement or bounce.has_transcript or bounce.is_worded
    named = bounce.is_naming or has_null_path(bounce.mail)
    if not told and not (bounce.is_reasoned and named):
        return NOT_A_BOUNCE
    is_told_of = bounce.has_statement and named
    is_by_server = bounce.is_reasoned and bounce.is_naming and has_null_path(bounce.mail)
    is_shown = bounce.has_transcript or bounce.has_copy or is_told_of or is_by_server
    if is_reply(bounce.mail) and not is_shown:
        return NOT_A_BOUNCE
    return _SURE if bounce.is_naming and bounce.is_reasoned and told else _LIKELY


def _confidence_by_null_path(bounce: BounceText) -> float:
    if not (bounce.is_naming and bounce.is_reasoned):
        return NOT_A_BOUNCE
    return _SURE if bounce.has_transcript or bounce.has_copy or bounce.is_worded else _LIKELY


def _confidence_in_robot(bounce: BounceText) -> float:
    """Return how sure it is of a mail whose sender may be anybody: what a mailer says, in a mailer's form, of somebody."""
    if not bounce.has_statement:
        return NOT_A_BOUNCE
    is_robot = is_likely_robot(bounce.mail)
    formal = bounce.has_transcript or bounce.has_copy or bool(SENTENCES.search(bounce.words))
    if bounce.is_worded and formal and (bounce.is_naming or is_robot):
        return _LIKELY
    is_explained = bounce.is_naming and bounce.is_reasoned
    is_of_mail = formal or (bounce.is_worded and bool(_MAIL.search(bounce.words)))
    return _LIKELY if is_robot and is_explained and is_of_mail else NOT_A_BOUNCE


def _expanded_from(said: str) -> str:
    """Return the recipient that we wrote to, where a server says that an alias or a list stands for the one it names."""
    found = _EXPANDED.search(said[:_LONGEST_ENTRY])
    return found[1] if found else ""


def code_of(text: str) -> str:
    """Return the enhanced code that a text of a mailer stands for: its codes, or its words."""
    if _SMTP.search(text):
        return most_specific_code("", text)
    return code_from_words(text)


def complete_updates(mail: ReceivedMail, updates: Sequence[RecipientUpdate]) -> tuple[RecipientUpdate, ...]:
    """Return what a report tells, with what its words for people say where its fields leave it open: a code, and who it is about."""
    if all(_is_complete(one) for one in updates):
        return tuple(updates)
    bounce = BounceText(mail)
    said = {one.address.lower(): one.said for one in bounce.recipients}
    codes = {words: code_of(words) for words in set(said.values())}  # many recipients share their words
    sections = {address: codes[words] for address, words in said.items()}
    return tuple(_completed(one, sections, bounce) for one in updates)


def _is_complete(update: RecipientUpdate) -> bool:
    is_open = not is_specific(update.code) or update.code in _MAY_BE_FULL
    return "@" in update.recipient.strip("@") and not (is_open and update.action in _FAILURE_ACTIONS)


def _completed(update: RecipientUpdate, sections: Mapping[str, str], bounce: BounceText) -> RecipientUpdate:
    if update.recipient.startswith("@") and len(sections) == 1:
        update = replace(update, recipient=next(iter(sections)))
    if update.action not in _FAILURE_ACTIONS:
        return update
    said = sections.get(update.recipient.lower(), "")
    said = said if is_specific(said) else bounce.code
    if is_specific(update.code):
        is_full = said[2:] == _FULL and update.code in _MAY_BE_FULL and not code_from_words(update.diagnostic)
        return replace(update, code=said) if is_full else update
    if update.code and said and said != TEMPORARY:
        said = f"{update.code[0]}{said[1:]}"
    return replace(update, code=said or update.code)


_MAIL = re.compile(
    r"\b(?:e ?mails?|mails?|messages?|mensaje|messaggio|mensagem|nachricht|courriel|bericht|wiadomo\w+|письм\w+)\b|メール|邮件|郵件|메일"
)
"""What is said of mail, and not of a parcel."""
_LONGEST_ENTRY = 400
_EXPANDED = re.compile(
    r"^[^\n]{0,300}\s{0,40}\((?:expanded|generated|originally) from:? <?([^\s<>()@]{1,64}@[^\s<>()@]{1,253})>?\)",
    re.IGNORECASE,
)
_MAY_BE_FULL = ("5.1.1", "5.1.0")
_FULL = "2.2"
_FAILURE_ACTIONS = (Action.FAILED, Action.DELAYED)
_OF_ANY = ("7.0", "7.1")
"""Codes after which another part of the text may say more."""
_SMTP = re.compile(r"(?<![\d.])[45]\.\d{1,2}\.\d{1,3}\b|(?<![\d.#])\b[45][0-5]\d\b[ -](?!\d)")
