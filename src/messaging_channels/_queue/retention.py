"""What is kept of people and for how long, as flows: export, erase, prune."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from messaging_channels._ledger.seal import SealBroken
from messaging_channels._model.errors import InvalidSetting
from messaging_channels._model.spellings import spellings
from messaging_channels._queue.payload import recipient_digest
from messaging_channels.plugins.erasure import SupportsErasure
from messaging_channels.plugins.exchange import Flow, Sleep, ask
from messaging_channels.plugins.ledger_consent import ListStatements
from messaging_channels.plugins.ledger_retention import (
    DeleteRecords,
    EraseRecipient,
    KeptInbound,
    KeptMessage,
    ListDigestKeys,
    ListRecipient,
    ListRecipientInbound,
    Prune,
    PrunedPage,
)

if TYPE_CHECKING:
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.statements import ConsentStatement
    from messaging_channels._sending.pipeline import SendPipeline

_PAUSE = 0.002
"""Seconds between two steps of pruning, in which others write."""


def erase_recipient(pipeline: SendPipeline, to: Address) -> Flow[int]:
    """Forget a recipient. See `QueueClient.erase_recipient`."""
    stored, digests = _stored(pipeline, to)
    yield from _require_keys(pipeline.recorder.options)
    gate = pipeline.recorder.consent
    keys = gate.keys.keys(to) if gate.is_kept else ()
    conversations = _conversations(pipeline.recorder.options, to)
    operation = EraseRecipient(
        recipient_digest(to.plain), stored, pipeline.clock(), digests, keys, conversations
    )
    count: int = yield from ask(operation)
    for _, keeper in _keepers(pipeline):
        yield from keeper.erase_recipient(to)
    return count


def export_recipient(pipeline: SendPipeline, to: Address) -> Flow[dict[str, Any]]:
    """Return all that is kept of a recipient. See `QueueClient.export_recipient`."""
    stored, digests = _stored(pipeline, to)
    yield from _require_keys(pipeline.recorder.options)
    kept: Sequence[KeptMessage] = yield from ask(ListRecipient(recipient_digest(to.plain), stored, digests))
    gate = pipeline.recorder.consent
    said: Sequence[ConsentStatement] = ()
    if gate.is_kept:
        said = yield from ask(ListStatements(gate.keys.keys(to)))
    return {
        "address": to.plain,
        "messages": [
            one.record.as_dict()
            | {
                "waiting": None
                if one.payload is None
                else json.loads(pipeline.recorder.options.opened(one.payload))
            }
            for one in kept
        ],
        "inbound": (yield from _export_inbound(pipeline.recorder.options, to, stored, digests)),
        "consent": [one.as_dict() for one in said],
        "elsewhere": (yield from _export_elsewhere(pipeline, to)),
    }


def _export_elsewhere(pipeline: SendPipeline, to: Address) -> Flow[dict[str, Any]]:
    """Return what providers and pre-send checks keep in files of their own, by their names."""
    kept: dict[str, Any] = {}
    for name, keeper in _keepers(pipeline):
        found = yield from keeper.export_recipient(to)
        kept.setdefault(name, []).extend(dict(one) for one in found)
    return kept


def _keepers(pipeline: SendPipeline) -> Sequence[tuple[str, SupportsErasure]]:
    """Return the providers and checks that keep something themselves, with their names; each object once."""
    providers = [one for held in pipeline.reports.accounts.values() for one in held.values()]
    made = {id(one): one for one in (*providers, *pipeline.checks)}
    return [
        (str(getattr(one, "name", type(one).__name__)), one)
        for one in made.values()
        if isinstance(one, SupportsErasure)
    ]


def _conversations(options: LedgerOptions, to: Address) -> tuple[str, ...]:
    """Return how the conversations with a person begin, whichever form of the address it wrote from."""
    return tuple(dict.fromkeys(key for one in spellings(to) for key in options.inbound_digests(one.plain)))


def _export_inbound(
    options: LedgerOptions, to: Address, stored: tuple[str, ...], digests: tuple[str, ...]
) -> Flow[list[dict[str, Any]]]:
    if ListRecipientInbound not in options.ledger.executors:  # a ledger of a plugin may not have it
        return []
    listing = ListRecipientInbound(recipient_digest(to.plain), stored, digests, _conversations(options, to))
    kept: Sequence[KeptInbound] = yield from ask(listing)
    return [
        {
            "eventType": one.item.event_type,
            "event": json.loads(options.opened(one.item.event)),
            "handler": one.item.handler,
            "receivedAt": one.item.received_at,
            "state": "dead" if one.is_dead else "waiting",
            "tries": one.item.tries,
            "error": one.item.error,
            "call": json.loads(options.opened(one.call)) if one.call else None,
        }
        for one in kept
    ]


def _require_keys(options: LedgerOptions) -> Flow[None]:
    """Refuse to look for a person where records are kept under a key that is not here: they would not be found, and nobody would know.

    Raises:
        SealBroken: there are such records.
    """
    known: tuple[str, ...] = getattr(
        options.ledger, "digest_key_ids", ()
    )  # a ledger of a plugin may have none
    if not known or ListDigestKeys not in options.ledger.executors:
        return
    found: Sequence[str] = yield from ask(ListDigestKeys())
    missing = sorted(set(found) - set(known))
    if missing:
        raise SealBroken(
            f"recipients are kept under a key that is not here ({', '.join(missing)}), so not all of a person would be found",
            "put that key back, beside the new one: a line of the ledger's key file, or the pepper. If it is lost for good, forget"
            " what was kept under it: messaging-channels ledger prune --retention-days DAYS",
        )


def prune(before: float) -> Flow[int]:
    """Forget addresses and dead letters, step by step. Return of how many messages."""
    total, after = 0, None
    while True:
        page: PrunedPage = yield from ask(Prune(before, after))
        total, after = total + page.count, page.after
        if after is None:
            return total
        yield from ask(Sleep(_PAUSE))


def delete_records(pipeline: SendPipeline, before: float) -> Flow[int]:
    """Delete records that are old, step by step. Return how many."""
    total, after = 0, None
    while True:
        page: PrunedPage = yield from ask(DeleteRecords(before, pipeline.clock(), after))
        total, after = total + page.count, page.after
        if after is None:
            return total
        yield from ask(Sleep(_PAUSE))


def _stored(pipeline: SendPipeline, to: Address) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the addresses and the digests by which a person's records are found.

    Raises:
        InvalidSetting: the ledger masks addresses, and has no secret to tell people apart by.
    """
    options, forms = pipeline.recorder.options, spellings(to)
    ledger = options.ledger
    waiting = [
        key for one in forms for key in (recipient_digest(one.plain), *options.waiting_digests(one.plain))
    ]
    digests = getattr(ledger, "recipient_digests", None)
    found: list[str] = [key for one in forms for key in digests(one.plain)] if digests else []
    plain, known = [one.plain for one in forms], tuple(dict.fromkeys((*found, *waiting)))
    if digests is None or ledger.tells_people_apart:  # type: ignore[attr-defined]
        return tuple(
            dict.fromkeys((*plain, *(ledger.stored_address(one.plain, one.masked) for one in forms)))
        ), known
    if not found:
        raise InvalidSetting(
            "masks addresses, and has no pepper to distinguish people with the same masked address",
            setting="ledger_pepper",
            source="the ledger",
            hint="set MESSAGING_CHANNELS_LEDGER_PEPPER, or pass pepper= to the ledger: messages that are written down from then on are found",
        )
    return tuple(plain), known
