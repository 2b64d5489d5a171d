"""What people said about being written to: an immutable log, and the state that follows from it in any order of arrival.

A statement is never changed or deleted. An opt-in lifts the opt-outs that were said before it, within its own scope; of two that were said at the same or
at an unknown time, the opt-out holds. A complaint, a legal entry and an address that cannot be reached are lifted by name only (`lifts`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import InvalidMessage
from messaging_channels._model.events import OptedIn, OptedOut, StatusChanged
from messaging_channels._model.failure_reasons import Advice, FailureReason
from messaging_channels._model.identity import identities, identity
from messaging_channels._model.statements import ConsentStatement, StatementKind

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event


@dataclass(frozen=True, slots=True)
class RecipientKeys:
    """How people are named in a log."""

    digest: Callable[[str], str]
    """Turns an identity into what is kept."""
    stored_address: Callable[[str, str], str] = lambda _plain, _masked: ""
    """Returns an address as it is kept, by its plain and its masked form."""
    families: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a statement on a channel is about, of channels that share it with others."""

    def family(self, channel: str) -> str:
        """Return what a statement on that channel is about."""
        return self.families.get(channel.lower()) or channel_family(channel)

    def key(self, address: Address) -> str:
        """Return the key under which something is kept."""
        return self.digest(identity(address))

    def keys(self, address: Address) -> tuple[str, ...]:
        """Return all keys under which something may have been kept."""
        return tuple(self.digest(one) for one in identities(address))

    def statements(self, event: Event, now: float) -> Sequence[ConsentStatement]:
        """Return what an event says, for every address of its person; nothing for events of other kinds."""
        if isinstance(event, StatusChanged):
            person = event.recipient
            channel = event.channel or ("email" if isinstance(person, EmailAddress) else "sms")
            if person is None or event.failure in _TOLD_APART:
                return ()
            said = self.failure(
                person,
                channel,
                event.failure,
                event.advice,
                f"{event.provider}:{event.key}",
                event.occurred_at,
                now,
            )
            return () if said is None else (said,)
        if not isinstance(event, (OptedOut, OptedIn)):
            return ()
        people = dict.fromkeys((event.address, *event.aliases))
        return [
            ConsentStatement(
                id=f"{event.key}-{number}" if number else event.key,
                recipient=self.key(person),
                channel=self.family(event.channel),
                kind=_kind(event),
                said_at=event.occurred_at if 0 <= event.occurred_at < math.inf else None,
                recorded_at=now,
                category=normal_category(event.category) or "",
                source="recipient" if event.reason.startswith(_SAID_BY_PERSON) else "vendor",
                reason=event.reason,
                evidence=f"{event.provider}:{event.event_id or event.key}",
                certainty=event.certainty,
                address=self.stored_address(person.plain, person.masked),
            )
            for number, person in enumerate(people)
        ]

    def failure(
        self,
        address: Address,
        channel: str,
        failure: FailureReason | None,
        advice: frozenset[Advice],
        evidence: str,
        at: float,
        now: float,
    ) -> ConsentStatement | None:
        """Return what a failure says about an address for further messages; None if it is unsure, or passes."""
        family = self.family(channel)
        if family != channel.lower() and failure not in _TOLD_APART and channel.lower() not in _SAME_NETWORK:
            return None  # that a number has no RCS says nothing about its SMS
        if failure is None or (
            Advice.SUPPRESS_ADDRESS not in advice and (family, failure) not in _SAID_TWICE
        ):
            return None
        rule = _FAILURES.get((family, failure)) or _FAILURES.get(("*", failure))
        if rule is None:
            return None
        kind, seconds, certainty = rule
        return ConsentStatement(
            id=sha256(f"{evidence} {failure}".encode(errors="surrogatepass")).hexdigest()[:32],
            recipient=self.key(address),
            channel=family,
            kind=kind,
            said_at=at,
            recorded_at=now,
            category="marketing" if (family, failure) == ("whatsapp", FailureReason.OPTED_OUT) else "",
            source="vendor",
            reason=failure.value,
            evidence=evidence,
            certainty=certainty,
            expires_at=None if seconds is None else at + seconds,
            address=self.stored_address(address.plain, address.masked),
        )


@lru_cache(maxsize=256)
def channel_family(channel: str) -> str:
    """Return what a statement on that channel is about: SMS, MMS and RCS of one number are one."""
    return _FAMILIES.get(channel.lower(), channel.lower())


@lru_cache(maxsize=256)
def normal_category(category: str | None) -> str | None:
    """Return a category as it is compared: lower case, and `transactional` for what Meta calls utility."""
    if category is None:
        return None
    told = category.strip().lower()
    return _CATEGORIES.get(told, told)


def category_of(message: object, *, otherwise: str | None = None) -> str:
    """Return what a message is for; `otherwise`, or else `marketing`, where it does not say.

    Raises:
        InvalidMessage: its category is no text.
    """
    told = getattr(message, "category", None)
    if told is not None and not isinstance(told, str):
        raise InvalidMessage(
            "must be text",
            field=f"{type(message).__name__}.category",
            hint="use authentication, transactional, marketing or a word of your own",
        )
    return normal_category(told) or normal_category(otherwise) or "marketing"


