"""Files: those that were sent, named, and those that people sent to us, to be fetched.

Source: https://www.twilio.com/docs/messaging/api/media-resource
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_twilio.emulator.rules import RequestRejected

STORAGE = "/_twilio/storage/"
"""Where files are fetched: a storage that wants no credentials."""


@dataclass(slots=True)
class MediaStore:
    """The files of messages."""

    account_sid: str
    files: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict[str, Any])
    """Type and bytes, by the SIDs of the message and of the file."""

    def add(self, message_sid: str, contents: Sequence[tuple[str, bytes]], first: int) -> list[str]:
        """Keep the files of a message; return their SIDs."""
        sids = [f"ME{first + place:032x}" for place in range(len(contents))]
        self.files.setdefault(message_sid, {}).update(zip(sids, contents, strict=True))
        return sids

    def list(self, message_sid: str) -> HttpResponse:
        """Describe the files of a message."""
        items = [self._describe(message_sid, sid) for sid in self.files.get(message_sid, {})]
        page = {"media_list": items, "page": 0, "page_size": 50, "next_page_uri": None, "start": 0}
        return json_response(page)

    def fetch(self, message_sid: str, sid: str) -> HttpResponse:
        """Describe one file."""
        self._require(message_sid, sid)
        return json_response(self._describe(message_sid, sid))

    def redirect(self, message_sid: str, sid: str, url: str) -> HttpResponse:
        """Lead to the storage."""
        self._require(message_sid, sid)
        return HttpResponse(307, {"location": f"{url}{STORAGE}{message_sid}/{sid}"}, b"")

    def delete(self, message_sid: str, sid: str) -> HttpResponse:
        """Delete one file."""
        self._require(message_sid, sid)
        del self.files[message_sid][sid]
        return HttpResponse(204, {}, b"")

    def read(self, request: Request) -> HttpResponse:
        """Answer as the storage, which refuses whoever shows it credentials."""
        message_sid, _, sid = request.path.removeprefix(STORAGE).partition("/")
        held = self.files.get(message_sid, {}).get(sid)
        if "authorization" in request.headers or held is None:
            return HttpResponse(404 if held is None else 400, {}, b"")
        return HttpResponse(200, {"content-type": held[0]}, held[1])

    def _require(self, message_sid: str, sid: str) -> None:
        if sid not in self.files.get(message_sid, {}):
            raise RequestRejected(404, 20404)

    def _describe(self, message_sid: str, sid: str) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message_sid}/Media/{sid}.json"
        kind = self.files[message_sid][sid][0]
        own = {"sid": sid, "parent_sid": message_sid, "account_sid": self.account_sid}
        return {**own, "content_type": kind, "date_created": None, "date_updated": None, "uri": uri}
