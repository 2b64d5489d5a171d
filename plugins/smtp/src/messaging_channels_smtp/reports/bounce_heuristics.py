"""Bounces in a form of their own: who sent it, which addresses it names, and how it words the failure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from messaging_channels_smtp.reports._table_phrases import DELAYS, FAILURES, HOLIDAYS
from messaging_channels_smtp.reports.delivery_status import code_from_words, is_specific, most_specific_code
from messaging_channels_smtp.reports.received_mail import ReceivedMail, parse_header_fields
from messaging_channels_smtp.reports.report import Action, RecipientUpdate

_MOST_RECIPIENTS = 50
_SEARCH_DISTANCE = 600
"""Characters after an address in which its reason is looked for."""
_LONGEST_TEXT = 65536


def is_likely_bounce(mail: ReceivedMail) -> bool:
    """Whether a server most likely sent it, about a mail that did not arrive."""
    if mail.header("X-Failed-Recipients"):
        return True
    sender = next(iter(mail.addresses("From", "Sender")), "").lower()
    from_a_server = not sender or bool(_DAEMONS.match(sender)) or mail.header("Return-Path") == "<>"
    worded = bool(FAILURES.search(mail.header("Subject")) or DELAYS.search(mail.header("Subject")))
    return worded if not from_a_server else worded or bool(_reason(mail.text[:_LONGEST_TEXT]))


def is_auto_reply(mail: ReceivedMail) -> bool:
    """Whether nobody wrote it: somebody's holiday reply, for one (RFC 3834)."""
    submitted = mail.header("Auto-Submitted").lower()
    marked = submitted not in ("", "no") or any(map(mail.header, _AUTO_REPLY_HEADERS))
    by_precedence = mail.header("Precedence").lower() == "auto_reply"
    return marked or by_precedence or bool(HOLIDAYS.match(mail.header("Subject")))


def guess_updates(mail: ReceivedMail) -> tuple[RecipientUpdate, ...]:
    """Return what is most likely told of which recipients; one without an address where none can be found."""
    text = _server_text(mail)
    delayed = bool(DELAYS.search(mail.header("Subject")) or DELAYS.search(text))
    return tuple(
        RecipientUpdate(
            recipient, Action.DELAYED if delayed else Action.FAILED, _code(text, recipient, delayed=delayed)
        )
        for recipient in _recipients(mail, text)
    )


def add_codes_from_words(
    mail: ReceivedMail, updates: Sequence[RecipientUpdate]
) -> tuple[RecipientUpdate, ...]:
    """Return what a report tells, with the codes that its words for people give where its fields give none that says more than that it failed."""
    if all(is_specific(one.code) or one.action not in _FAILURE_ACTIONS for one in updates):
        return tuple(updates)
    text = _server_text(mail)
    return tuple(_with_code_from_words(one, text) for one in updates)


def _with_code_from_words(update: RecipientUpdate, text: str) -> RecipientUpdate:
    if is_specific(update.code) or update.action not in _FAILURE_ACTIONS:
        return update
    said = _code(text, update.recipient, delayed=update.action is Action.DELAYED)
    if update.code and said:
        said = f"{update.code[0]}{said[1:]}"
    return replace(update, code=said if is_specific(said) else update.code)


def original_headers(mail: ReceivedMail) -> dict[str, str]:
    """Return the headers of the mail that came back, attached or quoted."""
    for part in mail.parts_of_type(
        "text/rfc822-headers", "message/rfc822", "message/global", "message/global-headers"
    ):
        if found := parse_header_fields(part.text):
            return found
    quoted = _QUOTED.search(mail.text)
    return parse_header_fields(_MARK.sub("", mail.text[quoted.start() :][:_LONGEST_TEXT])) if quoted else {}


def _server_text(mail: ReceivedMail) -> str:
    """Return what the server itself says: what stands before the copy of the mail, if that gives a reason."""
    spoken = "\n".join(part.text for part in mail.parts if part.media_type in ("text/plain", "text/html"))[
        :_LONGEST_TEXT
    ]
    if "<html" in spoken.lower():
        spoken = _TAGS.sub(" ", spoken)
    cut = _COPY.search(spoken)
    before = spoken[: cut.start()] if cut else spoken
    return before if _reason(before) else _HEADERS.sub("", spoken)


