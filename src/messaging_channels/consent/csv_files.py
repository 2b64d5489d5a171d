"""Consent as CSV: our own export, and the lists of suppressions that large vendors give.

Columns are known by their names, whatever their order: those of Amazon SES, SendGrid, Mailgun, Postmark, Infobip's blocklist and AWS opt-out lists.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

from messaging_channels._model.consent import normal_category
from messaging_channels._model.errors import InvalidAddress
from messaging_channels._model.statements import ConsentStatement, StatementKind
from messaging_channels.consent.store import any_address, statement_id
from messaging_channels.plugins.channel_addresses import address_on

if TYPE_CHECKING:
    from messaging_channels._model.consent import RecipientKeys
    from messaging_channels.plugins.channels import ChannelSpec

COLUMNS = tuple(one.name for one in fields(ConsentStatement))


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not read, and why. No address is in it."""

    line: int
    problem: str


def write_csv(statements: Iterable[ConsentStatement], file: TextIO) -> int:
    """Write statements with a head line. Return how many. What a spreadsheet would read as a formula gets an apostrophe before it."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["recipient_digest" if name == "recipient" else name for name in COLUMNS])
    count = 0
    for one in statements:
        writer.writerow([_cell(getattr(one, name)) for name in COLUMNS])
        count += 1
    return count


def read_csv(
    lines: Iterable[str],
    keys: RecipientKeys,
    now: float,
    *,
    channel: str | None = None,
    evidence: str = "",
    kind: StatementKind | None = None,
    channels: Mapping[str, ChannelSpec] | None = None,
) -> Iterator[ConsentStatement | RejectedRow]:
    """Yield what each row says; a row that cannot be read harms no other one.

    Args:
        lines: the file's, with a head line.
        keys: how the ledger names people.
        now: seconds since the epoch, UTC.
        channel: of rows without a channel; without it, mail addresses are `email` and numbers `sms`.
        evidence: what the statements can be proved by, such as the file's name.
        kind: what rows say that do not tell it, such as those of a list of complaints, which holds addresses alone; without it, what answers of mail
            servers in them say, or that the person opted out.
        channels: beside the built-in ones, by name: they read the addresses of their own rows.
    """
    given = iter(lines)
    head = next(given, "")
    if head.lstrip("\ufeff").lower().startswith("sep="):  # for a spreadsheet: the next line is the head
        head = next(given, "")
    # spreadsheets of many countries write semicolons
    reader = csv.reader(chain((head,), given), delimiter=max(",;\t", key=head.count))
    names = _column_names(next(reader, list[str]()))
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        told = _cells_by_name(names, row)
        try:
            yield _statement(told, keys, now, _OfFile(channel, evidence, kind, channels))
        except (InvalidAddress, ValueError) as error:
            problem = error.problem if isinstance(error, InvalidAddress) else str(error)
            yield RejectedRow(reader.line_num, problem)


def _column_names(head: Sequence[str]) -> list[str]:
    """Return what the columns hold. Of a list of messages, which has a sender and a recipient, nobody knows which of them is the person."""
    plain = [_plain_name(name) for name in head]
    names = [_NAMES.get(name, "") for name in plain]
    if "from" in plain and names.count("address") == plain.count("to"):
        names = ["" if name == "to" else own for name, own in zip(plain, names, strict=True)]
    return names


def _cells_by_name(names: Sequence[str], row: Sequence[str]) -> Mapping[str, str]:
    """Return what the cells say: of two columns for one thing, the first that says it."""
    told: dict[str, str] = {}
    for name, cell in zip(names, row, strict=False):
        if name and cell.strip():
            told.setdefault(name, cell.strip().removeprefix("'"))
    return told


@dataclass(frozen=True, slots=True)
class _OfFile:
    """What holds for all rows that do not tell it themselves."""

    channel: str | None
    evidence: str
    kind: StatementKind | None
    channels: Mapping[str, ChannelSpec] | None


def _statement(
    told: Mapping[str, str], keys: RecipientKeys, now: float, of_file: _OfFile
) -> ConsentStatement:
    recipient, stored, own = _person(told, keys, of_file)
    kind, source = _kind(told, of_file.kind), told.get("source", "")
    one = ConsentStatement(
        id=told.get("id", ""),
        recipient=recipient,
        channel=own,
        kind=kind,
        said_at=_time(told.get("said_at", "")),
        recorded_at=_time(told.get("recorded_at", "")) or now,
        category=normal_category(told.get("category", "")) or _category(told, kind),
        source=source if source in _SOURCES else "import",
        reason=told.get("reason", "") or kind.value,
        evidence=told.get("evidence") or of_file.evidence,
        certainty=told.get("certainty") or "certain",
        expires_at=_time(told.get("expires_at", "")),
        lifts=told.get("lifts", ""),
        address=stored,
    )
    return one if one.id else replace(one, id=statement_id(one))


def _person(told: Mapping[str, str], keys: RecipientKeys, of_file: _OfFile) -> tuple[str, str, str]:
    """Return who it is, the address as it is kept, and the channel."""
    text, named = told.get("address", ""), told.get("channel") or of_file.channel or ""
    digest = told.get("recipient", "")
    if len(digest) == _DIGEST and named:
        return digest, text, keys.family(named)
    if not text:
        problem = "no column of it holds an address"
        raise ValueError(problem)
    is_known = named and named != "*"
    person = address_on(named, text, of_file.channels) if is_known else any_address(text)
    own = keys.family(named) if named else "email" if "@" in text else "sms"
    return keys.key(person), keys.stored_address(person.plain, person.masked), own


def _kind(told: Mapping[str, str], of_file: StatementKind | None) -> StatementKind:
    """Return what a row says.

    Raises:
        ValueError: it tells of something unknown, or of a failure that may pass: that suppresses nobody.
    """
    if _plain_name(told.get("flag", "yes")) in _NO:
        problem = "the person takes messages, by its opt-out column"
        raise ValueError(problem)
    words = [
        word for name in ("kind", "source", "reason", "code") if (word := _plain_name(told.get(name, "")))
    ]
    known = [kind for word in words if (kind := _known_kind(word))]
    if "cleaned" in told:  # a list of addresses that a vendor took out itself
        known.append(StatementKind.UNDELIVERABLE)
    if told.get("kind") and words[0] not in _KINDS:
        problem = "the kind is unknown"
        raise ValueError(problem)
    return known[0] if known else (_kind_of_failure(told, words) or of_file or StatementKind.OPTED_OUT)


def _known_kind(word: str) -> StatementKind | None:
    return _KINDS.get(word) or next((kind for start, kind in _STARTS.items() if word.startswith(start)), None)


def _category(told: Mapping[str, str], kind: StatementKind) -> str:
    """Return what an opt-out is about where a vendor tells it by its type, as SparkPost does."""
    is_marketing = _plain_name(told.get("reason", "")) == "nontransactional"
    return "marketing" if is_marketing and kind is StatementKind.OPTED_OUT else ""


def _kind_of_failure(told: Mapping[str, str], words: Sequence[str]) -> StatementKind | None:
    """Return that an address cannot be reached, where a row says so in whatever words; None if it tells of no failure.

    Raises:
        ValueError: see `_kind`.
    """
    classes = {code[0] for name in ("code", "reason") if (code := _code_of(told.get(name, "")))}
    if not _PASSING.isdisjoint(words) or classes == {"4"}:
        problem = "it bounced for a reason that may pass, which suppresses nobody"
        raise ValueError(problem)
    if not _SUBSCRIBED.isdisjoint(words):
        problem = "the status says that the person accepts messages"
        raise ValueError(problem)
    if classes or any(word.startswith(_INVALID) for word in words):
        return StatementKind.UNDELIVERABLE
    return None


def _code_of(text: str) -> str:
    """Return the answer of a mail server with which a text begins (RFC 5321 `550`, RFC 3463 `5.1.1`); empty if there is none."""
    found = _ANSWER.match(text)
    return found[1] if found else ""


def _time(text: str) -> float | None:
    """Return a time as seconds since the epoch; None if it is unknown, so that an opt-out holds."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = _moment(text)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        return None
    return seconds / 1000 if seconds > _MILLISECONDS else seconds


