"""A real PostgreSQL on loopback for one test session: started here, unprivileged, and gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_QUICK = ("fsync=off", "synchronous_commit=on", "full_page_writes=off", "max_connections=200")
"""A test kills processes, not the machine: what the kernel holds survives."""
_MADE = ("CREATE DATABASE {name}",)
_RENAMED = (
    "ALTER DATABASE {before} ALLOW_CONNECTIONS false",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{before}'",
    "ALTER DATABASE {before} RENAME TO {name}",
    "ALTER DATABASE {name} ALLOW_CONNECTIONS true",
)

_EMPTIED = """DO $$ DECLARE name text; BEGIN
 FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'messaging_channels_schema' LOOP
  IF name LIKE 'messaging_channels%' THEN EXECUTE 'DELETE FROM ' || quote_ident(name);
  ELSE EXECUTE 'DROP TABLE ' || quote_ident(name) || ' CASCADE'; END IF; END LOOP;
 DELETE FROM messaging_channels_queue_count; END $$"""
"""The counts last: triggers write some while the queue is emptied."""


def binaries() -> Path | None:
    """Return the folder of the server's programs, the newest that is installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3])
    )
    return installed[-1].parent if installed else None


def _as_nobody(folder: Path) -> list[str]:
    """Return what to put before a command: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    name = next(user.pw_name for user in pwd.getpwall() if user.pw_name in ("postgres", "nobody"))
    shutil.chown(folder, name)
    return ["setpriv", "--reuid", name, "--clear-groups"]


class Postgres:
    """A server that can be stopped, killed and started again."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._data = folder / "data"
        self._programs = programs
        self._prefix = _as_nobody(folder)
        self._databases = self._emptied = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.conninfo = f"host=127.0.0.1 port={self.port} user=tester dbname=postgres"
        self._run("initdb", "-D", self._data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync", "-N")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -k '' -c listen_addresses=127.0.0.1 " + " ".join(
            f"-c {one}" for one in _QUICK
        )
        self._run("pg_ctl", "-D", self._data, "-l", self._data / "log", "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `immediate` is as good as a crash."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def empty(self) -> str:
        """Return the conninfo of an empty database: the one before, emptied and renamed. Who still uses that finds it gone; nothing is copied."""
        before, self._databases = self._databases, self._databases + 1
        name = f"t{self._databases}"
        self._tell("postgres", *(_RENAMED if before else _MADE), before=f"t{before}", name=name)
        self._tell(name, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        return self._conninfo(name)

    def emptied(self) -> str:
        """Return the conninfo of a database with the ledger's tables, and nothing in them: to make 60 tables takes ten times as long as to empty them."""
        before, self._emptied = self._emptied, self._emptied + 1
        name = f"e{self._emptied}"
        self._tell("postgres", *(_RENAMED if before else _MADE), before=f"e{before}", name=name)
        if before:
            self._tell(name, _EMPTIED)
        else:
            from messaging_channels._ledger.postgres import PostgresLedger

            PostgresLedger(self._conninfo(name)).upgrade()
        return self._conninfo(name)

    def _tell(self, database: str, *statements: str, **names: str) -> None:
        with psycopg.connect(self._conninfo(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute((statement.format(**names) if names else statement).encode())

    def _conninfo(self, database: str) -> str:
        return self.conninfo.replace("dbname=postgres", f"dbname={database}")

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._prefix, str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server of its own. Skips the test where PostgreSQL is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="mc-postgres-"))
    try:
        server = Postgres(folder, programs)
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
