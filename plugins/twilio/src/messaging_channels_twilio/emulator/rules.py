"""What the emulator refuses, and how its messages end: Twilio's rules as far as they are public.

Sources: https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/iam/test-credentials (the numbers that always fail)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qsl

from messaging_channels.errors import InvalidMessage
from messaging_channels_twilio.endpoints import is_sid
from messaging_channels_twilio.errors import describe_code
from messaging_channels_twilio.status_callbacks import require_callback_url

ADDRESS = re.compile(
    r"(?:(whatsapp|rcs):)?(?:\+[1-9][0-9]{6,14}|(?<=whatsapp:)[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128})"
)
_UNFIT = re.compile(r"[\r\n\t]| {5}")
_SENDER = re.compile(r"(?:(whatsapp):)?(?:\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 _&+-]{1,11})")
_MOST_MEDIA = {"": 10, "whatsapp": 1, "rcs": 1}
_LONGEST_TEXT = 1600
_SOONEST, _LATEST = timedelta(seconds=300), timedelta(days=35)
_LONGEST_VALIDITY = 36_000

MAGIC_RECIPIENTS: Mapping[str, int] = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_SENDERS: Mapping[str, int] = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a message that was taken: the states it is reported in, and the code of the last one."""

    states: Sequence[str]
    code: int | None = None


FATES: Mapping[str, Fate] = {
    "+12025550101": Fate(("sent", "undelivered"), 30003),
    "+12025550102": Fate(("failed",), 30007),
    "+12025550103": Fate(("sent", "undelivered"), 30630),
    "+12025550104": Fate(("sent",)),
    "+12025550105": Fate(("failed",), 63016),
    "+12025550106": Fate(()),
}
"""By recipient, without the channel's prefix. Every other one gets the message."""
NOT_CAPABLE = frozenset({"+447700900921", "+447700900922"})
"""Numbers without RCS: the second gets no SMS either."""
_RCS_SENDER = re.compile(r"rcs:[A-Za-z0-9_-]{1,256}")

_DELIVERED = Fate(("sent", "delivered"))
_READ = Fate(("sent", "delivered", "read"))


