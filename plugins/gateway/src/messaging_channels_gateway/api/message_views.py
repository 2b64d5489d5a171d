"""What became of messages: one of them, or lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from messaging_channels.plugins import StatusGroup
from messaging_channels.plugins import status as statuses
from messaging_channels_gateway.api.request_context import authenticate, gateway_of, json_response, path_id
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.problems import Problem, problem_of_validation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels.plugins import MessageRecord
    from messaging_channels_gateway.api.request_context import Json
    from messaging_channels_gateway.gateway import Gateway

Query = TypeVar("Query", bound=BaseModel)
_CHANNELS = "|".join(CHANNELS)
_GROUPS = "|".join(group.name for group in StatusGroup)


class ListQuery(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, alias_generator=to_camel)

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="`next` of the page before."
    )
    channel: Annotated[str, Field(pattern=f"^({_CHANNELS})$")] | None = None
    status: Annotated[str, Field(pattern=f"^({_GROUPS})$")] | None = Field(
        default=None, description="The name of a status group."
    )
    since: float | None = Field(default=None, ge=0, le=1e11, description="Seconds since the epoch, UTC.")
    until: float | None = Field(default=None, ge=0, le=1e11, description="Seconds since the epoch, UTC.")


async def get_message(request: Request) -> Response:
    """`GET /v1/messages/{id}`: what became of it. Another tenant's message is as unknown as one that never was."""
    caller = await authenticate(request, "read:messages")
    record = await gateway_of(request).dispatcher.get_message(path_id(request))
    if record is None or record.scope != caller.tenant:
        raise Problem("not_found", "message not found")
    return json_response(await _message_json(record, gateway_of(request)))


async def cancel_message(request: Request) -> Response:
    """`DELETE /v1/messages/{id}`: it is not sent. Done already, it is the same answer."""
    caller, gateway = await authenticate(request, "send:advanced"), gateway_of(request)
    record = await gateway.dispatcher.get_message(path_id(request))
    if record is None or record.scope != caller.tenant:
        raise Problem("not_found", "message not found")
    ended = record if record.status == statuses.REJECTED_CANCELLED else await gateway.schedule.cancel(record)
    if ended is None:
        raise Problem("not_cancellable", "the message may have been sent, or has ended")
    return json_response(await _message_json(ended, gateway))


async def list_messages(request: Request) -> Response:
    """`GET /v1/messages`: the tenant's messages, the newest first."""
    caller = await authenticate(request, "read:messages")
    query = validate_query(ListQuery, request)
    records = await gateway_of(request).dispatcher.list_messages(
        scope=caller.tenant,
        limit=query.limit,
        before=query.cursor,
        channel=query.channel,
        group_id=StatusGroup[query.status] if query.status else None,
        since=query.since,
        until=query.until,
    )
    more = records[-1].id if len(records) == query.limit else None
    shown = [await _message_json(record, gateway_of(request)) for record in records]
    return json_response({"messages": shown, "next": more})


def validate_query(model: type[Query], request: Request) -> Query:
    """Return the query of a request as its model.

    Raises:
        Problem: `invalid_query`.
    """
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Problem("invalid_query", f"query parameter {twice[0][:40]!r} was given twice")
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise problem_of_validation(error, frozenset(model.model_fields), "invalid_query") from None


async def _message_json(record: MessageRecord, gateway: Gateway) -> Json:
    at = await gateway.store.call(gateway.schedule.scheduled_time_of, record)
    return {
        "messageId": record.id,
        "channel": record.channel,
        "type": record.message_type,
        "destination": record.address,
        "createdAt": format_timestamp(record.created_at),
        "sendAt": None if at is None else format_timestamp(at),
        "status": record.status.as_dict(),
        "version": record.version,
        "outcome": record.outcome.value,
        "idempotencyKey": record.idempotency_key,
        **_failure_json(record),
        "attempts": [
            {
                "number": attempt.number,
                "provider": attempt.provider,
                "startedAt": format_timestamp(attempt.started_at),
                "seconds": attempt.duration,
                "outcome": attempt.outcome.value,
                "reason": attempt.result.reason.value if attempt.result else "in_progress",
                "providerId": attempt.result.provider_id if attempt.result else None,
                **_failure_json(attempt.result),
            }
            for attempt in record.attempts
        ],
        "events": [
            {
                "eventType": one.event_type,
                "at": format_timestamp(one.occurred_at),
                "status": one.status.as_dict() if one.status else None,
                **_failure_json(one),
            }
            for one in record.events
        ],
    }


def _failure_json(told: Any) -> Json:  # noqa: ANN401  a record, a result or an event, or none
    """Return why it failed, and what may be done."""
    return {
        "failure": told.failure if told else None,
        "advice": sorted(told.advice) if told else [],
        "vendorCode": told.vendor_code if told else "",
        "vendorText": told.vendor_text if told else "",
    }


def format_timestamp(at: float) -> str:
    """Return a time as RFC 3339 has it, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
