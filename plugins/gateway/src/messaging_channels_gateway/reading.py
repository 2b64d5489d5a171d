"""What became of messages: one of them, or lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from messaging_channels.plugins import Group
from messaging_channels.plugins import status as statuses
from messaging_channels_gateway.calls import answer, caller_of, gateway_of, id_in
from messaging_channels_gateway.problems import Problem, problem_of_fields

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels.plugins import Record
    from messaging_channels_gateway.calls import Json
    from messaging_channels_gateway.scheduling import Schedule

Query = TypeVar("Query", bound=BaseModel)
_GROUPS = "|".join(group.name for group in Group)


class ListQuery(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, alias_generator=to_camel)

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="`next` of the page before."
    )
    channel: Annotated[str, Field(pattern="^(sms|whatsapp|email)$")] | None = None
    status: Annotated[str, Field(pattern=f"^({_GROUPS})$")] | None = Field(
        default=None, description="The name of a status group."
    )
    since: float | None = Field(default=None, ge=0, le=1e11, description="Seconds since the epoch, UTC.")
    until: float | None = Field(default=None, ge=0, le=1e11, description="Seconds since the epoch, UTC.")


async def one_message(request: Request) -> Response:
    """`GET /v1/messages/{id}`: what became of it. Another realm's message is as unknown as one that never was."""
    caller = caller_of(request, "read:messages")
    record = await gateway_of(request).dispatcher.find(id_in(request))
    if record is None or record.scope != caller.realm:
        raise Problem("not_found", "there is no message with that id")
    return answer(_shown(record, gateway_of(request).schedule))


async def cancel(request: Request) -> Response:
    """`DELETE /v1/messages/{id}`: it is not sent. Done already, it is the same answer."""
    caller, gateway = caller_of(request, "send:options"), gateway_of(request)
    record = await gateway.dispatcher.find(id_in(request))
    if record is None or record.scope != caller.realm:
        raise Problem("not_found", "there is no message with that id")
    ended = (
        record if record.status == statuses.REJECTED_CANCELLED else await gateway.schedule.cancelled(record)
    )
    if ended is None:
        raise Problem("not_cancellable", "it may have been sent, or has ended")
    return answer(_shown(ended, gateway.schedule))


async def messages(request: Request) -> Response:
    """`GET /v1/messages`: the realm's messages, the newest first."""
    caller = caller_of(request, "read:messages")
    query = queried(ListQuery, request)
    records = await gateway_of(request).dispatcher.browse(
        scope=caller.realm,
        limit=query.limit,
        before=query.cursor,
        channel=query.channel,
        group_id=Group[query.status] if query.status else None,
        since=query.since,
        until=query.until,
    )
    more = records[-1].id if len(records) == query.limit else None
    schedule = gateway_of(request).schedule
    return answer({"messages": [_shown(record, schedule) for record in records], "next": more})


def queried(model: type[Query], request: Request) -> Query:
    """Return the query of a request as its model.

    Raises:
        Problem: `invalid_query`.
    """
    given = request.query_params.multi_items()
    if len(given) != len(dict(given)):
        raise Problem("invalid_query", "a parameter stands there twice")
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise problem_of_fields(error, frozenset(model.model_fields), "invalid_query") from None


def _shown(record: Record, schedule: Schedule) -> Json:
    at = schedule.time_of(record)
    return {
        "messageId": record.id,
        "channel": record.channel,
        "type": record.kind,
        "destination": record.address,
        "createdAt": moment(record.created),
        "sendAt": None if at is None else moment(at),
        "status": record.status.as_dict(),
        "version": record.version,
        "outcome": record.outcome.value,
        "idempotencyKey": record.idempotency_key,
        "attempts": [
            {
                "number": attempt.number,
                "provider": attempt.provider,
                "startedAt": moment(attempt.started),
                "seconds": attempt.duration,
                "outcome": attempt.kind.value,
                "reason": attempt.outcome.reason.value if attempt.outcome else "open",
                "providerId": attempt.outcome.provider_id if attempt.outcome else None,
            }
            for attempt in record.attempts
        ],
        "events": [
            {"kind": one.kind, "at": moment(one.at), "status": one.status.as_dict() if one.status else None}
            for one in record.events
        ],
    }


def moment(at: float) -> str:
    """Return a time as RFC 3339 has it, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
