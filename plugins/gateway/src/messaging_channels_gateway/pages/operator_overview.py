"""How it goes: volumes and delivery over time, the queue, dead letters, paused accounts and circuit breakers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.pages.operator_access import View, for_operators
from messaging_channels_gateway.pages.plots import Plot, draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

_PERIODS = {
    "day": ("24 hours", 3600.0, 24),
    "week": ("7 days", 6 * 3600.0, 28),
    "month": ("30 days", 86400.0, 30),
}
_MAX_EVENTS = 500_000
"""How many of the last events are looked at for a plot."""
_OUTCOMES = ("delivered", "failed", "expired")


@for_operators
async def overview(view: View) -> Response:
    """`GET /operator`."""
    period = view.request.query_params.get("period", "day")
    period = period if period in _PERIODS else "day"
    stats = await view.gateway.dispatcher.queue.stats()
    return view.page(
        "overview.html",
        plots=await _plots(view, period),
        periods=_PERIODS,
        period=period,
        stats=stats,
        circuits=view.gateway.dispatcher.circuits,
    )


@for_operators
async def queue(view: View) -> Response:
    """`GET /operator/queue`."""
    dispatcher = view.gateway.dispatcher
    cursor = view.request.query_params.get("cursor") or None
    letters = await dispatcher.queue.dead_letters(limit=100, before=cursor)
    own = [one for one in letters if view.operator.tenant in (None, one.scope)]
    deliveries = await view.gateway.store.read_aside(
        "SELECT delivery.id, name, url, attempts, problem FROM messaging_channels_gateway_delivery AS delivery"
        " JOIN messaging_channels_gateway_event AS event ON event.id = event_id"
        " WHERE delivery.tenant = ? AND state = 'dead' ORDER BY delivery.id DESC LIMIT 100",
        view.tenant,
    )
    return view.page(
        "queue.html",
        stats=await dispatcher.queue.stats(),
        letters=own,
        next=letters[-1].id if len(letters) == _PAGE else None,
        circuits=dispatcher.circuits,
        deliveries=deliveries,
        done=_done(view.request.query_params),
    )


def _done(query: Mapping[str, str]) -> str:
    """Return what an action did that led back to the page."""
    retried, resumed = query.get("retried", ""), query.get("resumed", "")
    if retried.isdecimal() and len(retried) < len("1000000000"):
        return (
            f"{int(retried)} dead letters are sent again."
            if int(retried)
            else "There was no such dead letter."
        )
    if resumed:
        return "The account goes on." if resumed == "1" else "The account was not paused."
    return ""


async def _plots(view: View, period: str) -> Sequence[Plot]:
    words, step, steps = _PERIODS[period]
    end = (view.gateway.clock.now() // step + 1) * step
    start = end - steps * step
    counts = await _counts(view, start, step, steps)
    sent = {one: counts.get((one, "sent"), [0] * steps) for one in CHANNELS}
    ended = {
        word: [
            sum(counts.get((channel, word), [0] * steps)[number] for channel in sent)
            for number in range(steps)
        ]
        for word in _OUTCOMES
    }
    return [
        draw("volume", f"Messages sent, {words}", sent, start, step),
        draw("delivery", f"What became of them, {words}", ended, start, step),
    ]


async def _counts(view: View, start: float, step: float, steps: int) -> Mapping[tuple[str, str], list[int]]:
    """Return how many events there were, by channel and word, for each step."""
    whole = view.gateway.store.whole.format("(at - ?) / ?")
    rows = await view.gateway.store.read_aside(
        f"SELECT {whole}, name, count(*) FROM messaging_channels_gateway_event"  # noqa: S608  a constant
        " WHERE seq > (SELECT coalesce(max(seq), 0) FROM messaging_channels_gateway_event) - ? AND tenant = ? AND at >= ? GROUP BY 1, 2",
        start, step, _MAX_EVENTS, view.tenant, start,
    )  # fmt: skip
    counts: dict[tuple[str, str], list[int]] = {}
    for number, name, count in rows:
        channel, _, word = str(name).partition(".message.")
        if 0 <= number < steps:
            counts.setdefault((channel, word), [0] * steps)[number] += count
    return counts


_PAGE = 100
