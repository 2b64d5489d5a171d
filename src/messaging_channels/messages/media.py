"""Files that go with a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from messaging_channels._model.errors import InvalidMessage

_ALL_BUT_ONE = 2


@dataclass(frozen=True, slots=True)
class Media:
    """A file: a public URL, the provider's id, or bytes. A provider that uploads media turns bytes into an id."""

    url: str | None = field(default=None, repr=False)
    id: str | None = None
    content: bytes | None = field(default=None, repr=False)
    content_type: str = ""
    """Its MIME type. Needed for bytes; in a header it tells an image from a video or a document."""
    filename: str | None = field(default=None, repr=False)
    """The name a document is shown under, in a header."""

    def __post_init__(self) -> None:
        """Check that it is exactly one of the three."""
        if [self.url, self.id, self.content].count(None) != _ALL_BUT_ONE:
            raise InvalidMessage("needs a url, an id or bytes", field="Media", hint="give exactly one")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise InvalidMessage("must be an http or https URL", field="Media.url", hint="give https://…")
        if self.content is not None and "/" not in self.content_type:
            raise InvalidMessage(
                "is missing for bytes", field="Media.content_type", hint="give a MIME type such as image/png"
            )

    @classmethod
    def read(cls, path: Path, content_type: str = "") -> Media:
        """Read a file. The file name decides the MIME type if you give none.

        Raises:
            OSError: the file cannot be read.
            InvalidMessage: neither its name nor its content shows its MIME type.
        """
        from mimetypes import guess_type  # noqa: PLC0415  rarely needed and slow to import

        return cls(content=path.read_bytes(), content_type=content_type or guess_type(path.name)[0] or "")

    def as_upload(self) -> tuple[Media, ...]:
        """Return itself if it is bytes, else nothing."""
        return () if self.content is None else (self,)
