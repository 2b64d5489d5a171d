"""Which database the gateway keeps its own state in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from messaging_channels.errors import InvalidSetting
from messaging_channels_gateway.store.sqlite import Store

if TYPE_CHECKING:
    from messaging_channels.plugins import Ledger
    from messaging_channels_gateway.settings import GatewaySettings
    from messaging_channels_gateway.store.state import StateStore


def open_store(settings: GatewaySettings, ledger: Ledger | None) -> StateStore:
    """Open the database of the settings; without one the ledger's PostgreSQL, so that every gateway on it knows the same keys; else a file.

    Raises:
        InvalidSetting: the URL is none of a database that can be used.
    """
    file = settings.home / "gateway.sqlite3"
    if settings.database is None:
        conninfo: str | None = getattr(ledger, "conninfo", None)
        return Store(file) if conninfo is None else _postgres(conninfo, file)
    url = settings.database.get_secret_value()
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return Store(_path_of(url))
    if scheme in ("postgresql", "postgres"):
        return _postgres(url, file)
    raise InvalidSetting(
        "must be the URL of a database",
        setting="gateway.database",
        source="configuration",
        hint="write postgresql://user@host/database, or sqlite:/path/to/file",
    )


def existing_store(settings: GatewaySettings, ledger: Ledger | None) -> StateStore | None:
    """Open the same database if a gateway has used it; return None, and make nothing, if none has.

    Raises:
        InvalidSetting: see `open_store`.
    """
    conninfo: str = getattr(ledger, "conninfo", None) or ""
    url = settings.database.get_secret_value() if settings.database else ""
    if url.startswith("postgres") or (not url and conninfo):
        from messaging_channels_gateway.store.postgres import has_tables  # noqa: PLC0415  an extra

        return open_store(settings, ledger) if has_tables(url or conninfo) else None
    path = _path_of(url) if url else settings.home / "gateway.sqlite3"
    return open_store(settings, ledger) if path.exists() else None


def _path_of(url: str) -> Path:
    """Return the file that a URL names: `sqlite:/path`, or `sqlite:////path` and `sqlite:///relative` as others write it."""
    rest = url.partition(":")[2]
    return Path(unquote(rest.removeprefix("///") if rest.startswith("///") else rest))


def _postgres(conninfo: str, file: Path) -> StateStore:
    from messaging_channels_gateway.store.postgres import PostgresStore  # noqa: PLC0415  an extra

    return PostgresStore(conninfo, imported=file)
