"""The bodies of the calls that send. What they say of a message is the channel's; who sends it, when, and where its changes are posted is the gateway's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from messaging_channels.plugins import MessageRequest, RequestModel, request_of
from messaging_channels_gateway.channels import CHANNELS, title_of
from messaging_channels_gateway.problems import problem_of_validation

__all__ = [
    "ADDRESS_BODIES",
    "MAX_RECIPIENTS",
    "RECIPIENT_BODIES",
    "AddressBody",
    "AnyBody",
    "Line",
    "RequestModel",
    "SendBody",
    "Url",
    "validate_body",
]

MAX_RECIPIENTS = 1000

Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=320)]
Url: TypeAlias = Annotated[str, Field(min_length=8, max_length=2048, pattern=r"^https?://[!-~]+$")]
To: TypeAlias = Annotated[
    Line | Annotated[list[Line], Field(min_length=1, max_length=MAX_RECIPIENTS)],
    Field(description="An address; or several, who each get the message.", examples=["38598123456"]),
]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _parse_timestamp(value: object) -> datetime:
    """Read a time as RFC 3339 has it, which always has an offset; seconds may be left out."""
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("datetime_with_offset", "not a date and time with an offset")


Timestamp: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_parse_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


@cache
def _advanced_fields(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name in model.model_fields if name not in ("content", "to"))


class SendBody(MessageRequest):
    """What a call that sends may choose, besides the message."""

    sender: str | None = Field(
        default=None,
        min_length=1,
        max_length=320,
        description="Who it comes from. Needs the scope send:advanced.",
    )
    callback_url: Url | None = Field(
        default=None, description="Where each change of its status is posted. Needs the scope send:advanced."
    )
    send_at: Timestamp | None = Field(
        default=None, description="When to send it, with an offset. Needs the scope send:advanced."
    )

    @property
    def uses_advanced_options(self) -> bool:
        """Whether anything is chosen that takes a right of its own: all but the content."""
        return any(getattr(self, name) for name in _advanced_fields(type(self)))


class AddressBody(SendBody):
    """The same to an address, or several."""

    to: To


AnyBody: TypeAlias = SendBody


def _recipient_body(channel: str) -> type[SendBody]:
    spec = CHANNELS[channel]
    request = request_of(spec)
    model: Any = create_model(
        f"{request.__name__.removesuffix('Request')}Body",
        __base__=cast("Any", (request, SendBody)),
        __doc__=f"{_sentence(title_of(spec))} to a User or a Person.",
    )
    return cast("type[SendBody]", model)


def _address_body(channel: str) -> type[AddressBody]:
    spec = CHANNELS[channel]
    request = request_of(spec)
    model: Any = create_model(
        f"{request.__name__.removesuffix('Request')}ToAddress",
        __base__=cast("Any", (request, AddressBody)),
        __doc__=f"{_sentence(title_of(spec))} to any address.",
        to=(To, Field(examples=[spec.example] if spec.example else None)),
    )
    return cast("type[AddressBody]", model)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


RECIPIENT_BODIES: Mapping[str, type[SendBody]] = {name: _recipient_body(name) for name in CHANNELS}
"""What is sent to somebody whom a resolver finds, by channel."""
ADDRESS_BODIES: Mapping[str, type[AddressBody]] = {name: _address_body(name) for name in CHANNELS}
"""What is sent to an address, by channel."""

Model = TypeVar("Model", bound=BaseModel)


def validate_body(model: type[Model], value: object) -> Model:
    """Return a body as its model.

    Raises:
        Problem: `invalid_body`, naming the fields.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise problem_of_validation(error, _fields(model)) from None


def _fields(model: type[BaseModel]) -> frozenset[str]:
    """Return every name that a field has anywhere in the model's schema."""
    if model not in _NAMES:
        schema = model.model_json_schema(by_alias=True)
        parts = [schema, *schema.get("$defs", {}).values()]
        _NAMES[model] = frozenset(name for part in parts for name in part.get("properties", {}))
    return _NAMES[model]


_NAMES: dict[type[BaseModel], frozenset[str]] = {}
