"""Options that only Postmark understands, for `Email.provider_options`.

Source: https://postmarkapp.com/developer/api/email-api#send-a-single-email
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ProviderOptions

MESSAGE_ID = "message_id"
"""The name under which the metadata of every mail holds our id of it."""
TRACK_LINKS = ("None", "HtmlAndText", "HtmlOnly", "TextOnly")
_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
_MAX_NAME, _MAX_VALUE, _MAX_TAG = 20, 80, 1000


@dataclass(frozen=True, slots=True)
class PostmarkEmailOptions(ProviderOptions):
    """Message stream, tag, tracking and metadata of one mail."""

    provider: ClassVar[str] = "postmark"

    message_stream: str | None = None
    """Id of the message stream. Default: the account's setting."""
    tag: str | None = None
    """Tag for statistics, at most 1000 characters."""
    track_opens: bool | None = None
    """Whether opens are tracked. Default: the setting of the server."""
    track_links: Literal["None", "HtmlAndText", "HtmlOnly", "TextOnly"] | None = None
    """Where links are tracked. Default: the setting of the server."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Values that come back in every report: names of at most 20 characters, values of at most 80. `message_id` is the library's."""

    def __post_init__(self) -> None:
        """Check what Postmark would refuse.

        Raises:
            InvalidMessage: a field has a value that Postmark does not take.
        """
        object.__setattr__(self, "metadata", dict(self.metadata))
        if self.message_stream is not None:
            require_stream(self.message_stream)
        if self.tag is not None and not 1 <= len(self.tag) <= _MAX_TAG:
            raise _invalid("tag", f"must have 1 to {_MAX_TAG} characters", "shorten it")
        if self.track_links is not None and self.track_links not in TRACK_LINKS:
            raise _invalid("track_links", "has an unknown value", f"use one of {', '.join(TRACK_LINKS)}")
        for name, value in self.metadata.items():
            _require_metadata(name, value)

    def __hash__(self) -> int:
        """Return the same for equal options; the metadata is left out."""
        return hash((self.message_stream, self.tag, self.track_opens, self.track_links))


def require_stream(stream: str) -> None:
    """Refuse what cannot be the id of a message stream.

    Raises:
        InvalidMessage: it cannot.
    """
    if not _STREAM.fullmatch(stream):
        raise _invalid(
            "message_stream",
            "must be the id of a message stream",
            "copy the Stream ID, such as outbound or broadcast, from Postmark",
        )


def _require_metadata(name: object, value: object) -> None:
    if not (isinstance(name, str) and isinstance(value, str)):
        raise _invalid("metadata", "must hold texts only", "write numbers as texts")
    if name == MESSAGE_ID:
        raise _invalid("metadata", "holds message_id, which the library sets", "use another name")
    if not 1 <= len(name) <= _MAX_NAME or len(value) > _MAX_VALUE:
        raise _invalid(
            "metadata",
            f"has a name of more than {_MAX_NAME} characters, or a value of more than {_MAX_VALUE}",
            "shorten it",
        )


def _invalid(name: str, problem: str, hint: str) -> InvalidMessage:
    return InvalidMessage(problem, field=f"PostmarkEmailOptions.{name}", hint=hint)
