"""Run the commands of the documentation as a reader would: in fresh environments, from the local index, one for each family of pages.

What the lines of `pip install` name is installed, with `--find-links` for our own distributions; then the lines of `messaging-channels` run
that need no vendor and end by themselves.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAMILIES = {
    "get-started": ["docs/index.md", "docs/get-started/*.md"],
    "providers": ["docs/providers/*.md"],
    "integrations": ["docs/integrations/*.md", "docs/migrate/*.md"],
    "the rest": ["docs/gateway/*.md", "docs/how-to/**/*.md", "docs/operations/*.md"],
}
_ENDS = re.compile(
    r"(--version|send (?!.*--(csv|to-file|attach|text-file))|providers|channels|config|schema|sandbox (list|addresses)|queue stats|messages list)\b"
)
"""Commands that need no vendor, read no file of the reader's and end by themselves."""
_BESIDES = ("-c", "-r", "-e", ".")
"""Words of an installation from a clone, which this is not."""


def commands(patterns: list[str]) -> Iterator[list[str]]:
    """Yield the commands of the shell blocks of some pages, each once, with the words of each."""
    pages = sorted({page for pattern in patterns for page in ROOT.glob(pattern)})
    blocks = [
        block
        for page in pages
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    ]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in dict.fromkeys(part.strip() for one in lines for part in one.split(" && ")):
        words = shlex.split(line, comments=True)
        if words and words[0] in ("pip", "messaging-channels"):
            yield words


def run_family(name: str, patterns: list[str], index: Path, work: Path) -> int:
    """Install and run what the pages of one family say. Return how many commands that were."""
    folder = work / name.replace(" ", "-")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    found = list(commands(patterns))
    wanted = [words[2:] for words in found if words[:2] == ["pip", "install"]]
    packages = dict.fromkeys(
        word
        for words in wanted
        if not {*words} & {*_BESIDES}
        for word in words
        if not word.startswith("-") and word != "dist"
    )
    constraints = ["-c", str(ROOT / ".ci/constraints.txt")]
    pip = [str(folder / "bin/pip"), "install", "-q", *constraints, "--find-links", str(index)]
    subprocess.run([*pip, "messaging-channels", *packages], check=True)
    own = [words for words in found if words[0] == "messaging-channels" and _ENDS.match(" ".join(words[1:]))]
    home = work / f"{folder.name}-home"
    home.mkdir()
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MESSAGING_CHANNELS_", "PYTHON"))
    }
    for words in own:
        command = [str(folder / "bin" / words[0]), *words[1:]]
        environment = {**kept, "MESSAGING_CHANNELS_HOME": str(home)}
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: {shlex.join(words)} ended with {done.returncode}:\n{done.stderr}")
    print(f"{name}: {len(packages)} distributions installed, {len(own)} commands run", flush=True)
    return len(packages) + len(own)


def main() -> None:
    """Run all families."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--find-links", type=Path, default=ROOT / "dist", help="the local index (default: dist)"
    )
    parser.add_argument("--only", choices=list(FAMILIES), help="one family")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index, wanted = options.find_links.resolve(), [one for one in FAMILIES if options.only in (None, one)]
        with ThreadPoolExecutor(2) as pool:
            ran = list(pool.map(lambda one: run_family(one, FAMILIES[one], index, Path(folder)), wanted))
    assert all(ran), dict(zip(wanted, ran, strict=True))


if __name__ == "__main__":
    main()
