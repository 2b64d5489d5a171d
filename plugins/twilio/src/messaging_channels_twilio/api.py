"""Calls of Twilio's API that send no message, as flows: run them with `Transport().run(flow)` or `await AsyncTransport().run(flow)`.

Source: https://www.twilio.com/docs/messaging/api/message-resource. None of these sends a message, so each may safely be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from messaging_channels.errors import InvalidMessage
from messaging_channels.events import InboundMedia
from messaging_channels.plugins import Flow, HttpRequest, HttpResponse, ask
from messaging_channels_twilio import endpoints
from messaging_channels_twilio.endpoints import product_url
from messaging_channels_twilio.message_resource import (
    TwilioMessage,
    as_object,
    as_objects,
    parse_json,
    parse_message,
)
from messaging_channels_twilio.responses import TwilioApiError

_VERSION = "/2010-04-01"
_MAX_PAGE_SIZE = 1000
_SID = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the messages of a listing, and where the next ones are (None after the last)."""

    messages: Sequence[TwilioMessage]
    next_uri: str | None = field(repr=False)  # it repeats the addresses that were asked for


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left on the account."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A file that was downloaded."""

    content: bytes = field(repr=False)
    content_type: str
    id: str
    """The SID (ME…)."""


@dataclass(frozen=True, slots=True)
class TwilioSender:
    """A sender of RCS or WhatsApp."""

    sid: str
    """Twilio's id (XE…)."""
    sender: str
    """As it stands in `From`, such as `rcs:acme_agent`."""
    status: str
    """Twilio's word, such as `ONLINE` or `DRAFT`."""
    offline_codes: tuple[str, ...] = ()
    """Why it is offline."""

    @property
    def is_online(self) -> bool:
        """Whether it can send: also while a change of it is looked at."""
        return self.status.partition(":")[0] == "ONLINE"


