from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "registry\\.npm" + "js", r"deb\.de" + "bian"))


def _tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_no_file_names_a_package_registry() -> None:
    for path in _tracked():
        assert not re.search(HOSTS, path.read_text("utf-8", "ignore")), path


def test_there_is_no_lock_file() -> None:
    assert not {path.name for path in _tracked()} & {"uv.lock", "pylock.toml", "package-lock.json"}


def test_nothing_lies_at_the_top_that_a_reader_would_not_miss() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    folders = {".ci", ".github", "benchmarks", "docs", "examples", "plugins", "src", "tests", "tools"}
    settings = {
        ".editorconfig",
        ".gitignore",
        ".pre-commit-config.yaml",
        "mkdocs.yml",
        "pyproject.toml",
    }
    files = {"CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "conftest.py"}

    assert top <= folders | files | settings
