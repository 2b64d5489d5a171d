"""What the gateway itself keeps of a person: what was written to it, links that the person opened, the directory, and URLs in which the address stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import quote

from messaging_channels_gateway.settings import GatewaySettings
from messaging_channels_gateway.store.opening import existing_store
from messaging_channels_gateway.store.state import statements_work

if TYPE_CHECKING:
    from messaging_channels import Configuration
    from messaging_channels_gateway.store.state import Rows, StateStore


Notice: TypeAlias = "tuple[str, str, float, dict[str, Any]]"
"""Tenant, name, time and what is told."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found of a person."""

    notices: Mapping[str, Notice]
    """By id: tenant, name, time and what is told."""
    entries: Mapping[tuple[str, str, str], Any]
    """Documents of the directory, by tenant, kind and id."""
    calls: Mapping[tuple[str, str], str]
    """Callback URLs in which the address stands, by tenant and idempotency key."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "notices": [
                {"id": key, "tenant": tenant, "type": name, "occurredAt": at, "data": data}
                for key, (tenant, name, at, data) in self.notices.items()
            ],
            "directory": [
                {"tenant": tenant, "kind": kind, "id": key, "document": document}
                for (tenant, kind, key), document in self.entries.items()
            ],
            "calls": [
                {"tenant": tenant, "idempotencyKey": key, "callbackUrl": url}
                for (tenant, key), url in self.calls.items()
            ],
        }

    def counts(self) -> dict[str, int]:
        """Return how many things of each kind it is."""
        return {"notices": len(self.notices), "directory": len(self.entries), "calls": len(self.calls)}


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What the state of a gateway holds of people. See `PersonalDataStore` of the library. It waits for the database: not for event loops."""

    store: StateStore

    def export(self, addresses: Sequence[str], message_ids: Sequence[str]) -> Mapping[str, Any]:
        """Return all of it, as JSON can hold it."""
        return self._find(addresses, message_ids).as_dict()

    def erase(self, addresses: Sequence[str], message_ids: Sequence[str]) -> Mapping[str, int]:
        """Forget it, and have notices of it delivered to nobody any more."""
        kept = self._find(addresses, message_ids)
        self.store.run_transaction(statements_work([*_erasing(kept), *_erasing_urls(addresses)]))
        self.store.empty_log()
        return kept.counts()

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def _find(self, addresses: Sequence[str], message_ids: Sequence[str]) -> Kept:
        known = frozenset(message_ids)
        notices = {
            row[0]: _notice(*row[1:]) for one in addresses for row in self._read(_NOTICES, _in_json(one))
        }
        for key, *row in self._read(_NOTICES, '"url":') if known else ():
            notice = _notice(*row)
            if notice[3].get("messageId") in known:
                notices[key] = notice
        return Kept(notices, self._find_entries(addresses), self._find_calls(addresses))

    def _find_entries(self, addresses: Sequence[str]) -> Mapping[tuple[str, str, str], Any]:
        return {
            (tenant, kind, key): kept
            for one in addresses
            for tenant, kind, key, document in self._read(_ENTRIES, _in_json(one), _in_json(one))
            if _holds(kept := json.loads(document), one.lower())
        }

    def _find_calls(self, addresses: Sequence[str]) -> Mapping[tuple[str, str], str]:
        forms = [form for one in addresses for form in _in_url(one)]
        return {(tenant, key): url for form in forms for tenant, key, url in self._read(_CALLS, form)}

    def _read(self, statement: str, *values: str) -> Rows:
        return self.store.read(statement, *values)


def open_personal_data(configuration: Configuration) -> PersonalData | None:
    """Return the state of the configured gateway; None if there is none. Nothing is created."""
    store = existing_store(GatewaySettings.read(configuration), configuration.ledger())
    return None if store is None else PersonalData(store)


def _notice(tenant: str, name: str, at: float, data: str) -> Notice:
    return tenant, name, at, json.loads(data)


def _erasing(kept: Kept) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for key, (_, _, _, data) in kept.notices.items():
        is_of_message = "messageId" in data
        left = (
            {name: value for name, value in data.items() if name != "url"} if is_of_message else _erased(data)
        )
        yield "UPDATE messaging_channels_gateway_event SET data = ? WHERE id = ?", (json.dumps(left), key)
        if not is_of_message:
            yield "DELETE FROM messaging_channels_gateway_delivery WHERE event_id = ?", (key,)
    for place in kept.entries:
        yield (
            "DELETE FROM messaging_channels_gateway_entry WHERE tenant = ? AND kind = ? AND id = ?",
            place,
        )
    for call in kept.calls:
        yield (
            "UPDATE messaging_channels_gateway_call SET callback_url = NULL WHERE tenant = ? AND idempotency_key = ?",
            call,
        )


def _erasing_urls(addresses: Sequence[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for one in addresses:
        for form in _in_url(one):
            yield _DELETE_DELIVERIES, (form,)


def _erased(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in place of a notice. Its id stays, so that a webhook which comes again does not bring it back."""
    return {"channel": data.get("channel"), "erased": True}


def _holds(document: Any, address: str) -> bool:  # noqa: ANN401  any JSON
    """Whether a text in a document is the address, a number in whatever spelling."""
    if isinstance(document, dict):
        return any(_holds(one, address) for one in cast("dict[str, Any]", document).values())
    if isinstance(document, list):
        return any(_holds(one, address) for one in cast("list[Any]", document))
    text = str(document).strip().lower()
    return text == address or (text[:1] in "+0123456789(" and re.sub(r"[^0-9a-z@]", "", text) == address)


def _in_json(address: str) -> str:
    """Return an address as it stands in JSON, in small letters."""
    return json.dumps(address)[1:-1].lower()


def _in_url(address: str) -> set[str]:
    """Return the forms in which an address stands in a URL, in small letters."""
    return {address.lower(), quote(address, safe="").lower()}


def _contains(column: str) -> str:
    """Return the condition that a text in small letters stands in a column: for both databases, and no sign of it has a meaning of its own."""
    return f"replace(lower({column}), ?, '') <> lower({column})"


def _without_signs(column: str) -> str:
    """Return a column without what people write between the digits of a number."""
    for sign in " -()/":
        column = f"replace({column}, '{sign}', '')"
    return column


_NOTICES = f"SELECT id, tenant, name, at, data FROM messaging_channels_gateway_event WHERE {_contains('data')} ORDER BY seq"  # noqa: S608
_ENTRIES = (
    f"SELECT tenant, kind, id, document FROM messaging_channels_gateway_entry WHERE replace(lower({_without_signs('document')}), ?, '')"  # noqa: S608
    f" <> lower({_without_signs('document')}) OR {_contains('document')}"
)
_CALLS = (
    "SELECT tenant, idempotency_key, callback_url FROM messaging_channels_gateway_call"  # noqa: S608
    f" WHERE callback_url IS NOT NULL AND {_contains('callback_url')}"
)
_DELETE_DELIVERIES = f"DELETE FROM messaging_channels_gateway_delivery WHERE {_contains('url')}"  # noqa: S608