class TwilioApi:
    """The resources of one account. Every flow raises TwilioApiError for an answer that is no success, and lets TransportError pass."""

    def __init__(self, *, base_url: str, account_sid: str, authorization: str) -> None:
        """Take what `hosts` made of the settings."""
        self._base_url = base_url
        self._account = f"{_VERSION}/Accounts/{account_sid}"
        self._read_headers = {
            "authorization": authorization,
            "accept": "application/json",
            "user-agent": _AGENT,
        }
        self._write_headers = {**self._read_headers, "content-type": "application/x-www-form-urlencoded"}

    def fetch(self, sid: str) -> Flow[TwilioMessage]:
        """Return the message as it stands."""
        return (yield from self._message("GET", sid, operation="fetch"))

    def list_messages(
        self,
        *,
        to: str | None = None,
        sender: str | None = None,
        since: date | None = None,
        until: date | None = None,
        page_size: int = 50,
    ) -> Flow[Page]:
        """Return the first page of the account's messages, the latest sent first; `next_page` returns the others.

        `to` and `sender` are written as Twilio does (`+447700900123`, `whatsapp:+447700900123`); `since` and `until` are days in UTC, both included. A
        message that waits to be sent has no day yet, and may be missing.
        """
        given = {"To": to, "From": sender, "DateSent>": since, "DateSent<": until}
        query = {name: str(value) for name, value in given.items() if value is not None}
        query["PageSize"] = str(min(max(1, page_size), _MAX_PAGE_SIZE))
        response = yield from self._call_api(
            "GET", f"{self._account}/Messages.json?{urlencode(query)}", "list"
        )
        return _page(response)

    def next_page(self, page: Page) -> Flow[Page]:
        """Return the page after this one; an empty one after the last. Only this account's listings are followed."""
        uri = page.next_uri or ""
        if not uri.startswith(f"{self._account}/Messages.json?"):
            return Page((), None)
        return _page((yield from self._call_api("GET", uri, "list")))

    def cancel(self, sid: str) -> Flow[TwilioMessage]:
        """Cancel a message that is scheduled. Refused with 30409 when it is too late."""
        return (yield from self._message("POST", sid, (("Status", "canceled"),), operation="cancel"))

    def redact(self, sid: str) -> Flow[TwilioMessage]:
        """Empty the text of a message that is over. Backups may hold it for 30 days more."""
        return (yield from self._message("POST", sid, (("Body", ""),), operation="redact"))

    def delete(self, sid: str) -> Flow[None]:
        """Delete a message that is over, and its media."""
        yield from self._call_api("DELETE", self._path(sid), "delete")

    def media(self, sid: str) -> Flow[Sequence[Mapping[str, Any]]]:
        """Return the media of a message, as Twilio describes them."""
        path = self._path(sid, "/Media.json")
        return as_objects(parse_json((yield from self._call_api("GET", path, "media"))).get("media_list"))

    def download(self, media: InboundMedia | str) -> Flow[DownloadedFile]:
        """Fetch a file that came with a message, by what `MessageReceived.media` holds or by its URL.

        Twilio asks for the account's credentials, and then leads to a storage that does not see them.

        Raises:
            InvalidMessage: it is no URL of this account's media.
        """
        url = media if isinstance(media, str) else media.url or ""
        own = f"{self._base_url}{self._account}/Messages/"
        if not url.startswith(own) or not url.isascii() or not url.isprintable():
            raise InvalidMessage(
                "must be the URL of a file of this account", field="media", hint="use the URL of event.media"
            )
        response = yield from ask(HttpRequest("GET", url, self._read_headers, may_send=False))
        for _ in range(_MAX_REDIRECTS):
            target = response.headers.get("location", "")
            if response.status not in _REDIRECTS or not endpoints.is_trusted_url(target):
                break
            response = yield from ask(HttpRequest("GET", target, {"user-agent": _AGENT}, may_send=False))
        if not response.ok:
            raise TwilioApiError(response, "download")
        kind = response.headers.get("content-type", "")
        return DownloadedFile(response.body, kind, url.rpartition("/")[2])

    def delete_media(self, sid: str, media_sid: str) -> Flow[None]:
        """Delete one file of a message."""
        yield from self._call_api(
            "DELETE", self._path(sid, f"/Media/{_require_sid(media_sid)}.json"), "delete media"
        )

    def feedback(self, sid: str, *, confirmed: bool) -> Flow[None]:
        """Tell Twilio whether a message reached its aim. It has to be sent with `provide_feedback`."""
        outcome = (("Outcome", "confirmed" if confirmed else "unconfirmed"),)
        yield from self._call_api("POST", self._path(sid, "/Feedback.json"), "feedback", outcome)

    def balance(self) -> Flow[Balance | None]:
        """Return what is left on the account: also the least way to prove the credentials. None if the answer names no amount."""
        answer = parse_json((yield from self._call_api("GET", f"{self._account}/Balance.json", "balance")))
        try:
            return Balance(Decimal(str(answer.get("balance"))), str(answer.get("currency") or ""))
        except InvalidOperation:
            return None

    def templates(self) -> Flow[Mapping[tuple[str, str], str]]:
        """Return the account's content templates, as the argument `templates` of Twilio takes them: SIDs by name and language."""
        found: dict[tuple[str, str], str] = {}
        base, target = product_url(self._base_url, "content"), "/v1/Content?PageSize=500"
        for _ in range(_MAX_PAGES):
            answer = parse_json((yield from self._call_api("GET", target, "templates", base=base)))
            for one in as_objects(answer.get("contents")):
                key = (str(one.get("friendly_name") or ""), str(one.get("language") or ""))
                found.setdefault(key, str(one.get("sid") or ""))
            target = _next_page_path(as_object(answer.get("meta")).get("next_page_url"), base, "/v1/Content")
            if not target:
                break
        return found

    def senders(self, channel: str = "rcs") -> Flow[Sequence[TwilioSender]]:
        """Return the account's senders of a channel, `rcs` or `whatsapp`, with what Twilio says of each.

        Source: https://www.twilio.com/docs/messaging/api/channels-senders-api
        """
        found: list[TwilioSender] = []
        base, path = product_url(self._base_url, "messaging"), "/v2/Channels/Senders"
        target = f"{path}?{urlencode({'Channel': channel, 'PageSize': 100})}"
        for _ in range(_MAX_PAGES):
            answer = parse_json((yield from self._call_api("GET", target, "senders", base=base)))
            found += map(_sender, as_objects(answer.get("senders")))
            target = _next_page_path(as_object(answer.get("meta")).get("next_page_url"), base, path)
            if not target:
                break
        return [one for one in found if one.sender.startswith(f"{channel}:")]

    def _message(
        self, method: str, sid: str, form: Sequence[tuple[str, str]] = (), *, operation: str
    ) -> Flow[TwilioMessage]:
        response = yield from self._call_api(method, self._path(sid), operation, form)
        message = parse_message(parse_json(response))
        if message is None:
            raise TwilioApiError(response, operation)
        return message

    def _call_api(
        self,
        method: str,
        target: str,
        operation: str,
        form: Sequence[tuple[str, str]] = (),
        *,
        base: str = "",
    ) -> Flow[HttpResponse]:
        headers = self._write_headers if form else self._read_headers
        body = urlencode(form).encode()
        response = yield from ask(
            HttpRequest(method, (base or self._base_url) + target, headers, body, may_send=False)
        )
        if not response.ok:
            raise TwilioApiError(response, operation)
        return response

    def _path(self, sid: str, rest: str = ".json") -> str:
        return f"{self._account}/Messages/{_require_sid(sid)}{rest}"


def _require_sid(sid: str) -> str:
    if not _SID.fullmatch(sid):
        raise InvalidMessage("must be a SID", field="sid", hint="give the provider_id of the receipt")
    return quote(sid, safe="")


def _page(response: HttpResponse) -> Page:
    answer = parse_json(response)
    read = [parse_message(one) for one in as_objects(answer.get("messages"))]
    following = answer.get("next_page_uri")
    return Page([one for one in read if one], following if isinstance(following, str) and following else None)


def _sender(told: Mapping[str, Any]) -> TwilioSender:
    reasons = as_objects(told.get("offline_reasons"))
    return TwilioSender(
        sid=str(told.get("sid") or ""),
        sender=str(told.get("sender_id") or ""),
        status=str(told.get("status") or ""),
        offline_codes=tuple(str(one.get("code") or "") for one in reasons),
    )


def _next_page_path(url: object, base: str, path: str) -> str:
    """Return path and query of the next page; empty if there is none, or if it is somebody else's: it will be asked with our credentials."""
    try:
        parts, own = urlsplit(url if isinstance(url, str) else ""), urlsplit(base)
    except ValueError:
        return ""
    if (parts.scheme, parts.netloc) != (own.scheme, own.netloc) or not parts.path.startswith(path):
        return ""
    return f"{parts.path}?{parts.query}"


_AGENT = "messaging-channels-twilio"
_MAX_PAGES = 100
_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
