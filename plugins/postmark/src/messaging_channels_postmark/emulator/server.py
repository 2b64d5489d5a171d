"""Postmark on loopback: takes mails one by one or in batches, refuses some, and reports deliveries and bounces.

From any language: `python -m messaging_channels_postmark.emulator --webhook-url http://127.0.0.1:8000/hooks/postmark`.

Mails to `<type>@bounce-testing.postmarkapp.com`, such as `hardbounce@…`, bounce, as at Postmark (https://postmarkapp.com/support/article/1113). An address
that bounced hard, or complained, is inactive afterwards: the next mail to it is refused with the code 406.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, json_response
from messaging_channels_postmark._table_errors import BOUNCES
from messaging_channels_postmark.emulator.rules import addresses, find_refusal, recipients
from messaging_channels_postmark.webhook_auth import BasicAuth

TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105  documented, and known to everybody
BOUNCE_DOMAIN = "bounce-testing.postmarkapp.com"
MAX_BATCH = 500
_TYPES = {kind.lower(): kind for kind, *_ in BOUNCES} | {"spamcomplaint": "SpamComplaint"}
_INACTIVE_AFTER = frozenset({"HardBounce", "SpamComplaint"})


class PostmarkEmulator(Emulator):
    """Emulates one server of a Postmark account, with its message streams."""

    def __init__(
        self,
        *,
        server_token: str = "made-up",  # noqa: S107  of an emulator
        streams: Iterable[str] = ("outbound", "broadcast"),
        webhook_username: str = "postmark",
        webhook_password: str = "made-up",  # noqa: S107  of an emulator
        webhook_url: str | None = None,
        port: int = 0,
    ) -> None:
        """Take the token of the server, its streams, and where reports go with which user name and password."""
        super().__init__(port=port)
        self.messages: list[dict[str, Any]] = []
        """The mails that were taken, as they were written, in their order."""
        self.inactive: set[str] = set()
        """Addresses that Postmark no longer writes to, in lower case."""
        self._token = server_token
        self._streams = frozenset(streams)
        self._auth = BasicAuth(webhook_username, webhook_password)
        self._webhook_url = webhook_url
        self._bounces = 0

    def handle(self, request: Request) -> HttpResponse:
        """Answer one request as the vendor does."""
        if request.path not in ("/email", "/email/batch") or request.method != "POST":
            return _error(404, 404, "There is nothing at this address.")
        token = request.headers.get("x-postmark-server-token", "")
        known = (self._token, TEST_TOKEN)
        if not any(hmac.compare_digest(token.encode("latin-1"), one.encode()) for one in known):
            return _error(401, 10, "No Account or Server API tokens were supplied in the HTTP headers.")
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _error(422, 409, "The Content-Type is not application/json.")
        try:
            told = request.json()
        except (ValueError, RecursionError):
            return _error(422, 402, "Received invalid JSON input.")
        if request.path == "/email":
            answer = self._take(told, is_test=token == TEST_TOKEN)
            return json_response(answer, status=422 if answer["ErrorCode"] else 200)
        return self._take_batch(told, is_test=token == TEST_TOKEN)

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """Return what the emulator holds, for `GET /_emulator/state`."""
        return self.messages

    def signed_call(self, told: Mapping[str, Any], url: str) -> HttpRequest:
        """Describe a webhook call with the user name and the password."""
        headers = {"content-type": "application/json", "authorization": self._auth.header}
        return HttpRequest("POST", url, headers, json.dumps(told).encode())

    def _take_batch(self, told: object, *, is_test: bool) -> HttpResponse:
        if not isinstance(told, list):
            return _error(422, 403, "The batch is no JSON array.")
        mails = cast("list[object]", told)
        if len(mails) > MAX_BATCH:
            return _error(422, 410, f"A batch may hold {MAX_BATCH} messages.")
        return json_response([self._take(mail, is_test=is_test) for mail in mails])

    def _take(self, told: object, *, is_test: bool) -> dict[str, Any]:
        refusal = find_refusal(told, self._streams)
        if refusal is not None:
            return _element(*refusal)
        mail = cast("dict[str, Any]", told)
        named = recipients(mail)
        inactive = [one for one in named if one.lower() in self.inactive]
        if len(inactive) == len(named):
            listed = ", ".join(inactive)
            return _element(
                406, f"You tried to send to inactive recipients. Found inactive addresses: {listed}."
            )
        message_id = str(UUID(int=0xB7BC2F4A_E38E_4336_AF7D_000000000000 + len(self.messages) + 1))
        self.messages.append(mail)
        if not is_test:
            for address in named:
                if address not in inactive:
                    self._report(mail, message_id, address)
        notice = f"Message OK, but will not deliver to these inactive addresses: {', '.join(inactive)}."
        return _element(
            0,
            notice if inactive else "OK",
            To=mail["To"],
            SubmittedAt=_now(),
            MessageID=message_id,
        )

    def _report(self, mail: Mapping[str, Any], message_id: str, address: str) -> None:
        local, _, domain = address.partition("@")
        bounced = _TYPES.get(local.partition("+")[0].lower()) if domain.lower() == BOUNCE_DOMAIN else None
        if bounced in _INACTIVE_AFTER:
            self.inactive.add(address.lower())
        if self._webhook_url is None:
            return
        shared: dict[str, Any] = {
            "MessageID": message_id,
            "ServerID": 23,
            "MessageStream": mail.get("MessageStream") or "outbound",
            "Tag": mail.get("Tag") or "",
            "Metadata": mail.get("Metadata") or {},
        }
        self._bounces += bool(bounced)
        told = _bounce(mail, address, bounced, self._bounces) if bounced else _delivery(address)
        self.report(self.signed_call({**shared, **told}, self._webhook_url))


def _delivery(address: str) -> dict[str, Any]:
    details = "smtp;250 2.0.0 OK"
    return {"RecordType": "Delivery", "Recipient": address, "DeliveredAt": _now(), "Details": details}


def _bounce(mail: Mapping[str, Any], address: str, kind: str, number: int) -> dict[str, Any]:
    return {
        "RecordType": "SpamComplaint" if kind == "SpamComplaint" else "Bounce",
        "ID": number,
        "Type": kind,
        "Name": kind,
        "Description": "A bounce of the emulator.",
        "Details": "smtp;550 5.1.1 made up",
        "Email": address,
        "From": addresses(mail["From"])[0],
        "BouncedAt": _now(),
        "DumpAvailable": False,
        "Inactive": kind in _INACTIVE_AFTER,
        "CanActivate": kind != "SpamComplaint",
        "Subject": mail.get("Subject") or "",
    }


def _element(code: int, text: str, **more: object) -> dict[str, Any]:
    return {**more, "ErrorCode": code, "Message": text}


def _error(status: int, code: int, text: str) -> HttpResponse:
    return json_response(_element(code, text), status=status)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