def _recipients(mail: ReceivedMail, text: str) -> Iterable[str]:
    named = _ADDRESS.findall(mail.header("X-Failed-Recipients"))
    if not named:
        own = {one.lower() for one in mail.addresses("To", "Delivered-To", "From", "Sender", "Reply-To")}
        told = _NOT_RECIPIENTS.sub("", text)
        named = _named_addresses(told, _PLACES, own) or _named_addresses(told, (_ANYWHERE,), own)
    if not named:
        named = _ADDRESS.findall(original_headers(mail).get("to", ""))
    return list(dict.fromkeys(one.strip(".") for one in named))[:_MOST_RECIPIENTS] or [""]


def _named_addresses(text: str, places: Sequence[re.Pattern[str]], own: set[str]) -> list[str]:
    found = (one for place in places for one in place.findall(text))
    return [one for one in found if one.lower() not in own and not _DAEMONS.match(one.lower())]


def _code(text: str, recipient: str, *, delayed: bool) -> str:
    """Return the code near the address, or anywhere: as a code, or in words."""
    at = text.lower().find(recipient.lower()) if recipient else -1
    near = text[at : at + _SEARCH_DISTANCE] if at >= 0 else ""
    said = next((code for place in (near, text) if (code := _reason(place))), "")
    return f"4{said[1:]}" if delayed and said else said


def _reason(text: str) -> str:
    return most_specific_code("", text) if _SMTP.search(text) else code_from_words(text)


_FAILURE_ACTIONS = (Action.FAILED, Action.DELAYED)
_AUTO_REPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-From", "X-Vacation")
_DAEMONS = re.compile(
    r"<?(?:mailer[-_.]?daemon|mail[-_.]?daemon|post[ _-]?master|mdaemon|mail(?:er)?[-_.]?(?:system|delivery|error)"
    r"|microsoftexchange|bounce|no-?reply|root|mailadmin|abuse)"
)
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\uffff-]{1,64}@[A-Za-z0-9.\u0080-\uffff-]{1,253}")
_PLACES = (
    re.compile(r"^[ \t>*-]*<([^\s<>@]{1,64}@[^\s<>@]{1,253})>:?", re.MULTILINE),
    re.compile(
        r"(?<![\w.+-])(?:recipients?|address(?:es)?|user|mailbox|to|for|empf[äa]nger|destinataire|destinatari[oa])(?=[\s:=<(])(?:\(e?s\))?[^\S\n]*(?:\w+[^\S\n]+){0,4}[:=]?\s{0,40}<?([^\s<>@\"'(\[:;,]{1,64}@[^\s<>@\"')\]:;,]{1,253})",
        re.IGNORECASE,
    ),
    re.compile(r"^\s{0,20}<?([^\s<>@\"'(\[:;,]{1,64}@[^\s<>@\"')\]:;,]{1,253})", re.MULTILINE),
)
"""Where bounces name the addresses that they are about, the surest first."""
_ANYWHERE = re.compile(
    r"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5})"
)
_SMTP = re.compile(r"(?<![\d.])[45]\.\d{1,2}\.\d{1,3}\b|(?<![\d.#])\b[45][0-5]\d\b[ -](?!\d)")
_COPY = re.compile(
    r"^[ \t>*-]*(?:below this line|this is a copy of|(?:the )?(?:original|returned|undelivered|unsent) (?:message|mail|text)"
    r"|included is a copy|(?:the )?message (?:text|header|that)|headers? of the|--+ ?message|begin message"
    r"|received: (?:from|by)|return-path:|message-id:).*",
    re.MULTILINE | re.IGNORECASE,
)
_NOT_RECIPIENTS = re.compile(
    r"^[ \t>]*(?:message-id|references|in-reply-to|from|reply-to|return-path|sender)[ \t]*:.*$",
    re.MULTILINE | re.IGNORECASE,
)
_QUOTED = re.compile(
    r"^[ \t>]*(?:Message-ID|Return-Path|Received|From|To|Subject|Date): .*\n(?=(?:.*\n){0,60}?[ \t>]*Message-ID:)|^[ \t>]*Message-ID:",
    re.MULTILINE | re.IGNORECASE,
)
_MARK = re.compile(r"^[ \t]*>[ \t]?|^[ \t]+(?=[A-Za-z-]+:)", re.MULTILINE)
_HEADERS = re.compile(
    r"^(?:DKIM-|Domainkey-|ARC-|Received|X-|Authentication-|Subject).*(?:\n[ \t].*)*",
    re.MULTILINE | re.IGNORECASE,
)
"""Of the mail that came back: they speak of DKIM and spam, and of nothing that happened to it."""
_TAGS = re.compile(r"<(?!\S{1,200}@)[^<>]{0,300}>")
