"""Messages for operators: searched, and one of them with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from messaging_channels.errors import BadInput
from messaging_channels.plugins import Outcome, StatusGroup
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.pages._table_advice import ADVICE_TEXTS, FAILURE_TEXTS, OUTCOME_TEXTS
from messaging_channels_gateway.pages.message_content import file_response, find_message
from messaging_channels_gateway.pages.operator_access import View, for_operators
from messaging_channels_gateway.problems import WORD, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from messaging_channels.plugins import MessageRecord

_PAGE = 50
_BATCH, _MAX_BATCHES = 200, 10
"""Records that are looked at for one page of one provider's messages: the ledger does not look for providers by itself."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for, as it was typed."""

    to: str = ""
    channel: str = ""
    status: str = ""
    provider: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> _Search:
        return cls(**{name: query.get(name, "").strip() for name in cls.__slots__})

    def arguments(self) -> dict[str, Any]:
        """Return what the ledger is asked for.

        Raises:
            ValueError: a time is none.
        """
        group = StatusGroup.__members__.get(self.status)
        return {
            "to": self.to or None,
            "channel": self.channel or None,
            "group_id": group,
            "status": self.status if self.status and group is None else None,
            "since": _time(self.since),
            "until": _time(self.until),
        }

    def query(self, **more: str) -> str:
        """Return the query of the next page."""
        told = {name: getattr(self, name) for name in self.__slots__} | more
        return urlencode({name: value for name, value in told.items() if value})


@for_operators
async def messages(view: View) -> Response:
    """`GET /operator/messages`."""
    search = _Search.read(view.request.query_params)
    cursor = view.request.query_params.get("cursor") or None
    problem = ""
    found: Sequence[MessageRecord] = ()
    after: str | None = None
    try:
        found, after = await _find(view, search, cursor)
    except BadInput as error:
        problem = str(error)
    except ValueError:
        problem = "A time is written 2026-05-01T09:00, in UTC."
    following = search.query(cursor=after, tenant=view.tenant) if after else ""
    return view.page(
        "messages.html",
        400 if problem else 200,
        search=search,
        found=[(one, providers_of(one)) for one in found],
        following=following,
        problem=problem,
        groups=[group.name for group in StatusGroup],
        providers=view.gateway.dispatcher.providers,
        channels=tuple(CHANNELS),
    )


@for_operators
async def message(view: View) -> Response:
    """`GET /operator/messages/{id}`."""
    record = await _record(view)
    content = await find_message(view.gateway, record.id)
    return view.page(
        "message.html",
        record=record,
        content=content.content if content else None,
        send_at=await view.gateway.store.call(view.gateway.schedule.scheduled_time_of, record),
        decisions=list(_decisions(record)),
        advice=[ADVICE_TEXTS[one] for one in ADVICE_TEXTS if one in record.advice],
        failure=FAILURE_TEXTS.get(record.failure, "") if record.failure else "",
        outcome=OUTCOME_TEXTS[record.outcome],
    )


@for_operators
async def message_file(view: View) -> Response:
    """`GET /operator/messages/{id}/files/{position}`: a file of a mail."""
    record = await _record(view)
    found = await find_message(view.gateway, record.id)
    return file_response(found, view.request.path_params["position"])


def providers_of(record: MessageRecord) -> list[str]:
    """Return who was asked, each once."""
    return list(dict.fromkeys(one.provider for one in record.attempts))


async def _find(
    view: View, search: _Search, cursor: str | None
) -> tuple[Sequence[MessageRecord], str | None]:
    """Return a page of messages, and the cursor of the next one."""
    found: list[MessageRecord] = []
    arguments, before = search.arguments(), cursor
    size = _PAGE if not search.provider else _BATCH
    for _ in range(_MAX_BATCHES):
        records = await view.gateway.dispatcher.list_messages(
            scope=view.scope, limit=size, before=before, **arguments
        )
        wanted = [one for one in records if not search.provider or search.provider in providers_of(one)]
        found += wanted
        if len(found) >= _PAGE:
            return found[:_PAGE], found[_PAGE - 1].id
        if len(records) < size:
            return found, None
        before = records[-1].id
    return found, before


async def _record(view: View) -> MessageRecord:
    message_id: str = view.request.path_params["id"]
    record = await view.gateway.dispatcher.get_message(message_id) if WORD.fullmatch(message_id) else None
    if record is None or view.operator.tenant not in (None, record.scope):
        raise Problem("not_found", "message not found")
    return record


def _decisions(record: MessageRecord) -> list[str]:
    """Return what was decided on the way, in words."""
    account = f"the account {record.account}" if record.account else "the platform's account"
    told = [f"It is sent from {account}."]
    for attempt in record.attempts:
        waited = f" after a wait of {attempt.delay:g} s" if attempt.delay else ""
        told.append(f"Attempt {attempt.number} asked {attempt.provider}{waited}.")
    told += [
        f"Step {one.number} of the fallback went on by {one.channel} ({one.message_type}) to {one.address}."
        for one in record.steps
    ]
    if record.stop_reason:
        told.append(f"No further attempt was made: {record.stop_reason}.")
    elif record.in_progress and record.outcome is not Outcome.ACCEPTED:
        told.append("It is under way.")
    return told


def _time(text: str) -> float | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
