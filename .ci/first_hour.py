"""How long it takes from nothing to a first message, and to a first message through a real provider against its emulator: installation included.

Each is measured in a fresh environment, from the local index that `poe wheels` builds, with the commands of the documentation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 60.0
"""Seconds that each may take."""
ACCOUNT, TOKEN, NUMBER = f"AC{'b' * 32}", "0123456789abcdef" * 2, "+15005550006"


PARTS: dict[str, float] = {}
"""Seconds of the parts of what is measured, in the order in which they ended."""


def timed(part: str, words: list[str]) -> None:
    """Run a command, and note how long it took."""
    began = time.monotonic()
    subprocess.run(words, check=True)
    PARTS[part] = time.monotonic() - began


def installed(folder: Path, dist: Path, *names: str) -> Path:
    """Make an environment with these distributions; return the folder of its commands."""
    timed(f"{folder.name}: environment", [sys.executable, "-m", "venv", str(folder)])
    constraints = ["-c", str(ROOT / ".ci/constraints.txt")]
    # one call for all: pip resolves once, and looks each name up once
    command = [str(folder / "bin/pip"), "install", "-q", *constraints, "--find-links", str(dist), *names]
    timed(f"{folder.name}: installation", command)
    return folder / "bin"


def sent(command: Path, home: Path, **environment: str) -> Mapping[str, object]:
    """Send a message with the command line; return what it prints."""
    words = [
        str(command / "messaging-channels"),
        "send",
        "sms",
        "--to",
        "+447700900123",
        "--text",
        "Your code is 4821",
    ]
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MESSAGING_CHANNELS_", "PYTHON"))
    }
    own |= {"MESSAGING_CHANNELS_HOME": str(home), **environment}
    done = subprocess.run(words, env=own, cwd=home, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["messages"][0]


def first_message(work: Path, dist: Path) -> float:
    """Return the seconds until a first message was sent to the sandbox."""
    began = time.monotonic()
    home = work / "home-1"
    home.mkdir()
    message = sent(installed(work / "one", dist, "messaging-channels"), home)
    assert message["status"]["name"] == "PENDING_ACCEPTED"  # type: ignore[index]
    return time.monotonic() - began


def first_provider(work: Path, dist: Path) -> float:
    """Return the seconds until Twilio's emulator took a first message."""
    began = time.monotonic()
    home = work / "home-2"
    home.mkdir()
    command = installed(work / "two", dist, "messaging-channels", "messaging-channels-twilio")
    program = [str(command / "python"), "-u", "-m", "messaging_channels_twilio.emulator"]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home
    ) as emulator:
        assert emulator.stdout is not None
        try:
            url = next(
                word for line in emulator.stdout for word in line.split() if word.startswith("http://")
            )
            settings = {
                "ACCOUNT_SID": ACCOUNT,
                "AUTH_TOKEN": TOKEN,
                "SENDER": NUMBER,
                "BASE_URL": url.rstrip(".,;"),
            }
            message = sent(
                command,
                home,
                **{f"MESSAGING_CHANNELS_TWILIO_{name}": value for name, value in settings.items()},
            )
        finally:
            emulator.terminate()
    assert message["status"]["groupName"] in ("PENDING", "ACCEPTED")  # type: ignore[index]
    return time.monotonic() - began


def main() -> None:
    """Measure both, and end with an error if one takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--find-links", type=Path, default=ROOT / "dist", help="the local index (default: dist)"
    )
    options = parser.parse_args()
    if not list(options.find_links.glob("messaging_channels-*.whl")):
        subprocess.run(
            [sys.executable, str(ROOT / ".ci/wheels.py"), "--out", str(options.find_links)], check=True
        )
    with tempfile.TemporaryDirectory() as folder:
        took = {
            "first message (s)": first_message(Path(folder), options.find_links.resolve()),
            "first provider (s)": first_provider(Path(folder), options.find_links.resolve()),
        }
    print(json.dumps({name: round(seconds, 1) for name, seconds in (took | PARTS).items()}))
    if max(took.values()) > LIMIT:
        raise SystemExit(f"each may take {LIMIT:.0f} s")


if __name__ == "__main__":
    main()
