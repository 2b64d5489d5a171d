from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("mistakes.py")
ROOT = Path(__file__).parents[2]
EXPECTED = [
    number for number, line in enumerate(FILE.read_text("utf-8").splitlines(), 1) if line.endswith("# error")
]


pytestmark = pytest.mark.slow


def test_mypy_finds_every_mistake_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--config-file",
        "",
        "--cache-dir",
        str(tmp_path),
        str(FILE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    found = {int(line) for line in re.findall(r"mistakes\.py:(\d+): error", done.stdout)}

    assert sorted(found) == EXPECTED, done.stdout


def test_pyright_finds_every_mistake_and_nothing_else() -> None:
    pytest.importorskip("pyright")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    found = {one["range"]["start"]["line"] + 1 for one in json.loads(done.stdout)["generalDiagnostics"]}

    assert sorted(found) == EXPECTED, done.stdout
