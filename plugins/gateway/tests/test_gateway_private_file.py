"""The file of the gateway is nobody's but its owner's, and one that cannot be used is named."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging_channels.errors import InvalidSetting
from messaging_channels_gateway.store.sqlite import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes on Windows")


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o777], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_its_files_and_all_folders_above_them_are_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "home" / "gateway.sqlite3"
    store = Store(path)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    store.close()

    assert modes.keys() >= {"gateway.sqlite3", "gateway.sqlite3-wal", "gateway.sqlite3-shm"}
    assert {name: oct(mode) for name, mode in modes.items() if mode != 0o600} == {}
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_one_that_everybody_could_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite3"
    path.touch()
    path.chmod(0o644)
    Store(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["file/below", "folder", "garbage"])
def test_one_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    for there in ("file", "garbage"):
        (tmp_path / there).write_bytes(b"no database" * 100)
        (tmp_path / there).chmod(0o600)
    (tmp_path / "folder").mkdir()

    with pytest.raises(InvalidSetting, match=r"gateway\.database"):
        Store(tmp_path / name)