def find_blocking(
    statements: Iterable[ConsentStatement], channel: str, category: str, now: float
) -> ConsentStatement | None:
    """Return the statement that blocks a message to this person; None if there is none.

    The answer is the same for every order of the statements, and however often each is repeated.

    Args:
        statements: all that is known of one person.
        channel: of the message.
        category: of the message; empty counts as `marketing`.
        now: seconds since the epoch, UTC.
    """
    family, normal = channel_family(channel), normal_category(category) or "marketing"
    standing = [one for one in _unlifted(statements) if _holds(one, family, normal, now)]
    unsure = [one for one in standing if _is_unsure(one)]
    if len(unsure) == 1:  # a network says so of roaming and ported numbers too: it has to say it twice
        standing.remove(unsure[0])
    return min(standing, key=_precedence, default=None)


def is_marketing(category: str) -> bool:
    """Whether a marketing opt-out forbids messages of that category: all but codes and what somebody asked for."""
    return category not in ("authentication", "transactional")


def _holds(one: ConsentStatement, channel: str, category: str, now: float) -> bool:
    """Whether it may block such a message, unless something lifts it."""
    is_over = one.expires_at is not None and now >= one.expires_at
    return one.kind in _ORDER and not is_over and _concerns(one, channel, category)


def _concerns(one: ConsentStatement, channel: str, category: str) -> bool:
    if one.channel not in ("*", channel):
        return False
    return one.category in ("", category) or (one.category == "marketing" and is_marketing(category))


def _unlifted(statements: Iterable[ConsentStatement]) -> Sequence[ConsentStatement]:
    """Return each statement once, without those that an opt-in or a lift took back."""
    known = {one.id: one for one in statements}
    lifted = {one.lifts for one in known.values() if one.lifts}
    opt_ins = [one for one in known.values() if one.kind is StatementKind.OPTED_IN]
    return [one for one in known.values() if one.id not in lifted and not _is_lifted(one, opt_ins)]


def _is_unsure(one: ConsentStatement) -> bool:
    return one.kind is StatementKind.UNDELIVERABLE and one.certainty == "likely"


def _is_lifted(one: ConsentStatement, opt_ins: Iterable[ConsentStatement]) -> bool:
    return any(_lifts(other, one) for other in opt_ins)


def _lifts(opt_in: ConsentStatement, one: ConsentStatement) -> bool:
    """Whether an opt-in was said after an opt-out, about the same or more."""
    return (
        one.kind is StatementKind.OPTED_OUT
        and opt_in.certainty == "certain"
        and opt_in.said_at is not None
        and one.said_at is not None
        and opt_in.said_at > one.said_at
        and opt_in.channel in ("*", one.channel)
        and (
            opt_in.category in ("", one.category)
            or (opt_in.category == "marketing" and bool(one.category) and is_marketing(one.category))
        )
    )


def _precedence(one: ConsentStatement) -> tuple[int, float, str]:
    return _ORDER[one.kind], math.inf if one.said_at is None else -one.said_at, one.id


def _kind(event: OptedOut | OptedIn) -> StatementKind:
    if isinstance(event, OptedIn):
        return StatementKind.OPTED_IN
    return StatementKind(event.kind) if event.kind else _KINDS.get(event.reason, StatementKind.OPTED_OUT)


_ORDER = {kind: place for place, kind in enumerate(StatementKind) if kind not in ("opted_in", "lifted")}
_DAY_SECONDS = 86400.0
_FAILURES: dict[tuple[str, FailureReason], tuple[StatementKind, float | None, str]] = {
    ("email", FailureReason.UNKNOWN_RECIPIENT): (StatementKind.UNDELIVERABLE, None, "certain"),
    ("email", FailureReason.DOMAIN_UNKNOWN): (StatementKind.UNDELIVERABLE, None, "certain"),
    ("email", FailureReason.INVALID_ADDRESS): (StatementKind.UNDELIVERABLE, None, "certain"),
    ("sms", FailureReason.UNKNOWN_RECIPIENT): (StatementKind.UNDELIVERABLE, 30 * _DAY_SECONDS, "likely"),
    ("sms", FailureReason.NOT_CAPABLE): (StatementKind.UNDELIVERABLE, 180 * _DAY_SECONDS, "certain"),
    ("*", FailureReason.OPTED_OUT): (StatementKind.OPTED_OUT, None, "certain"),
    ("*", FailureReason.BLOCKED_BY_RECIPIENT): (StatementKind.BLOCKED, None, "certain"),
}
"""By channel (`*` for the others): what a failure is kept as, for how many seconds (None: until it is lifted), and how sure it is.

A network calls a number unknown that is roaming or was ported, too: it has to say so twice.
"""
_SAID_TWICE = frozenset({("sms", FailureReason.UNKNOWN_RECIPIENT)})
"""What needs no advice to suppress, since it has to be said again."""
_TOLD_APART = frozenset({FailureReason.OPTED_OUT, FailureReason.BLOCKED_BY_RECIPIENT})
"""Of these, a plugin tells by an `OptedOut` of its own, with its category."""
_KINDS = {"complaint": StatementKind.COMPLAINT}
"""By the reason that providers give."""
_FAMILIES = {"mms": "sms", "rcs": "sms"}
_SAME_NETWORK = frozenset({"mms"})
"""Channels of a family that reach a number by the same network: what fails on one fails on all."""
_CATEGORIES = {"utility": "transactional", "promotional": "marketing", "promotion": "marketing"}
_SAID_BY_PERSON = ("keyword", "words", "list-unsubscribe", "user_preferences", "marketing", "preference")