def _moment(text: str) -> datetime:
    """Read a time as ISO 8601 has it, or as mails do: Mailgun writes `Fri, 21 Oct 2011 11:02:55 UTC`."""
    if "," in text:
        return parsedate_to_datetime(text)
    if day_first := _DAY_FIRST.fullmatch(text):
        day, month, year, rest = day_first.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{rest}"
    return datetime.fromisoformat(text.replace(" UTC", "+00:00"))


def _cell(value: Any) -> str:  # noqa: ANN401  a field of a statement
    text = "" if value is None else str(value.value if isinstance(value, StatementKind) else value)
    return f"'{text}" if text[:1] in "=+-@\t'" and text else text


def _plain_name(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


_DIGEST = 64
_ANSWER = re.compile(r"(?:smtp;\s*)?([45](?:\d\d|\.\d{1,3}\.\d{1,3}))(?!\d)", re.IGNORECASE)
_DAY_FIRST = re.compile(r"(\d{1,2})[.-](\d{1,2})[.-](\d{4})(.*)")
"""A date with dots or dashes whose year is last has its day first. With slashes nobody knows, so such a time is unknown."""
_SOURCES = frozenset({"recipient", "vendor", "operator", "import"})
_NO = frozenset({"false", "no", "n", "0", "f", "nein", "non"})
_STARTS = {"unsubscribedvia": StatementKind.OPTED_OUT, "contactflagged": StatementKind.COMPLAINT}
"""How words of vendors begin that end in a way of their own, such as `unsubscribedViaEmail` of Brevo."""
_PASSING = frozenset(
    {"softbounce", "soft", "transient", "temporary", "undetermined", "block", "blocked", "deferred"}
)
_SUBSCRIBED = frozenset({"subscribed", "active"})
_INVALID = ("maildomainmentioned", "knownbaddomain", "invalidemail", "baddomain", "unknownuser", "nosuchuser")
"""How texts about addresses that there are not begin, such as those of SendGrid's list of invalid ones."""
_MILLISECONDS = 1e11
_ALIASES = {
    "address": "address email emailaddress recipient to destination destinations phone phonenumber number msisdn optedoutnumber"
    " recipientemail recipientaddress destinationnumber customernumber mobile mobilenumber subscriber",
    "said_at": "saidat created createdat createddate lastupdatetime optedouttimestamp timestamp date changedat"
    " unsubtime cleantime bouncedat blockedat suppressedat unsubscribedat unsubscribedate optoutdate optouttime optedoutat createddatetime datesent datum",
    "cleaned": "cleancampaigntitle",
    "flag": "optedout unsubscribed isunsubscribed suppressed issuppressed unsubscribedfromallemail",
    "reason": "reason suppressionreason type bouncetype grund motif motivo",
    "code": "code status errorcode smtpcode smtpstatus diagnosticcode",
    "channel": "channel channeltype",
    "category": "category list group stream messagestream topic",
    "recipient": "recipientdigest",
}
_NAMES = {_plain_name(name): name for name in COLUMNS if name not in _ALIASES} | {
    alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()
}
_KINDS = {_plain_name(kind.value): kind for kind in StatementKind} | {
    alias: kind
    for kind, aliases in {
        StatementKind.COMPLAINT: "spamcomplaint spam spamreport spamreports spamcomplaints complaint complaints complained abuse",
        StatementKind.UNDELIVERABLE: "bounce bounces hardbounce hardbounced hardbounces bounced bouncerule cleaned"
        " hard invalid invalidemail permanent undeliverable",
        StatementKind.OPTED_OUT: "unsubscribe unsubscribed unsub optout optedout manualsuppression manual manuallyadded listunsubscribe"
        " unsubscribelink usersuppressed stop",
    }.items()
    for alias in aliases.split()
}
