"""Rules on what a provider makes of the vendor's calls: the events and their values (MC312 to MC321)."""

from __future__ import annotations

import re
from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from messaging_channels._model import events
from messaging_channels._model.status import StatusGroup
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.event_identity import (
    calls_remembered,
    no_values,
    times_in_another_zone,
)
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.inbound_content import (
    problems_of_content,
    problems_of_inbound,
    problems_of_opt_outs,
)
from messaging_channels.testing.conformance.malformed import (
    Path,
    leaf_paths,
    parse_json,
    to_json,
    value_at,
    with_value,
)
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.webhook_bodies import (
    UNHEARD,
    event_lists,
    is_stamp,
    other_writings,
    renumbered,
    time_zone,
    times_of,
    tree_of,
    with_word,
)
from messaging_channels.testing.conformance.webhooks import event_keys, handle, samples, single_event, told_by
from messaging_channels.testing.fixtures import Webhook, sign_at

_NOT_DELIVERED = (
    "undelivered",
    "undeliverable",
    "delivery_failed",
    "sending_failed",
    "failed",
    "rejected",
    "expired",
    "bounced",
)
_LOST = (StatusGroup.UNDELIVERABLE, StatusGroup.REJECTED, StatusGroup.EXPIRED)
_UNDER_WAY = ("sent", "queued", "sending", "accepted", "submitted", "buffered", "enroute", "processed")
_ENGAGEMENTS = {
    "open": events.EngagementType.OPENED,
    "opened": events.EngagementType.OPENED,
    "click": events.EngagementType.CLICKED,
    "clicked": events.EngagementType.CLICKED,
    "read": events.EngagementType.READ,
    "played": events.EngagementType.PLAYED,
}
_COMPLAINTS = ("spamcomplaint", "complaint", "complained", "spamreport", "spam_complaint")
_ON_ITS_WAY = 23.0
"""How many seconds a call may take to arrive."""


def reports_say_what_their_words_say(context: ConformanceContext) -> Iterator[str]:
    """MC312."""
    for number, webhook in enumerate(samples(context)):
        told = told_by(context, webhook.body)
        if not isinstance(told, WebhookResult):
            continue
        for event, expected in zip(told.events, webhook.expected, strict=False):
            yield from _unexpected(f"call {number}", event, expected)
        for path, word in _words(webhook.body):
            if words := _word_problem(context, webhook.body, told, path, word):
                yield f"call {number} {words}"
                return


def _word_problem(
    context: ConformanceContext, body: bytes, told: WebhookResult, path: Path, word: str
) -> str:
    """Say what is wrong with how the events of a word tell it, and others in its place."""
    without = told_by(context, with_word(body, path, UNHEARD))
    unheard = event_keys(without)
    decisive = unheard != event_keys(told)
    unconcerned = _unconcerned(told, unheard)
    alone = word.lower() not in _ENGAGEMENTS or len(list(_words(body))) == 1  # else another word may decide
    for other in (word, *_alternatives(word)) if decisive and alone else (word,):
        changed = told if other == word else told_by(context, with_word(body, path, other))
        is_known = other == word or _statuses(changed) != _statuses(without)
        if problem := _first_problem(changed, unconcerned, other, is_given=is_known):
            return f"with the word {other!r}: {problem}"
    return ""


def _statuses(told: WebhookResult | str) -> list[object]:
    """Return the statuses that a call tells: a word is known to the provider where they differ from those of one that nobody has heard of."""
    found = () if isinstance(told, str) else told.events
    return [event.status for event in found if isinstance(event, events.StatusChanged)]


def _first_problem(told: object, unconcerned: Container[object], word: str, *, is_given: bool) -> str:
    events = told.events if isinstance(told, WebhookResult) else ()
    concerned = [event for event in events if event.key not in unconcerned]
    return next(filter(None, (_wrong_word(event, word, is_given=is_given) for event in concerned)), "")


