"""What the answers to a send mean: statuses, and both of Infobip's error envelopes.

Sources: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes for the statuses, the API's OpenAPI document for the
two error envelopes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias, TypedDict, cast

from messaging_channels.plugins import (
    AttemptResult,
    Envelope,
    HttpResponse,
    Reason,
    Status,
    result_from_status,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_infobip._table_statuses import GROUP_REASONS, REASONS
from messaging_channels_infobip.failures import failure_of


def parse_batch_response(response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
    """Read the answer to a batch. Never raises, whatever came."""
    if not response.ok:
        return [_refused_result(response, alone=len(batch) == 1)] * len(batch)
    elements = _elements_by_id(response)
    if len(batch) == 1 and len(elements) == 1 and batch[0].id not in elements:
        (element,) = elements.values()
        return [_result_of_element(_only_element(element, batch[0]), batch[0], response)]
    return [
        _result_of_element(elements.get(one.id) or _element_for_recipient(elements, one), one, response)
        for one in batch
    ]


def parse_single_response(response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
    """Read the answer to a request of one message, whose answer is one element. Never raises."""
    (envelope,) = batch
    if not response.ok:
        return [_refused_result(response, alone=True)]
    element = as_object(parse_json(response))
    return [_result_of_element(element if "messageId" in element else {}, envelope, response)]


def _refused_result(response: HttpResponse, *, alone: bool) -> AttemptResult:
    """Say what a refused request means. That there is no such path is no fault of the message: another provider may have it."""
    said = describe_error(response)
    result = result_from_status(response, said, is_from_provider=bool(said))
    if said and response.status in _NO_SUCH_PATH:
        result = AttemptResult.of(Reason.NO_COVERAGE, result.detail, raw_response=response)
    return replace(result, request_rejected=not alone, **_error_words(response))


def _result_of_element(
    element: Mapping[str, Any], envelope: Envelope, response: HttpResponse
) -> AttemptResult:
    """Say what an element means; it is empty if there is none."""
    meaning = _meaning_of(element.get("status"), envelope.channel)
    if meaning is None:
        return result_from_status(response, "the answer does not name this message")
    reason, status, detail = meaning
    provider_id = str(element.get("messageId") or envelope.id)
    if reason is Reason.ACCEPTED:
        return AttemptResult(reason, status, provider_id, detail, None, element)
    told = failure_of(status, as_object(element.get("error")), envelope.channel)
    return AttemptResult(reason, status, provider_id, detail, None, element, **told)


_Meaning: TypeAlias = tuple[Reason, Status, str]
"""What becomes of a message, the status it has then, and the detail for the operator."""


def _meaning_of(value: object, channel: str) -> _Meaning | None:
    """Say what a status object in an answer means; None if it is none."""
    told = as_object(value).get
    try:
        return _meaning(
            channel, told("groupId"), told("id"), told("groupName"), told("name"), told("description")
        )
    except TypeError:  # one of them is no plain value
        return None


@lru_cache(maxsize=1024, typed=True)
def _meaning(channel: str, *fields: object) -> _Meaning | None:
    return _status_with_vendor_words(_status(*fields), channel)


def _status_with_vendor_words(status: Status | None, channel: str) -> _Meaning | None:
    if status is None:
        return None
    reason = reason_of(status, channel)
    if reason is Reason.DUPLICATE:
        return reason, statuses.PENDING_ACCEPTED, status.name
    if reason is Reason.ACCEPTED:
        return reason, status, ""
    return reason, status, f"{status.group_id}/{status.id} {status.name}"


def reason_of(status: Status, channel: str = "all") -> Reason:
    """Say what a status in an answer means. An unknown group leaves the message unidentified."""
    number = (status.group_id, status.id)
    listed = REASONS.get((channel, *number)) or REASONS.get(("all", *number))
    return listed or GROUP_REASONS.get(status.group_id, Reason.UNREADABLE_RESPONSE)


def parse_status(value: object) -> Status | None:
    """Read a status object; None if it is none. Unknown numbers and names are kept as they came."""
    told = as_object(value).get
    try:
        return _status(told("groupId"), told("id"), told("groupName"), told("name"), told("description"))
    except TypeError:  # one of them is no plain value
        return None


@lru_cache(maxsize=1024, typed=True)
def _status(group_id: object, status_id: object, *words: object) -> Status | None:
    if type(group_id) is not int or type(status_id) is not int:
        return None
    group_name, name, description = (str(word or "") for word in words)
    return Status(group_id, group_name, status_id, name, description)


def parse_json(response: HttpResponse) -> Any:  # noqa: ANN401  whatever came
    """Return the body parsed as JSON, or None if it is none."""
    try:
        return response.json()
    except ValueError:
        return None


def as_object(value: object) -> dict[str, Any]:
    """Return an object's members; none if it is no object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list; none if it is no list."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]


def _elements_by_id(response: HttpResponse) -> dict[str, dict[str, Any]]:
    """Return the elements of the answer by their ids, which are ours: their order is not promised."""
    try:
        listed: Any = response.json()["messages"]
        return {one["messageId"]: one for one in listed}
    except (ValueError, TypeError, KeyError):  # it is no JSON, or not all of it is as it should be
        listed = as_objects(as_object(parse_json(response)).get("messages"))
        return {one["messageId"]: one for one in listed if isinstance(one.get("messageId"), str)}


def _only_element(element: dict[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the one element of the answer to one message: it is that message's, by whatever id, unless it names somebody else."""
    named = element.get("destination") or element.get("to")
    if not isinstance(element.get("messageId"), str):
        return {}
    return element if named is None or _is_same_address(str(named), envelope.to.plain) else {}


def _is_same_address(one: str, other: str) -> bool:
    return one.removeprefix("+").casefold() == other.removeprefix("+").casefold()


def _element_for_recipient(elements: Mapping[str, dict[str, Any]], envelope: Envelope) -> dict[str, Any]:
    """Find the element of a message by its recipient, where the answer to a mail names ids of its own."""
    if envelope.channel != "email":
        return {}
    to = envelope.to.plain
    named = [one for one in elements.values() if isinstance(one["messageId"], str)]
    found = [one for one in named if to in (one.get("to"), one.get("destination"))]
    return found[0] if len(found) == 1 else {}


class _ErrorWords(TypedDict):
    vendor_code: str
    vendor_text: str


def _error_words(response: HttpResponse) -> _ErrorWords:
    """Return code and text of either error envelope."""
    envelope = as_object(parse_json(response))
    old = as_object(as_object(envelope.get("requestError")).get("serviceException"))
    return {
        "vendor_code": str(envelope.get("errorCode") or old.get("messageId") or ""),
        "vendor_text": str(envelope.get("description") or old.get("text") or ""),
    }


def describe_error(response: HttpResponse) -> str:
    """Return code and violated fields of either error envelope; numbers that may be somebody's are hidden."""
    envelope = as_object(parse_json(response))
    old = as_object(as_object(envelope.get("requestError")).get("serviceException"))
    fields = [str(one.get("property")) for one in as_objects(envelope.get("violations"))]
    fields = fields or list(as_object(old.get("validationErrors")))
    words = " ".join([str(envelope.get("errorCode") or old.get("messageId") or ""), *fields])
    return _PERSONAL.sub("…", words)[:200].strip()


_NO_SUCH_PATH = frozenset({404, 405})
_PERSONAL = re.compile(r"\d{5,}|[^\s@]+@[^\s@]+")
