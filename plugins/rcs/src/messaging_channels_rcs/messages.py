"""Text and files by RCS, and what all messages of the channel share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Message, ProviderOptions
from messaging_channels_rcs import limits
from messaging_channels_rcs.suggestions import Suggestion


@dataclass(frozen=True, slots=True)
class SmsFallback:
    """The SMS that the vendor itself sends when the phone cannot be reached by RCS. Its reports come under the same message.

    It is the vendor's alternative to a `Fallback` of ours; a message with one is the last step of such a fallback or none of it.
    """

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    text: str = field(repr=False)
    sender: str | None = None
    """None for the account's sender of text messages."""
    validity_period: timedelta | None = None

    def __post_init__(self) -> None:
        """Check the text and the time."""
        if not self.text.strip():
            raise InvalidMessage("must not be blank", field="SmsFallback.text", hint="give some text")
        if self.validity_period is not None and self.validity_period <= timedelta(0):
            raise InvalidMessage("must be positive", field="SmsFallback.validity_period", hint="give more")


class RcsMessage(Message):
    """Base class of all RCS messages, with the fields that each of them has."""

    __slots__ = ()

    sender: str | None
    validity_period: timedelta | None
    sms_fallback: SmsFallback | None
    suggestions: tuple[Suggestion, ...]

    @property
    def validity(self) -> timedelta:
        """For how long it may be tried: its own period, or else 10 minutes for a code and 48 hours for anything else."""
        if self.validity_period is not None:
            return self.validity_period
        return limits.CODE_VALIDITY if self.category == "authentication" else limits.DEFAULT_VALIDITY

    @property
    def has_vendor_fallback(self) -> bool:
        """Whether the vendor sends an SMS if the phone can't receive RCS: true with `sms_fallback`."""
        return self.sms_fallback is not None

    def check_common(self) -> None:
        """Refuse too many suggestions, and a validity that is none."""
        name = type(self).__name__
        limits.require_number_of(
            len(self.suggestions), f"{name}.suggestions", at_least=0, at_most=limits.SUGGESTIONS
        )
        period = self.validity_period
        if period is not None and not timedelta(0) < period <= limits.MAX_VALIDITY:
            raise InvalidMessage(
                "must be positive, and at most 15 days", field=f"{name}.validity_period", hint="change it"
            )


@dataclass(frozen=True, slots=True)
class RcsText(RcsMessage):
    """A text of up to 3072 characters, with up to 11 suggestions."""

    text: str = field(repr=False)
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    sender: str | None = None
    """The agent that it comes from, by the vendor's id of it. None for the account's own."""
    validity_period: timedelta | None = None
    """For how long it may be tried. None for 48 hours, or 10 minutes for a code."""
    sms_fallback: SmsFallback | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)
    """Purpose of the message: see `Message.category`."""

    def __post_init__(self) -> None:
        """Check the text."""
        limits.require_length(self.text, "RcsText.text", limits.TEXT)
        self.check_common()


@dataclass(frozen=True, slots=True)
class RcsFile(RcsMessage):
    """An image, a video, a sound or a PDF by its public URL, with up to 11 suggestions."""

    url: str = field(repr=False)
    thumbnail: str | None = field(default=None, repr=False)
    """The public URL of a small picture that is shown first."""
    content_type: str = ""
    """Its MIME type, such as `video/mp4`. The ending of the URL tells it without."""
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    sender: str | None = None
    validity_period: timedelta | None = None
    sms_fallback: SmsFallback | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the URLs."""
        limits.require_url(self.url, "RcsFile.url")
        if self.thumbnail is not None:
            limits.require_url(self.thumbnail, "RcsFile.thumbnail")
        self.check_common()

    @property
    def family(self) -> str:
        """`image`, `video`, `audio`, or `application` for anything else."""
        from mimetypes import guess_type  # noqa: PLC0415  rarely needed

        kind = self.content_type or guess_type(self.url.partition("?")[0])[0] or ""
        family = kind.partition("/")[0]
        return family if family in ("image", "video", "audio") else "application"