def _unconcerned(told: WebhookResult, unheard: list[str]) -> set[str]:
    """Return the keys of events that a word says nothing of: in a call with several reports, of those that stay as they are without it."""
    own = {event.key for event in told.events} - set(unheard)
    reports = [event for event in told.events if isinstance(event, events.StatusChanged)]
    return {event.key for event in told.events} - own if own or len(reports) > 1 else set()


def times_are_the_vendors(context: ConformanceContext) -> Iterator[str]:
    """MC313."""
    for number, webhook in enumerate(samples(context)):
        here, there = (_told_in_zone(context, webhook.body, zone) for zone in ("UTC", "Pacific/Auckland"))
        if isinstance(here, WebhookResult) and isinstance(there, WebhookResult):
            yield from _time_problems(f"call {number}", here.events, there.events, times_of(webhook.body))
            if words := times_in_another_zone(context, webhook.body, here):
                yield f"call {number}: {words}"


def _time_problems(
    what: str, here: Sequence[events.Event], there: Sequence[events.Event], known: set[float]
) -> Iterator[str]:
    if [one.occurred_at for one in here] != [one.occurred_at for one in there]:
        yield f"{what} happened at another time where the machine has another time zone"
        return
    event = next((one for one in here if known and not _is_near(one.occurred_at, known)), None)
    if event is not None:
        late = event.occurred_at == NOW + _ON_ITS_WAY
        given = "the time of its arrival" if late else repr(event.occurred_at)
        yield f"{what} tells of {', '.join(map(repr, sorted(known)))}, and its {type(event).__name__} has {given}"


def _told_in_zone(context: ConformanceContext, body: bytes, zone: str) -> WebhookResult | str:
    """Return what a call tells that arrives some seconds after it was proved, on a machine in that time zone."""
    call = replace(_sign(context, body, canaries.SECRET), received_at=NOW + _ON_ITS_WAY)
    with time_zone(zone):
        return handle(context.provider, call)


def _is_near(at: float, known: set[float]) -> bool:
    return any(abs(at - one) <= 1 for one in known)


def writing_is_irrelevant(context: ConformanceContext) -> Iterator[str]:
    """MC315."""
    for number, webhook in enumerate(samples(context)):
        usual = told_by(context, webhook.body)
        tree = parse_json(webhook.body)
        if tree is None or not isinstance(usual, WebhookResult):
            continue
        for body in other_writings(tree):
            told = told_by(context, body)
            if event_keys(told) != event_keys(usual):
                yield f"call {number}, proved and with the same content otherwise written: {_said(told)}"
                break


def stale_calls_are_refused(context: ConformanceContext) -> Iterator[str]:
    """MC316."""
    applies = False
    for webhook in _by_kind_of_proof(context):
        call = _proved(context, webhook)
        stamps = [name for name, value in call.headers.items() if is_stamp(name, value)]
        if not _has_signed_time(context, stamps):
            continue
        applies = True
        if words := next(_stale_problems(context, call, stamps), ""):
            yield words
            return
    if not applies:
        why = "no header of the vendor's calls holds a time: the rule applies to proofs over a time, see `signature_covers_time`"
        raise NotApplicable(why)


def _by_kind_of_proof(context: ConformanceContext) -> list[Webhook]:
    """Return the first of the fixtures' calls with each set of headers and of events: a vendor may prove its older calls otherwise than its newer ones."""
    found: dict[Hashable, Webhook] = {}
    for webhook in samples(context):
        kind = frozenset(_proved(context, webhook).headers), webhook.event_types
        found.setdefault(kind, webhook)
    return list(found.values())


def _has_signed_time(context: ConformanceContext, stamps: Sequence[str]) -> bool:
    told = context.fixtures.signature_covers_time
    return told is not False and bool(stamps or told)


def _stale_problems(
    context: ConformanceContext, call: WebhookRequest, stamps: Sequence[str]
) -> Iterator[str]:
    if isinstance(handle(context.build(), call), str):
        return  # see MC301
    if isinstance(_handled_later(context, call, _ON_ITS_WAY), str):
        yield f"a call that was proved {_ON_ITS_WAY:g} s before it came is refused"
    for later in (7_200.0, 86_400.0, 366 * 86_400.0):
        if isinstance(_handled_later(context, call, later), WebhookResult):
            yield f"a call that was proved {later:g} s before it came is believed"
            return
    for name in stamps:
        if isinstance(handle(context.build(), _with_other_time(call, name)), WebhookResult):
            yield f"a call whose time in {name!r} was changed is believed: the proof does not cover it"


