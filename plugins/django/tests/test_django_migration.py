"""The page of those who come from anymail: before and after, in one process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs/migrate/from-anymail.md"
SETTINGS = """
import django
from django.conf import settings

settings.configure(SECRET_KEY="made-up", INSTALLED_APPS=["anymail", "messaging_channels_django"])
django.setup()
"""


def test_before_and_after_run_as_they_stand_on_the_page(tmp_path: Path) -> None:
    blocks = re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "\n".join([SETTINGS, *blocks])],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\{'sent'\} \S+\naccepted \S+\n", done.stdout), done.stdout
