"""Who may look at the operator's page: whoever logged in with an API key, or whom a trusted proxy names in a header."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from messaging_channels_gateway.auth.api_keys import OPERATE, SCOPES, Caller
from messaging_channels_gateway.auth.proxies import is_trusted_proxy
from messaging_channels_gateway.store.state import statement_work

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from messaging_channels_gateway.auth.api_keys import ApiKeys
    from messaging_channels_gateway.settings import GatewaySettings
    from messaging_channels_gateway.store.state import StateStore

SESSION_COOKIE = "messaging_channels_operator"
SESSION_SECONDS = 12 * 3600
_SIGNING_ROW = "(operator)"  # no tenant can be named so
_MAX_NAME = 320


@dataclass(frozen=True, slots=True)
class Operator:
    """Who looks."""

    name: str
    tenant: str | None
    """The one that may be seen; None for all."""
    scopes: frozenset[str]
    key_id: str = ""
    """Empty for whom the proxy named."""


@dataclass(frozen=True, slots=True)
class Operators:
    """Knows operators by request. A session is a cookie that names the key; it ends with the key, or after twelve hours."""

    store: StateStore
    api_keys: ApiKeys
    settings: GatewaySettings
    clock: Callable[[], float]

    async def identify(self, request: Request) -> Operator | None:
        """Return who looks, without keeping the event loop waiting; see `identify_at_once`.

        Raises:
            Problem: `unauthorised`: the header `x-api-key` holds no valid key.
        """
        return await self.store.call(self.identify_at_once, request)

    def identify_at_once(self, request: Request) -> Operator | None:
        """Return who looks; None if that is to be shown first.

        Raises:
            Problem: `unauthorised`: the header `x-api-key` holds no valid key.
        """
        if "x-api-key" in request.headers:
            return self._of_key(self.api_keys.authenticate(request.headers.getlist("x-api-key")))
        named = self._named_by_proxy(request)
        if named is not None:
            return Operator(named, None, frozenset({*SCOPES, OPERATE}))
        caller = self._of_session(request.cookies.get(SESSION_COOKIE, ""))
        return self._of_key(caller) if caller else None

    def open_session(self, caller: Caller) -> str:
        """Return the value of the cookie."""
        told = f"{caller.key_id}.{int(self.clock()) + SESSION_SECONDS}"
        return f"{told}.{self._signature(told)}"

    def _named_by_proxy(self, request: Request) -> str | None:
        header = self.settings.operator_header
        if not header or request.client is None or not is_trusted_proxy(request.client.host, self.settings):
            return None
        given = request.headers.getlist(header)
        name = given[0].strip() if len(given) == 1 else ""
        allowed = not self.settings.operator_users or name in self.settings.operator_users
        return name if name and len(name) <= _MAX_NAME and allowed else None

    def _of_session(self, cookie: str) -> Caller | None:
        told, _, signature = cookie.rpartition(".")
        if not told or not hmac.compare_digest(signature.encode(), self._signature(told).encode()):
            return None
        key_id, _, until = told.partition(".")
        return self.api_keys.find(key_id) if int(until) > self.clock() else None

    def _of_key(self, caller: Caller) -> Operator | None:
        if "read:messages" not in caller.scopes and OPERATE not in caller.scopes:
            return None
        known = {*self.api_keys.tenants(), *self.settings.tenants}
        everything = OPERATE in caller.scopes or known == {caller.tenant}
        name = f"key {caller.key_id}"
        return Operator(name, None if everything else caller.tenant, caller.scopes, caller.key_id)

    def _signature(self, told: str) -> str:
        return hmac.new(self._secret().encode(), told.encode(), hashlib.sha256).hexdigest()

    def _secret(self) -> str:
        found = self.store.read(
            "SELECT secret FROM messaging_channels_gateway_signing WHERE tenant = ?", _SIGNING_ROW
        )
        if not found:
            made = "INSERT INTO messaging_channels_gateway_signing VALUES (?, ?) ON CONFLICT DO NOTHING"
            self.store.run_transaction(statement_work(made, _SIGNING_ROW, token_hex(32)))
            found = self.store.read(
                "SELECT secret FROM messaging_channels_gateway_signing WHERE tenant = ?", _SIGNING_ROW
            )
        return str(found[0][0])
