"""Build every distribution of the project into one folder, which pip takes as a local index (`--find-links`), and check what was built."""

from __future__ import annotations

import argparse
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]


def distributions() -> list[Path]:
    """Return the folders of the distributions, the core first."""
    return [ROOT, *sorted(one.parent for one in ROOT.glob("plugins/*/pyproject.toml"))]


def build(folder: Path, out: Path, *, sdist: bool = False) -> None:
    """Build one distribution with what is installed here."""
    kinds = ["--sdist", "--wheel"] if sdist else ["--wheel"]
    command = [sys.executable, "-m", "build", *kinds, "--no-isolation", "--outdir", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{folder.name} could not be built:\n{done.stdout}{done.stderr}")


def check(out: Path) -> None:
    """Let twine read the metadata, and see that each wheel holds its licence and the mark of its types."""
    files = sorted(str(one) for one in out.iterdir() if one.suffix in (".whl", ".gz"))
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], check=True)
    for wheel in out.glob("*.whl"):
        names = zipfile.ZipFile(wheel).namelist()
        if not any(name.endswith("/licenses/LICENSE") for name in names):
            raise SystemExit(f"{wheel.name} holds no licence")
        if not any(name.endswith("/py.typed") for name in names):
            raise SystemExit(f"{wheel.name} holds no py.typed")


def main() -> None:
    """Build and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder (default: dist)")
    parser.add_argument("--sdist", action="store_true", help="build source distributions too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for old in (
        *options.out.glob("messaging_channels*.whl"),
        *options.out.glob("messaging_channels*.tar.gz"),
    ):
        old.unlink()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: build(one, options.out, sdist=options.sdist), distributions()))
    check(options.out)


if __name__ == "__main__":
    main()
