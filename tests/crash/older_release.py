"""Older releases of the library, unpacked from the history of the repository, as processes beside this one."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crash.incident_site import Site

REPOSITORY = Path(__file__).parents[2]
SCHEMA_4 = "f9b65cb67b6bff45c57fa40db878b385371cc676"
"""The last commit before the newest step of the ledger's schema."""
SAME_SCHEMA = "cf2aa2250fb2004efcae3745a1c7e90d3ffff88b"
"""A commit with the schema of today, whose gateway records reports before it answers."""


class OlderRelease:
    """The library and its plugins as they were at a commit."""

    def __init__(self, commit: str, folder: Path) -> None:
        git = shutil.which("git")
        if git is None:
            pytest.skip("git is not installed")
        packed = subprocess.run(
            [git, "-C", str(REPOSITORY), "archive", commit, "src", "plugins"],
            capture_output=True,
            check=False,
        )
        if packed.returncode:
            pytest.skip(f"the clone has no history: {commit} is not in it (git fetch --unshallow)")
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
            files.extractall(folder, filter="data")
        sources = [folder / "src", *sorted(folder.glob("plugins/*/src"))]
        self.python_path = os.pathsep.join(map(str, sources))

    def environment(self, site: Site) -> dict[str, str]:
        return {**site.environment, "PYTHONPATH": self.python_path}

    def command(self, site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of that release."""
        return subprocess.run(
            [sys.executable, "-m", "messaging_channels._cli.main", *arguments],
            env=self.environment(site),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def enqueue(self, site: Site, numbers: range) -> None:
        """Have that release enqueue messages whose texts are their numbers."""
        program = (
            "import sys; from messaging_channels import Configuration, Dispatcher, Sms\n"
            "with Dispatcher(**Configuration.read().dispatcher_arguments()) as dispatcher:\n"
            "    for number in range(int(sys.argv[1]), int(sys.argv[2])):\n"
            "        dispatcher.enqueue(Sms(f'm{number}'), to='+447700900123')\n"
        )
        subprocess.run(
            [sys.executable, "-c", program, str(numbers.start), str(numbers.stop)],
            env=self.environment(site),
            check=True,
            timeout=120,
        )

    @contextmanager
    def worker(self, site: Site) -> Iterator[subprocess.Popen[str]]:
        """Run a worker of that release; it is told to stop at the end."""
        command = [sys.executable, "-m", "messaging_channels._cli.main", "worker", "--poll-interval", "0.1"]
        log = (site.folder / "older-worker.log").open("a")
        with log, subprocess.Popen(command, env=self.environment(site), stderr=log, text=True) as running:
            try:
                yield running
            finally:
                running.send_signal(signal.SIGTERM)
                running.wait(60)
