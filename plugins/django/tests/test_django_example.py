"""The example project: its own tests pass, and the page about Django shows what is in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/django-shop"
BLOCKS = re.findall(
    r"^```py\n(.*?)^```", (ROOT / "docs/integrations/django.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_example_project_passes_its_own_tests(tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SHOP_DATABASE": str(tmp_path / "shop"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "test"],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().splitlines()[0][:40])
def test_what_the_page_shows_is_in_the_example(block: str) -> None:
    assert any(block in path.read_text("utf-8") for path in EXAMPLE.glob("shop/*.py"))