def _with_other_time(call: WebhookRequest, name: str) -> WebhookRequest:
    """Return the call with the last digit of the first number in a header changed."""
    moved = re.sub(
        r"([0-9])(?![0-9])", lambda digit: str((int(digit[0]) + 1) % 10), call.headers[name], count=1
    )
    return replace(call, headers={**call.headers, name: moved})


def _handled_later(context: ConformanceContext, call: WebhookRequest, seconds: float) -> WebhookResult | str:
    return handle(context.build(), replace(call, received_at=NOW + seconds))


def all_events_are_told(context: ConformanceContext) -> Iterator[str]:
    """MC317."""
    for number, webhook in enumerate(samples(context)):
        told = told_by(context, webhook.body)
        if not isinstance(told, WebhookResult) or len(told.events) != 1:
            continue
        tree = parse_json(webhook.body)
        for path in event_lists(tree, told.events[0]):
            doubled = with_value(tree, path, [*value_at(tree, path), renumbered(value_at(tree, (*path, 0)))])
            again = told_by(context, to_json(doubled))
            if isinstance(again, WebhookResult) and len(again.events) < 2:  # noqa: PLR2004  both of them
                yield f"call {number} with two elements at {_named(path)} tells {len(again.events)} event"


def documented_calls_are_believed(context: ConformanceContext) -> Iterator[str]:
    """MC318."""
    samples(context)
    if not context.fixtures.documented_webhooks:
        why = "the fixtures give no `documented_webhooks`: give a genuine signed call from the vendor's documentation, where there is one"
        raise NotApplicable(why)
    for webhook in context.fixtures.documented_webhooks:
        given = {**context.fixtures.settings(context.url, webhook.secret), **webhook.settings}
        told = handle(context.spec.build(context.spec.settings.model_validate(given)), webhook.request)
        if not isinstance(told, WebhookResult):
            yield f"the call of {webhook.source}: {told}"
        elif tuple(type(one) for one in told.events) != webhook.event_types:
            yield f"the call of {webhook.source} tells {[type(one).__name__ for one in told.events]}"


def good_calls_are_acknowledged(context: ConformanceContext) -> Iterator[str]:
    """MC319."""
    yield from calls_remembered(context)
    for number, webhook in enumerate(samples(context)):
        provider = context.build()
        told = handle(provider, _proved(context, webhook))
        if isinstance(told, WebhookResult):
            again = handle(provider, _proved(context, webhook))
            yield from _faults_of_good_call(f"call {number}", told, again)
            yield from (f"call {number}: {words}" for words in no_values(told, webhook.body))
            if words := _wrong_channel(context, webhook, told):
                yield f"call {number}: {words}"


def _faults_of_good_call(what: str, told: WebhookResult, again: WebhookResult | str) -> Iterator[str]:
    if not told.response.ok:
        yield f"{what} is answered with HTTP {told.response.status}: the vendor repeats it"
    if any(event.raw is None for event in told.events):
        yield f"an event of {what} has no `raw`"
    if event_keys(again) != event_keys(told):
        yield f"{what}, made again to the same provider, tells {_said(again)}: the ledger recognizes repetitions"
    if len(set(event_keys(told))) < len(told.events):
        yield f"two events of {what} have the same key: the second is taken for a repetition"


def ids_lead_back_to_the_message(context: ConformanceContext) -> Iterator[str]:
    """MC320."""
    yield from problems_of_content(context)
    yield from problems_of_opt_outs(context)
    given = context.fixtures
    if given.delivered_body is None and given.inbound_body is None:
        why = "the fixtures give no `delivered_body` and `inbound_body`: give them if the vendor reports"
        raise NotApplicable(why)
    if given.delivered_body is not None:
        ours, theirs = "c0ffee00c0ffee11c0ffee22c0ffee33", "theirs-000001"
        body = given.delivered_body(ours, theirs)
        report = single_event(context, body)
        for name, value in (("message_id", ours), ("provider_id", theirs)):
            told = getattr(report, name, None)
            if value.encode() in body and told != value:
                yield f"a report on {value!r} has the {name} {told!r}"
    if given.inbound_body is not None:
        yield from problems_of_inbound(context)


