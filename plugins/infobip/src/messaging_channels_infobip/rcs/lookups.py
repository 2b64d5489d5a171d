"""Whether numbers can be reached by RCS, and how a sender stands.

Sources: https://www.infobip.com/docs/api/channels/rcs/capability-check and https://www.infobip.com/docs/api/channels/rcs/rcs-senders
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from messaging_channels.events import Event, FailureReason, StatusChanged
from messaging_channels.plugins import CurrentTime, Flow, PhoneNumber, ask
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.errors import require_authorized_success
from messaging_channels_infobip.responses import as_object, as_objects, parse_json
from messaging_channels_rcs import CapabilityCache, RcsCapability

PATH = "/rcs/2/capability-check/query"
MAX_NUMBERS = 500
CODES: Mapping[str, RcsCapability] = {
    "ENABLED": RcsCapability.CAPABLE,
    "UNREACHABLE": RcsCapability.NOT_CAPABLE,
    "INVALID_DESTINATION_ADDRESS": RcsCapability.NOT_CAPABLE,
}
"""What the codes say of a number; all others say nothing about it."""
_NOT_REACHED = frozenset({FailureReason.NOT_ON_CHANNEL, FailureReason.NOT_CAPABLE})
_PAGE_SIZE = _MAX_PAGES = 100
_SENDABLE = frozenset({"LAUNCHED_IN_PROGRESS", "LAUNCHED_PARTIAL_SUCCESS", "LAUNCHED"})


@dataclass(frozen=True, slots=True)
class RcsSender:
    """A sender of the account."""

    name: str
    state: str
    """Infobip's word, such as `LAUNCHED`."""
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def is_launched(self) -> bool:
        """Whether it can send to everybody; before that it sends to approved test numbers only."""
        return self.state in _SENDABLE


@dataclass(frozen=True, slots=True)
class RcsLookups:
    """Calls about RCS that send nothing, as flows: `transport.run(infobip.rcs.capabilities([...], "Agent"))`. Answers about numbers are cached."""

    api: InfobipApi
    cache: CapabilityCache = field(default_factory=CapabilityCache)
    before_sending: bool = False
    """Whether the provider asks about a number before it sends to it."""

    def capabilities(
        self, numbers: Iterable[PhoneNumber | str], sender: str
    ) -> Flow[Mapping[PhoneNumber, RcsCapability]]:
        """Return for each number whether it can be reached by RCS from a sender now: up to 500 are asked about in one request.

        Raises:
            InvalidAddress: one is no number.
            InfobipApiError: Infobip did not answer as documented.
        """
        wanted = [one if isinstance(one, PhoneNumber) else PhoneNumber.parse(one) for one in numbers]
        now = yield from ask(CurrentTime())
        found = {one: self.cache.find(sender, one.digits, now) for one in wanted}
        missing = [one.digits for one, known in found.items() if known is None]
        told: dict[str, RcsCapability] = {}
        for start in range(0, len(missing), MAX_NUMBERS):
            told |= yield from self._ask(sender, missing[start : start + MAX_NUMBERS])
        self.cache.keep(sender, told.items(), now)
        return {one: known or told.get(one.digits, RcsCapability.UNKNOWN) for one, known in found.items()}

    def _ask(self, sender: str, numbers: Sequence[str]) -> Flow[dict[str, RcsCapability]]:
        body = {"sender": sender, "phoneNumbers": list(numbers)}
        response = yield from ask(self.api.post(PATH, body, may_send=False))
        answer = parse_json(require_authorized_success(response, "the capability check"))
        listed = as_objects(as_object(answer).get("capabilityCheckResults"))
        return {
            str(one.get("phoneNumber")).removeprefix("+"): CODES.get(
                str(one.get("code")), RcsCapability.UNKNOWN
            )
            for one in listed
        }

    def notice(self, event: Event) -> None:
        """Forget that a number can be reached where a report says that it could not: it is asked about again before the next message."""
        if (
            not isinstance(event, StatusChanged)
            or event.failure not in _NOT_REACHED
            or event.channel != "rcs"
        ):
            return
        told = as_object(event.raw)
        number = str(told.get("to") or told.get("destination") or "").removeprefix("+")
        self.cache.discard(str(told.get("sender") or ""), number)

    def senders(self) -> Flow[Sequence[RcsSender]]:
        """Return the account's senders: all pages of them, 10,000 senders at most.

        Raises:
            InfobipApiError: Infobip did not answer as documented.
        """
        found: list[RcsSender] = []
        for page in range(_MAX_PAGES):
            response = yield from ask(self.api.get("/rcs/1/senders", {"page": page, "size": _PAGE_SIZE}))
            answer = as_object(parse_json(require_authorized_success(response, "the RCS senders")))
            found += [_sender(one) for one in as_objects(answer.get("results"))]
            if not _has_more(as_object(answer.get("paging")), page):
                break
        return found

    def sender(self, name: str) -> Flow[RcsSender]:
        """Return one sender.

        Raises:
            InfobipApiError: there is none of that name, or Infobip did not answer as documented.
        """
        path = f"/rcs/1/senders/{quote(name, safe='')}"
        response = yield from ask(self.api.get(path, {}))
        return _sender(as_object(parse_json(require_authorized_success(response, "the RCS sender"))))


def _has_more(paging: Mapping[str, Any], page: int) -> bool:
    total = paging.get("totalPages")
    return isinstance(total, int) and page + 1 < total


def _sender(told: Mapping[str, Any]) -> RcsSender:
    return RcsSender(str(told.get("senderName") or ""), str(told.get("senderStatus") or ""), told)
