"""How long each example project takes from a fresh environment to green tests: the commands of its README, from the local index that `poe wheels` builds."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECTS = ("celery-shop", "django-shop", "fastapi-shop", "flask-shop")
LIMIT = 60.0
"""Seconds that each may take."""


def commands(project: Path) -> list[list[str]]:
    """Return the commands of a README that install something and run tests."""
    (block,) = re.findall(
        r"^```sh\n(.*?)^```", (project / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )[:1]
    found = [shlex.split(line) for line in block.splitlines()]
    return [words for words in found if words[:2] == ["pip", "install"] or {"pytest", "test"} & {*words}]


def green(name: str, index: Path, work: Path) -> float:
    """Return the seconds until the tests of a project, copied to a place of its own, have passed."""
    project, environment = work / name, work / f"{name}-environment"
    shutil.copytree(ROOT / "examples" / name, project, ignore=shutil.ignore_patterns("__pycache__"))
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MESSAGING_CHANNELS_", "PYTHON"))
    }
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    for words in commands(project):
        own = ["-q", "-c", str(ROOT / ".ci/constraints.txt"), "--find-links", str(index)]
        command = [*words, *own] if words[0] == "pip" else words
        done = subprocess.run(
            [str(environment / "bin" / command[0]), *command[1:]],
            cwd=project, env=kept, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(
                f"{name}: {shlex.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
    return time.monotonic() - began


def main() -> None:
    """Measure all, and end with an error if one takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--find-links", type=Path, default=ROOT / "dist", help="the local index (default: dist)"
    )
    parser.add_argument("--only", choices=PROJECTS, help="one project")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = [one for one in PROJECTS if options.only in (None, one)]
        took = {name: round(green(name, options.find_links.resolve(), Path(folder)), 1) for name in names}
    print(json.dumps(took))
    if max(took.values()) > LIMIT:
        raise SystemExit(f"each may take {LIMIT:.0f} s")


if __name__ == "__main__":
    main()
