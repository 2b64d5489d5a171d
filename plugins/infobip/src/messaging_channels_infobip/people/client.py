"""The persons of an account (Infobip People), as recipients: by the id of an identity, by a number, or by a mail address.

Source: https://www.infobip.com/docs/api/customer-engagement/people
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from messaging_channels.errors import UnknownAccount, UnknownRecipient, UnresolvedRecipient
from messaging_channels.plugins import (
    CurrentTime,
    Flow,
    HttpResponse,
    Person,
    ResolvedRecipient,
    Sleep,
    ask,
    get_path,
)
from messaging_channels.policies import RateLimit, reserve
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.errors import InfobipApiError, require_authorized_success
from messaging_channels_infobip.responses import as_object, as_objects, parse_json

if TYPE_CHECKING:
    from messaging_channels.plugins import Channel

IdentityType: TypeAlias = Literal["EXTERNAL_ID", "PHONE", "EMAIL"]
PERSONS, MATCH = "/people/2/persons", "/people/2/persons/match"
PATHS: Mapping[str, str] = {
    "sms": "contactInformation.phone[0].number",
    "whatsapp": "contactInformation.phone[0].number",
    "email": "contactInformation.email[0].address",
}
"""Where a person's address of each channel stands. The lists mark none as the main one: the first is taken."""


@dataclass(frozen=True, slots=True)
class PersonWithPhone:
    """The person who has that number: to write to on another channel."""

    number: str = field(repr=False)
    """Digits, as People keeps them."""


@dataclass(frozen=True, slots=True)
class PersonWithEmail:
    """The person who has that mail address."""

    address: str = field(repr=False)


Recipient: TypeAlias = "Person | PersonWithPhone | PersonWithEmail"


