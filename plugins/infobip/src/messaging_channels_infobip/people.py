"""The persons of an account (Infobip People), as recipients: by the id of an identity, by a number, or by a mail address.

Source: https://www.infobip.com/docs/api/customer-engagement/people
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from messaging_channels.errors import UnknownAccount, UnresolvedRecipient
from messaging_channels.plugins import Contact, Flow, HttpResponse, Now, Person, Wait, ask, walk
from messaging_channels.policies import Rate, reserve
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import members, parsed, records
from messaging_channels_infobip.refusals import InfobipRefused, require_ok

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


class People:
    """The People of one account: read through a cache, and no faster than the account may. One serves many threads and tasks.

    The persons that were found are kept for `time_to_live` seconds, and so is that there was none, for `absent` seconds. A request that would have to
    wait longer than `patience` seconds for its turn is not made.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        time_to_live: float = 300.0,
        absent: float = 10.0,
        rate: Rate = Rate(5, burst=1),  # noqa: B008  it is immutable
        patience: float = 10.0,
        most: int = 10_000,
    ) -> None:
        """Take the account's host or URL and its key, which needs the scope `people:read`.

        Raises:
            InvalidSetting: the URL is not https, or the key is empty or no single line of ASCII.
        """
        self._access = Access.of(base_url, api_key)
        self._lives = (absent, time_to_live)
        self._rate, self._patience, self._most = rate, patience, most
        self._due = 0.0
        self._kept: dict[tuple[str, str], tuple[float, dict[str, Any] | None]] = {}
        self._lock = threading.Lock()

    def person(self, kind: IdentityType, identifier: str) -> Flow[dict[str, Any] | None]:
        """Return the person as People gives it, or None if there is none.

        Raises:
            InvalidSetting: the key is wrong, or may not read People.
            InfobipRefused: People did not answer, or the budget of requests is used up.
        """
        now = yield from ask(Now())
        with self._lock:
            kept = self._kept.get((kind, identifier))
        if kept is not None and kept[0] > now:
            return kept[1]
        found = yield from self._found(kind, identifier)
        self._keep((kind, identifier), now + self._lives[found is not None], found)
        return found

    def _found(self, kind: IdentityType, identifier: str) -> Flow[dict[str, Any] | None]:
        """Ask for the person. Numbers and addresses do not belong into a URL: they are matched to an id first."""
        if kind == "EXTERNAL_ID":
            return (yield from self._read(kind, identifier))
        identities = {"identities": [{"type": kind, "identifier": identifier}]}
        yield from self._turn()
        response = yield from ask(self._access.post(MATCH, identities, effect=False))
        if response.status == _NOT_FOUND:
            return None
        matches = records(members(parsed(require_ok(response, "People"))).get("matches"))
        number = next((one["personId"] for one in matches if isinstance(one.get("personId"), int)), None)
        return None if number is None else (yield from self._read("ID", str(number)))

    def _read(self, kind: str, identifier: str) -> Flow[dict[str, Any] | None]:
        yield from self._turn()
        query = {"type": kind, "identifier": identifier}
        response = yield from ask(self._access.get(PERSONS, query))
        return _person(response)

    def _turn(self) -> Flow[None]:
        """Wait for a place in the budget."""
        now = yield from ask(Now())
        with self._lock:
            due, wait = reserve(self._due, self._rate, now)
            if wait <= self._patience:
                self._due = due
        if wait > self._patience:
            raise InfobipRefused(
                f"the budget of requests is used up for {wait:.0f} s", asked="People", retry_after=wait
            )
        if wait > 0:
            yield from ask(Wait(wait))

    def _keep(self, key: tuple[str, str], until: float, found: dict[str, Any] | None) -> None:
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (until, found)


def _person(response: HttpResponse) -> dict[str, Any] | None:
    if response.status == _NOT_FOUND:
        return None
    found = members(parsed(require_ok(response, "People")))
    if not found:
        raise InfobipRefused("the answer cannot be read", asked="People", http_status=response.status)
    return found


_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class PeopleResolver:
    """Finds the person of an identity in the People of a tenant, and has the message sent from the tenant's own account."""

    accounts: Mapping[str | None, People] = field(repr=False)
    """By the names under which the accounts are configured (`[accounts.NAME.infobip]`); None is the platform's own."""
    account_of: Callable[[Recipient], str | None] | None = None
    """Whose person it is. Not needed where there is one account."""

    def __post_init__(self) -> None:
        """Check that it can tell whose a person is.

        Raises:
            ValueError: there is no account, or more than one and no `account_of`.
        """
        if not self.accounts or (len(self.accounts) > 1 and self.account_of is None):
            message = "a PeopleResolver of several accounts needs account_of, and one account at least"
            raise ValueError(message)

    def resolve(self, recipient: Any, channel: Channel) -> Flow[Contact | None]:  # noqa: ANN401
        """See RecipientResolver.

        Raises:
            UnresolvedRecipient: there is no such person, or it has no number, or no mail address.
            UnknownAccount: the account that it belongs to has no People here.
        """
        path = PATHS.get(channel.name)
        asked = _asked(recipient)
        if asked is None or path is None:
            return None
        account = self._account(recipient, channel)
        person = yield from self.accounts[account].person(*asked)
        if person is None:
            raise _unresolved("People knows no such person", recipient, channel, "create it, or check the id")
        address = walk(person, path)
        if not isinstance(address, str) or not address:
            what = "mail address" if channel.name == "email" else "phone number"
            raise _unresolved(f"the person has no {what}", recipient, channel, f"store one at {path}")
        return Contact(address, account)

    def _account(self, recipient: Recipient, channel: Channel) -> str | None:
        account = next(iter(self.accounts)) if self.account_of is None else self.account_of(recipient)
        if account not in self.accounts:
            raise UnknownAccount(str(account), channel=channel.name)
        return account


def _asked(recipient: Any) -> tuple[IdentityType, str] | None:  # noqa: ANN401  resolvers take anything
    match recipient:
        case Person(identity_id):
            return "EXTERNAL_ID", identity_id
        case PersonWithPhone(number):
            return "PHONE", number.removeprefix("+")
        case PersonWithEmail(address):
            return "EMAIL", address
        case _:
            return None


def _unresolved(problem: str, recipient: Recipient, channel: Channel, remedy: str) -> UnresolvedRecipient:
    """Name the recipient as far as its repr does: numbers and addresses stay hidden."""
    return UnresolvedRecipient(problem, recipient=repr(recipient), channel=channel.name, remedy=remedy)
