"""Make a release of all distributions, up to the point where it would be uploaded: `poe release 0.2.0`.

It sets the version everywhere, runs every check, writes the changelog of its fragments, builds and checks wheels and source distributions, commits and tags.
Uploading is left to a person: the command for it is printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib

from wheels import ROOT, distributions

DIST = ROOT / "dist"


def run(*command: str) -> str:
    """Run a command in the project, and end if it fails."""
    print("+", *command, flush=True)
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def next_minor(version: str) -> str:
    """Return the version that distributions of this one do not work with any more."""
    major, minor = (int(one) for one in version.split(".")[:2])
    return f"{major}.{minor + 1}"


def with_version(text: str, version: str) -> str:
    """Return a pyproject with that version, and with ranges of our own distributions that fit it."""
    text = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', text, count=1)
    own_range = r'("messaging-channels[a-z-]*(?:\[[a-z,-]*\])?)>=[0-9.]+,<[0-9.]+"'
    floor = ".".join(version.split(".")[:2])
    return re.sub(own_range, rf'\g<1>>={floor},<{next_minor(version)}"', text)


def main() -> None:
    """Release."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--skip-checks", action="store_true", help="they have just run")
    parser.add_argument(
        "--dry-run", action="store_true", help="build and check what is there; write, commit and tag nothing"
    )
    options = parser.parse_args()
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", options.version):
        parser.error("write the version as 0.2.0 or 0.2.0rc1")
    if not options.dry_run:
        if run("git", "status", "--porcelain").strip():
            parser.error("the working tree has changes that are not committed")
        if f"v{options.version}" in run("git", "tag", "--list").split():
            parser.error(f"the tag v{options.version} exists")
        for folder in distributions():
            path = folder / "pyproject.toml"
            path.write_text(with_version(path.read_text("utf-8"), options.version), "utf-8")
            tomllib.loads(path.read_text("utf-8"))
        run(sys.executable, "-m", "towncrier", "build", "--version", options.version, "--yes")
    if not options.skip_checks:
        run("poe", "all")
    run(sys.executable, ".ci/wheels.py", "--sdist", "--out", str(DIST))
    if not options.dry_run:
        run("git", "add", "--all")
        run("git", "commit", "--quiet", "--message", f"Release {options.version}")
        run("git", "tag", "--annotate", f"v{options.version}", "--message", f"Release {options.version}")
    print("Nothing was uploaded. To upload: git push --follow-tags && python -m twine upload dist/*")


if __name__ == "__main__":
    main()
