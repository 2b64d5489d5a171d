"""The built-in plugin: its channels and the sandbox are registered through the same hooks as everything else's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import InvalidSetting
from messaging_channels._providers.sandbox import Sandbox
from messaging_channels.plugins.channels import BUILT_IN, Channel
from messaging_channels.plugins.hooks import hookimpl
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.ledger_spec import LedgerSettings, LedgerSpec
from messaging_channels.plugins.provider import ProviderSpec


class SandboxSettings(BaseModel):
    """How the sandbox is configured."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    home: Path
    """Folder of the file `sandbox.sqlite3`. Default: `MESSAGING_CHANNELS_HOME`."""
    hang: float = Field(default=30.0, gt=0, le=3600)
    """Seconds that the sandbox waits for the addresses that hang."""


@hookimpl
def register_channels() -> Iterable[Channel]:
    """The built-in channels."""
    return BUILT_IN


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """The sandbox."""
    return (ProviderSpec("sandbox", SandboxSettings, _build_sandbox),)


@hookimpl
def register_ledgers() -> Iterable[LedgerSpec]:
    """SQLite, and PostgreSQL with the extra `postgres`."""
    return (
        LedgerSpec("sqlite", _build_sqlite_ledger),
        LedgerSpec("postgresql", _build_postgres_ledger),
        LedgerSpec("postgres", _build_postgres_ledger),
    )


def _build_sqlite_ledger(settings: LedgerSettings) -> Ledger:
    path = unquote(urlsplit(settings.url.get_secret_value()).path)
    if path and Path(path).is_dir():
        message = "url names a folder, not a file"
        raise ValueError(message)
    pepper = settings.pepper.get_secret_value().encode()
    return SqliteLedger(
        Path(path) if path else None,
        addresses=settings.addresses,
        pepper=pepper,
        keys=settings.seal_keys,
        owned=True,
        timeout=settings.timeout,
    )


def _build_postgres_ledger(settings: LedgerSettings) -> Ledger:
    try:
        from messaging_channels._ledger.postgres import PostgresLedger  # noqa: PLC0415  an extra
    except ImportError as missing:
        message = "psycopg is not installed: pip install 'messaging-channels[postgres]'"
        raise ImportError(message) from missing
    pepper = settings.pepper.get_secret_value().encode()
    return PostgresLedger(
        settings.url.get_secret_value(),
        addresses=settings.addresses,
        pepper=pepper,
        keys=settings.seal_keys,
        pool_size=settings.pool_size,
        pool_timeout=settings.pool_timeout,
        timeout=settings.timeout,
    )


def _build_sandbox(settings: SandboxSettings) -> Sandbox:
    try:
        return Sandbox(settings.home / "sandbox.sqlite3", hang=settings.hang)
    except InvalidSetting as error:  # who configures a service knows the folder, and not the file in it
        raise InvalidSetting(
            error.problem,
            setting="sandbox.home",
            source="configuration",
            hint="correct the folder, or MESSAGING_CHANNELS_HOME",
        ) from error