class PeopleClient:
    """The People of one account: read through a cache, and no faster than the account may. One serves many threads and tasks.

    The persons that were found are kept for `cache_ttl` seconds, and so is that there was none, for `not_found_ttl` seconds. A request that would have to
    wait longer than `max_wait` seconds for its turn is not made.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        cache_ttl: float = 300.0,
        not_found_ttl: float = 10.0,
        rate_limit: RateLimit = RateLimit(5, burst=1),  # noqa: B008  it is immutable
        max_wait: float = 10.0,
        max_cache_size: int = 10_000,
    ) -> None:
        """Take the account's host or URL and its key, which needs the scope `people:read`.

        Raises:
            InvalidSetting: the URL is not https, or the key is empty or no single line of ASCII.
        """
        self._api = InfobipApi.from_credentials(base_url, api_key)
        self._ttl = (not_found_ttl, cache_ttl)
        self._rate_limit, self._max_wait, self._max_cache_size = rate_limit, max_wait, max_cache_size
        self._next_request_at = 0.0
        self._cache: dict[tuple[str, str], tuple[float, dict[str, Any] | None]] = {}
        self._lock = threading.Lock()

    def person(self, kind: IdentityType, identifier: str) -> Flow[dict[str, Any] | None]:
        """Return the person as People gives it, or None if there is none.

        Raises:
            InvalidSetting: the key is wrong, or may not read People.
            InfobipApiError: People did not answer, or the budget of requests is used up.
        """
        now = yield from ask(CurrentTime())
        with self._lock:
            kept = self._cache.get((kind, identifier))
        if kept is not None and kept[0] > now:
            return kept[1]
        found = yield from self._fetch_person(kind, identifier)
        self._cache_person((kind, identifier), now + self._ttl[found is not None], found)
        return found

    def _fetch_person(self, kind: IdentityType, identifier: str) -> Flow[dict[str, Any] | None]:
        """Ask for the person. Numbers and addresses do not belong into a URL: they are matched to an id first."""
        if kind == "EXTERNAL_ID":
            return (yield from self._read_person(kind, identifier))
        identities = {"identities": [{"type": kind, "identifier": identifier}]}
        yield from self._wait_for_rate_limit()
        response = yield from ask(self._api.post(MATCH, identities, may_send=False))
        if response.status == _NOT_FOUND:
            return None
        matches = as_objects(
            as_object(parse_json(require_authorized_success(response, "People"))).get("matches")
        )
        number = next((one["personId"] for one in matches if isinstance(one.get("personId"), int)), None)
        return None if number is None else (yield from self._read_person("ID", str(number)))

    def _read_person(self, kind: str, identifier: str) -> Flow[dict[str, Any] | None]:
        yield from self._wait_for_rate_limit()
        query = {"type": kind, "identifier": identifier}
        response = yield from ask(self._api.get(PERSONS, query))
        return _person(response)

    def _wait_for_rate_limit(self) -> Flow[None]:
        """Wait for a place in the budget."""
        now = yield from ask(CurrentTime())
        with self._lock:
            due, wait = reserve(self._next_request_at, self._rate_limit, now)
            if wait <= self._max_wait:
                self._next_request_at = due
        if wait > self._max_wait:
            raise InfobipApiError(
                f"the request limit is used up; retry in {wait:.0f} s", operation="People", retry_after=wait
            )
        if wait > 0:
            yield from ask(Sleep(wait))

    def _cache_person(self, key: tuple[str, str], until: float, found: dict[str, Any] | None) -> None:
        with self._lock:
            self._cache.pop(key, None)
            while len(self._cache) >= self._max_cache_size:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = (until, found)


def _person(response: HttpResponse) -> dict[str, Any] | None:
    if response.status == _NOT_FOUND:
        return None
    found = as_object(parse_json(require_authorized_success(response, "People")))
    if not found:
        raise InfobipApiError(
            "the response cannot be parsed", operation="People", http_status=response.status
        )
    return found


_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class PeopleResolver:
    """Finds the person of an identity in the People of a tenant, and has the message sent from the tenant's own account."""

    clients: Mapping[str | None, PeopleClient] = field(repr=False)
    """By the names under which the accounts are configured (`[accounts.NAME.infobip]`); None is the platform's own."""
    account_of: Callable[[Recipient], str | None] | None = None
    """Return the name of the account that a person belongs to. Not needed with one account."""

    def __post_init__(self) -> None:
        """Check that it can tell whose a person is.

        Raises:
            ValueError: there is no account, or more than one and no `account_of`.
        """
        if not self.clients or (len(self.clients) > 1 and self.account_of is None):
            message = "PeopleResolver needs at least one account, and account_of if it has several"
            raise ValueError(message)

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """Return the number or email address of a `Person`, and the account that sends to it; None for other recipients.

        Raises:
            UnknownRecipient: there is no such person.
            UnresolvedRecipient: it has no number, or no mail address.
            UnknownAccount: the account that it belongs to has no People here.
        """
        path = PATHS.get(channel.name)
        asked = _identity_of(recipient)
        if asked is None or path is None:
            return None
        account = self._account(recipient, channel)
        person = yield from self.clients[account].person(*asked)
        if person is None:
            raise UnknownRecipient(
                "People has no such person",
                recipient=repr(recipient),
                channel=channel.name,
                hint="create the person, or check the id",
            )
        address = get_path(person, path)
        if not isinstance(address, str) or not address:
            what = "mail address" if channel.name == "email" else "phone number"
            raise _unresolved_error(f"the person has no {what}", recipient, channel, f"store one at {path}")
        return ResolvedRecipient(address, account)

    def _account(self, recipient: Recipient, channel: Channel) -> str | None:
        account = next(iter(self.clients)) if self.account_of is None else self.account_of(recipient)
        if account not in self.clients:
            raise UnknownAccount(str(account), channel=channel.name)
        return account


def _identity_of(recipient: Any) -> tuple[IdentityType, str] | None:  # noqa: ANN401  resolvers take anything
    match recipient:
        case Person(identity_id):
            return "EXTERNAL_ID", identity_id
        case PersonWithPhone(number):
            return "PHONE", number.removeprefix("+")
        case PersonWithEmail(address):
            return "EMAIL", address
        case _:
            return None


def _unresolved_error(problem: str, recipient: Recipient, channel: Channel, hint: str) -> UnresolvedRecipient:
    """Name the recipient as far as its repr does: numbers and addresses stay hidden."""
    return UnresolvedRecipient(problem, recipient=repr(recipient), channel=channel.name, hint=hint)
