"""What inbound events say about consent: the vendors' own signals, and what people write."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from messaging_channels._model.events import Event, HelpRequested, MessageReceived, OptedIn, OptedOut
from messaging_channels._model.identity import identity
from messaging_channels.consent.keywords import Intent, KeywordMatch, Keywords

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address

_TYPES: dict[Intent, type[OptedOut | OptedIn | HelpRequested]] = {
    Intent.OPT_OUT: OptedOut,
    Intent.OPT_IN: OptedIn,
    Intent.HELP: HelpRequested,
}


def hear(events: Sequence[Event], keywords: Keywords) -> Sequence[Event]:
    """Return the events with what people said in their messages, each after its message.

    Where the vendor told in the same call what that message means, that holds. A choice that the person made elsewhere at another time hides no message.
    """
    told = {
        (one.provider, identity(one.address), one.occurred_at)
        for one in events
        if isinstance(one, (OptedOut, OptedIn, HelpRequested))
    }
    heard: list[Event] = []
    for event in events:
        heard.append(event)
        if isinstance(event, MessageReceived) and not _is_told(event, told):
            understood = understand(event, keywords)
            heard += [understood] if understood else []
    return heard


def _is_told(message: MessageReceived, told: Collection[tuple[str, str, float]]) -> bool:
    return (message.provider, identity(message.sender), message.occurred_at) in told


def understand(message: MessageReceived, keywords: Keywords) -> OptedOut | OptedIn | HelpRequested | None:
    """Return what a person's message says about consent; None if it says nothing."""
    if message.kind in _NOT_SAID or message.group_id is not None:  # in a group it may be said to others
        return None
    match = _match(message, keywords)
    if match is None:
        return None
    word = match.word.upper()
    common: dict[str, Any] = {
        "provider": message.provider,
        "occurred_at": message.occurred_at,
        "event_id": f"{message.event_id or message.provider_id}:{match.intent}",
        "channel": message.channel,
        "address": message.sender,
        "aliases": message.aliases,
        "reason": f"keyword {word}" if match.certainty == "certain" else f"words {word}",
        "category": match.category,
        "certainty": match.certainty,
        "raw": message.raw,
    }
    return _TYPES[match.intent](**common)


def _match(message: MessageReceived, keywords: Keywords) -> KeywordMatch | None:
    address: Address = message.sender
    said = message.text or _text_of(message.html)
    first = (
        said.strip().partition("\n")[0] if said and message.channel == "email" else None
    )  # a greeting follows
    captions = [one.caption for one in message.media]
    for text in (said, first, message.subject, message.payload, *captions):
        found = keywords.match(text, sender=address.plain, to=message.to) if text else None
        if found is not None:
            return found
    return None


def _text_of(html: str | None) -> str | None:
    """Return the words of a mail that has no text part."""
    return _TAGS.sub(" ", html[:_MAX_HTML]) if html else None


_NOT_SAID = frozenset({"reaction", "location", "contacts", "flow", "order", "auto-reply"})
"""Kinds whose words are no answer of the person."""
_MAX_HTML = 20_000
_TAGS = re.compile(r"(?is)<(blockquote|style|script)\b.*?</\1\s*>|<[^>]{0,1000}>|&nbsp;")
