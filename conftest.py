from __future__ import annotations

import gc
import itertools
import logging
import os
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import postgres as postgres_server
import pytest
from documentation import PythonBlocks, ShellBlocks, TomlBlocks
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import SkipParser
from trials import SHARE

settings.register_profile("dev", max_examples=20, deadline=None)
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("quick", max_examples=5, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

os.environ.setdefault("SSL_CERT_FILE", str(Path(__file__).parent / "tests" / "authority.pem"))
"""No test asks a host of the world, and to read the certificates of all authorities takes each HTTP client 20 ms: they trust one, whose key nobody has."""
# What is imported is compiled once, whatever the surroundings say: tests start Python hundreds of times, and each start compiles for half a second.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
gc.disable()  # until the tests are collected: nothing of that is garbage, and to look through it takes as long as to collect
_FORBID_SKIPS = bool(os.environ.get("MESSAGING_CHANNELS_FORBID_SKIPS"))  # the fixture below takes it away

pytest_collect_file = Sybil(
    parsers=[PythonBlocks(), ShellBlocks(), TomlBlocks(), SkipParser()],
    patterns=["*.md"],
    excludes=["**/node_modules/**"],
    fixtures=["page_surroundings", "conninfo"],
).pytest()


class _Turned(pytest.Dir):
    """A folder that each of xdist's processes begins at another file: what one has compiled, the others load."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        found = list(super().collect())
        about: dict[str, Any] = getattr(self.config, "workerinput", {"workerid": "gw0", "workercount": 1})
        start = len(found) * int(about["workerid"].removeprefix("gw")) // about["workercount"]
        return found[start:] + found[:start]


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return None if (path / "__init__.py").exists() else _Turned.from_parent(parent, path=path)


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores: half of their time, tests wait for servers and for processes of their own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or cores + 2)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests begin first, so that all processes end at the same time. The blocks of a page build on each other, and stay in order."""
    blocks = [item for item in items if item.path.suffix == ".md"]
    items[:] = [item for item in items if item.path.suffix != ".md" and _is_of_this_size(item)]
    sizes = Counter(item.path for item in items)
    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(longest.get(item.path, 0), _seconds_allowed(item))
    items.sort(key=lambda item: (-longest[item.path], -sizes[item.path], item.path))
    items += sorted(blocks, key=lambda item: (item.path, int(item.name.split("line:")[1].split(",")[0])))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """What has been collected stays to the end: no collection of garbage looks through a million objects of it again."""
    gc.freeze()
    gc.enable()


def _is_of_this_size(item: pytest.Item) -> bool:
    return SHARE >= 1 or item.get_closest_marker("full_size") is None


def _seconds_allowed(item: pytest.Item) -> float:
    """Return the time-out of a test that has one of its own, else 1 for a slow one and for a trial."""
    timeout = item.get_closest_marker("timeout")
    is_long = any(item.get_closest_marker(name) for name in ("slow", "trial"))
    return float(timeout.args[0]) if timeout else float(is_long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything that a test needs is known to be there, a test that skips has failed; but a rule of the kit may not apply to a provider."""
    report = yield
    lacking = report.skipped and not hasattr(report, "wasxfail") and "conformance" not in str(report.longrepr)
    if lacking and _FORBID_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may skip here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres_shared() -> Iterator[postgres_server.Postgres]:
    """One server for all tests that do not stop it."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture
def postgres(postgres_shared: postgres_server.Postgres) -> str:
    """The conninfo of an empty database."""
    return postgres_shared.empty()


@pytest.fixture
def postgres_emptied(postgres_shared: postgres_server.Postgres) -> str:
    """The conninfo of a database with the ledger's tables, and nothing in them."""
    return postgres_shared.emptied()


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


def _reset_logs() -> None:
    """Take back what commands, and the frameworks that run within a test, set of logs."""
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    for name in list(logging.getLogger().manager.loggerDict):
        if name.partition(".")[0] == "messaging_channels":
            logger = logging.getLogger(name)
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _own_surroundings(
    request: pytest.FixtureRequest, _homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reads the settings or writes the home of whoever runs it, and logs are as they were when the process began.

    No folder is made for tests that ask for none: that took a fifth of their time.
    """
    _reset_logs()
    wants_folder = "tmp_path" in request.fixturenames
    _isolate(monkeypatch, request.getfixturevalue("tmp_path") / "home" if wants_folder else next(_homes))


@pytest.fixture(scope="module")
def conninfo(request: pytest.FixtureRequest) -> str:
    """For pages on job queues: the conninfo of an empty database."""
    if "integrations" not in request.path.parts:
        return ""
    server: postgres_server.Postgres = request.getfixturevalue("postgres_shared")
    return server.empty()


@pytest.fixture(scope="module")
def page_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor does a page, whose blocks share one home."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _isolate(monkeypatch, tmp_path_factory.mktemp("page") / "home")
        yield


def _isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MESSAGING_CHANNELS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MESSAGING_CHANNELS_HOME", str(home))