def _sign(context: ConformanceContext, body: bytes, secret: str) -> WebhookRequest:
    return sign_at(context.fixtures, body, secret, NOW)


def _proved(context: ConformanceContext, webhook: Webhook) -> WebhookRequest:
    return _sign(context, webhook.body, canaries.SECRET)


def _unexpected(what: str, event: events.Event, expected: Mapping[str, Any]) -> Iterator[str]:
    for name, value in expected.items():
        got: Any = getattr(event, name, None)
        if got != value and getattr(got, "plain", got) != value:
            yield f"{what}: {type(event).__name__}.{name} is {got!r}, and the fixtures say {value!r}"


def _wrong_word(event: events.Event, word: str, *, is_given: bool) -> str:
    """Say what is wrong with how an event tells a word that all vendors use alike; a word that the fixtures do not give may be none of the vendor's."""
    low = word.lower()
    if isinstance(event, events.StatusChanged):
        if low in _COMPLAINTS:
            return "it is told as a status: whoever complains has opted out"
        wrong = _is_wrong_group(event.status.group, low, is_given=is_given)
        return f"its status is {event.status.name}" if wrong else ""
    if isinstance(event, events.EngagementReceived) and event.engagement_type is not _ENGAGEMENTS.get(
        low, event.engagement_type
    ):
        return f"it is told as {event.engagement_type}"
    return ""


def _is_wrong_group(group: StatusGroup | None, low: str, *, is_given: bool) -> bool:
    """Whether a group of statuses is not what a word means."""
    if low == "delivered":
        return group in _LOST or (is_given and group is not StatusGroup.DELIVERED)
    if group is StatusGroup.DELIVERED:
        return low in (*_NOT_DELIVERED, *_UNDER_WAY)
    if group in _LOST and low in _UNDER_WAY:
        return True
    return is_given and low in _NOT_DELIVERED and group in (StatusGroup.PENDING, StatusGroup.ACCEPTED)


def _words(body: bytes) -> Iterator[tuple[Path, str]]:
    """Return where in a call a word stands that all vendors use alike."""
    known = {"delivered", *_NOT_DELIVERED, *_UNDER_WAY, *_ENGAGEMENTS, *_COMPLAINTS}
    tree = tree_of(body)
    for path in leaf_paths(tree, (str,)):
        if str(value_at(tree, path)).lower() in known:
            yield path, value_at(tree, path)


def _alternatives(word: str) -> list[str]:
    low = word.lower()
    group = (
        ("delivered", *_NOT_DELIVERED, *_UNDER_WAY)
        if low not in (*_ENGAGEMENTS, *_COMPLAINTS)
        else (*_ENGAGEMENTS, *_COMPLAINTS)
    )
    cased = str.upper if word.isupper() else str.title if word.istitle() else str.lower
    return [cased(one) for one in group if one != low]


def _wrong_channel(context: ConformanceContext, webhook: Webhook, told: WebhookResult) -> str:
    carried = {
        channel.name for message in context.messages.values() if (channel := context.channel_of(message))
    }
    named = b"whatsapp" in webhook.body.lower()
    for event in told.events:
        channel = getattr(event, "channel", None)
        is_told = channel is not None and (channel or not isinstance(event, events.StatusChanged))
        if is_told and channel not in carried and context.messages:
            return f"it is told to have come on the channel {channel!r}, on which this provider sends nothing"
        if is_told and named and channel == "sms" and "whatsapp" in carried:
            return "it names WhatsApp, and is told to have come on the channel 'sms'"
    return ""


def _said(told: WebhookResult | str) -> str:
    return told if isinstance(told, str) else f"{len(told.events)} other events"


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "the top"
