"""What a person wrote or pressed, and what a report is about, as it stands in the call and has to stand in the event (a part of MC320)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from messaging_channels._model import events
from messaging_channels.plugins.webhooks import WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.malformed import (
    Path,
    all_paths,
    leaf_paths,
    value_at,
    with_value,
)
from messaging_channels.testing.conformance.webhook_bodies import body_of, is_id, tree_of
from messaging_channels.testing.conformance.webhooks import handle, samples, single_event, told_by
from messaging_channels.testing.fixtures import sign_at

_LONG_TEXT = (
    "Words é 😀 'that' \"go\" on.\n\n<b>&amp;</b> 100%25 1+1 ﬁ C:\\new  "
    + "Words é 😀 that go on. " * 100
    + "and end here"
)
_NUMBERS = ("491511234567890", "12025550123", "38591234567")
_SUBJECT = "Re: [zq] 'a' & \"b\" é 😀  c"
_MEDIA_TYPE = re.compile(r"(image|video|audio|application)/[\w.+-]+")
_ID_NAME = re.compile(r"(^|[._-])(id|sid|uuid|wamid)$|(Id|ID|Sid|Uuid|UUID)$")
_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "long", "lng", "lon")
_PAYLOADS = re.compile(
    r"^(button_?payload|postback_?(data|id|text)?|payload|callback_data|emoji)$", re.IGNORECASE
)
_MEDIA_KINDS = ("image", "video", "audio", "document", "sticker")


def problems_of_content(context: ConformanceContext) -> Iterator[str]:
    """Say what of the calls that the fixtures give is not told by their events."""
    for number, webhook in enumerate(samples(context)):
        told = told_by(context, webhook.body)
        if not isinstance(told, WebhookResult):
            continue
        tree = tree_of(webhook.body)
        received = [one for one in told.events if isinstance(one, events.MessageReceived)]
        if (
            len(received) == 1
            and received[0].subject
            and (words := _other_subject(context, webhook.body, tree))
        ):
            yield f"call {number}: {words}"
        found = [
            *(_lost_content(tree, received[0]) if len(received) == 1 else ()),
            *_other_person(told),
            *_no_ids(tree, told),
        ]
        yield from (f"call {number}: {words}" for words in found[:1])


def problems_of_opt_outs(context: ConformanceContext) -> Iterator[str]:
    """Say where a keyword is told by its letters rather than by what it says."""
    inbound = context.fixtures.inbound_body
    if inbound is None:
        return
    sender = context.envelope().to.plain
    to = "desk@example.org" if "@" in sender else "447700900000"

    def is_told(text: str) -> bool:
        told = handle(
            context.provider, sign_at(context.fixtures, inbound(sender, to, text), canaries.SECRET, NOW)
        )
        found = told.events if isinstance(told, WebhookResult) else ()
        return any(isinstance(one, events.OptedOut) for one in found)

    if not is_told("STOP"):
        return  # the vendor tells of it otherwise, or not at all
    if not (is_told("stop") and is_told("Stop")):
        yield "STOP is told as an opt-out, and the same word in small letters is not"
    if is_told("Please do not STOP the newsletter") or is_told("Stopover in Paris"):
        yield "a sentence with the word STOP in it is told as an opt-out"


def problems_of_inbound(context: ConformanceContext) -> Iterator[str]:
    """Say what of a long text, of who wrote it and of where it went is told otherwise."""
    assert context.fixtures.inbound_body is not None  # noqa: S101  for the type checkers: it was asked for
    sender = context.envelope().to.plain
    to = "desk@example.org" if "@" in sender else "447700900000"
    body = context.fixtures.inbound_body(sender, to, _LONG_TEXT)
    brought = single_event(context, body)
    if not isinstance(brought, events.MessageReceived):
        return
    if (brought.text or "").replace("\r\n", "\n").strip() != _LONG_TEXT:
        yield "a text of some hundred letters that a person wrote is not told whole"
    if brought.sender.plain != sender:
        yield "who wrote is told otherwise"
    if to.encode() in body and to not in brought.to.replace("+", ""):
        yield f"what was written to {to} is told to have been written to another address"
    others = ("Zoe.Canary+Tag@example.com",) if "@" in sender else _NUMBERS
    yield from _inbound_of_others(context, to, others)


def _inbound_of_others(context: ConformanceContext, to: str, senders: Sequence[str]) -> Iterator[str]:
    """Let people with longer and with shorter numbers write, and one whose mail address has capital letters and a tag."""
    assert context.fixtures.inbound_body is not None  # noqa: S101  for the type checkers: it was asked for
    for sender in senders:
        brought = single_event(context, context.fixtures.inbound_body(sender, to, "Hello"))
        if isinstance(brought, events.MessageReceived) and brought.sender.plain != sender:
            yield f"who wrote from {sender} is told as {brought.sender.plain}"
            return


def _other_subject(context: ConformanceContext, body: bytes, tree: Any) -> str:  # noqa: ANN401  a tree of JSON or of a form
    """Give a mail another subject, and say whether it is told otherwise."""
    for path in leaf_paths(tree, (str,)):
        if str(path[-1]).lower() != "subject":
            continue
        told = told_by(context, body_of(body, with_value(tree, path, _SUBJECT)))
        found = told.events if isinstance(told, WebhookResult) else ()
        subjects = [one.subject for one in found if isinstance(one, events.MessageReceived)]
        if subjects and _SUBJECT not in subjects:
            return f"the subject {_SUBJECT!r} is told as {subjects[0]!r}"
    return ""


def _lost_content(tree: Any, received: events.MessageReceived) -> Iterator[str]:  # noqa: ANN401  a tree of JSON or of a form
    named = list(_named_texts(tree))
    for name, text in named:
        if name.lower() == "subject" and text not in ("", received.subject):
            yield f"the subject is told as {received.subject!r}"
        if _PAYLOADS.fullmatch(name) and text not in ("", received.payload, received.text):
            yield f"what was pressed or chosen ({name}) is told as {received.payload!r}"
    yield from _lost_place(tree, received)
    if received.kind in _MEDIA_KINDS or received.media:
        yield from _lost_media(named, received)


def _lost_media(named: Sequence[tuple[str, str]], received: events.MessageReceived) -> Iterator[str]:
    types = {text.lower() for _, text in named if _MEDIA_TYPE.fullmatch(text)}
    if types and not types & {one.content_type.partition(";")[0].lower() for one in received.media}:
        yield f"its files are told without their type ({', '.join(sorted(types))})"
    links = {text for name, text in named if text.startswith("https://") and "url" in name.lower()}
    by_id = any(one.id or one.content for one in received.media)
    if links and not by_id and not links & {one.url for one in received.media}:
        yield "its files are told without their addresses"


def _lost_place(tree: Any, received: events.MessageReceived) -> Iterator[str]:  # noqa: ANN401  a tree of JSON or of a form
    for held in _objects(tree):
        latitude, longitude = (_number(held, names) for names in (_LATITUDE, _LONGITUDE))
        if latitude is not None and longitude is not None and received.location != (latitude, longitude):
            yield f"the place {latitude}, {longitude} is told as {received.location}"


def _other_person(told: WebhookResult) -> Iterator[str]:
    """Who writes STOP is who is opted out."""
    senders = {one.sender.plain for one in told.events if isinstance(one, events.MessageReceived)}
    for event in told.events:
        if (
            isinstance(event, (events.OptedOut, events.OptedIn))
            and senders
            and event.address.plain not in senders
        ):
            yield f"a message of one person is told as the {type(event).__name__} of another"


def _no_ids(tree: Any, told: WebhookResult) -> Iterator[str]:  # noqa: ANN401  a tree of JSON or of a form
    ids = [text for name, text in _named_texts(tree) if _ID_NAME.search(name) and is_id(text)]
    if ids:
        yield from filter(None, map(_id_problem, told.events))


def _id_problem(event: events.Event) -> str:
    """Say what is wrong with the ids of an event whose call holds some."""
    kind = type(event).__name__
    if isinstance(event, (events.StatusChanged, events.EngagementReceived)):
        has_id = event.message_id or event.provider_id
        return "" if has_id else f"its {kind} has no id of the message, and the call holds some"
    if isinstance(event, events.MessageReceived) and re.fullmatch(r"[A-Za-z]{0,20}", event.provider_id):
        return f"its {kind} has the provider_id {event.provider_id!r}, which is none of the ids in the call"
    return ""


def _named_texts(tree: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  a tree of JSON or of a form
    """Return the texts of a call with the names that they have."""
    for path in leaf_paths(tree, (str,)):
        if _is_pair(tree, path):
            if path[-1] == 1:
                yield value_at(tree, (*path[:-1], 0)), value_at(tree, path)
        else:
            yield str(path[-1]), value_at(tree, path)


def _is_pair(tree: Any, path: Path) -> bool:  # noqa: ANN401  a tree of JSON or of a form
    """Whether a value is a name or a value of a form."""
    return isinstance(tree, list) and len(path) == 2 and isinstance(value_at(tree, path[:1]), list)  # noqa: PLR2004


def _objects(tree: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  a tree of JSON or of a form
    held = [value_at(tree, path) for path in all_paths(tree)]
    yield from (cast("dict[str, Any]", one) for one in held if isinstance(one, dict))
    if isinstance(tree, list):
        yield dict(one for one in _named_texts(cast("object", tree)))


def _number(held: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name, value in held.items():
        try:
            if name.lower() in names:
                return float(value)
        except (TypeError, ValueError):
            continue
    return None
