from __future__ import annotations

from collections.abc import Iterator

import postgres as postgres_server
import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres_shared() -> Iterator[postgres_server.Postgres]:
    """One server for all tests that do not stop it."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture
def postgres(postgres_shared: postgres_server.Postgres) -> str:
    """The conninfo of an empty database."""
    with psycopg.connect(postgres_shared.conninfo, autocommit=True) as connection:
        name = f"t{connection.info.backend_pid}"
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_shared.conninfo.replace("dbname=postgres", f"dbname={name}")