class RequestRejected(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(code)
        self.status = status
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process as it is."""
        return type(self), (self.status, self.code), vars(self)

    def envelope(self) -> dict[str, object]:
        """Return the body of the answer."""
        return {
            "code": self.code,
            "message": describe_code(self.code),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


class Form:
    """The parameters of a request."""

    def __init__(self, body: bytes) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
            self._fields.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def one(self, name: str) -> str:
        """Return the first value; empty if there is none."""
        return self._fields.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Return every value."""
        return self._fields.get(name, [])

    @property
    def service(self) -> str:
        """The messaging service, which may stand in `From` too."""
        given = self.one("From")
        return self.one("MessagingServiceSid") or (given if is_sid(given, "MG") else "")

    @property
    def sender(self) -> str:
        """The sender, if it is no messaging service."""
        given = self.one("From")
        return "" if is_sid(given, "MG") else given

    @property
    def channel(self) -> str:
        """The prefix of the recipient."""
        match = ADDRESS.fullmatch(self.one("To"))
        return (match and match[1]) or ""


def fate_of(to: str) -> Fate:
    """Return what becomes of a message to that address."""
    prefix, _, number = to.rpartition(":")
    if number in NOT_CAPABLE and (prefix == "rcs" or number.endswith("922")):
        return Fate(("failed",), 63036 if prefix else 30003)
    return FATES.get(number) or (_READ if prefix else _DELIVERED)


def find_error(form: Form, now: datetime) -> int | None:
    """Return the code by which Twilio would refuse to create this message; None if it would not."""
    for code, broken in _RULES:
        if broken(form):
            return code
    by_sender = MAGIC_SENDERS.get(form.sender.rpartition(":")[2])
    return (
        MAGIC_RECIPIENTS.get(form.one("To").rpartition(":")[2]) or by_sender or _schedule_problem(form, now)
    )


def _has_no_address(form: Form) -> bool:
    return not ADDRESS.fullmatch(form.one("To"))


def _has_bad_sender(form: Form) -> bool:
    if form.channel == "rcs":
        return bool(form.sender) and not _RCS_SENDER.fullmatch(form.sender)
    return bool(form.sender) and not _SENDER.fullmatch(form.sender)


def _mixes_channels(form: Form) -> bool:
    match = _SENDER.fullmatch(form.sender)
    if form.sender.startswith("rcs:") != (form.channel == "rcs") and form.sender:
        return True
    return match is not None and form.channel != "rcs" and (match[1] or "") != form.channel


def _has_bad_variables(form: Form) -> bool:
    if "ContentVariables" not in form:
        return False
    try:
        variables = json.loads(form.one("ContentVariables"))
    except ValueError:
        return True
    return not isinstance(variables, dict) or not all(
        isinstance(one, str) and one.strip() and not _UNFIT.search(one)
        for one in cast("dict[str, Any]", variables).values()
    )


def _is_too_long(form: Form) -> bool:
    return len(form.one("Body").encode("utf-16-le", "surrogatepass")) // 2 > _LONGEST_TEXT


def _has_bad_callback(form: Form) -> bool:
    try:
        require_callback_url(form.one("StatusCallback"), "StatusCallback")
    except InvalidMessage:
        return "StatusCallback" in form
    return False


def _has_bad_validity(form: Form) -> bool:
    given = form.one("ValidityPeriod")
    return "ValidityPeriod" in form and not (given.isdecimal() and 1 <= int(given) <= _LONGEST_VALIDITY)


_RULES: Sequence[tuple[int, Callable[[Form], bool]]] = (
    (21604, lambda form: not form.one("To")),
    (21211, _has_no_address),
    (21603, lambda form: not form.sender and not form.service),
    (21705, lambda form: bool(form.service) and not is_sid(form.service, "MG")),
    (21212, _has_bad_sender),
    (21266, lambda form: form.one("To") == form.one("From")),
    (21910, _mixes_channels),
    (21654, lambda form: "ContentVariables" in form and "ContentSid" not in form),
    (21655, lambda form: "ContentSid" in form and not is_sid(form.one("ContentSid"), "HX")),
    (21656, _has_bad_variables),
    (21619, lambda form: not any(form.one(name) for name in ("Body", "MediaUrl", "ContentSid"))),
    (21617, _is_too_long),
    (21620, lambda form: not all(url.startswith(("https://", "http://")) for url in form.all("MediaUrl"))),
    (21623, lambda form: len(form.all("MediaUrl")) > _MOST_MEDIA[form.channel]),
    (21609, _has_bad_callback),
    (90007, _has_bad_validity),
)


def _schedule_problem(form: Form, now: datetime) -> int | None:
    if "ScheduleType" not in form and "SendAt" not in form:
        return None
    if form.one("ScheduleType") != "fixed":
        return 35126
    if not form.service:
        return 35118
    if "SendAt" not in form:
        return 35111
    try:
        ahead = datetime.fromisoformat(form.one("SendAt")) - now
    except (ValueError, TypeError):
        return 35115
    return None if _SOONEST < ahead <= _LATEST else 35114


def matches_query(message: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Whether a message passes the filters of a listing. What was not sent yet has no day, and passes no filter by day."""
    if (
        query.get("To", message["to"]) != message["to"]
        or query.get("From", message["from"]) != message["from"]
    ):
        return False
    days = {name: query[name][:10] for name in ("DateSent", "DateSent>", "DateSent<") if name in query}
    if not days:
        return True
    if message["date_sent"] is None:
        return False
    day = datetime.strptime(message["date_sent"], "%a, %d %b %Y %H:%M:%S %z").date().isoformat()
    return days.get("DateSent", day) == day and days.get("DateSent>", day) <= day <= days.get(
        "DateSent<", day
    )
