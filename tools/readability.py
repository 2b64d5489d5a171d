"""Figures on how the documentation reads: `python tools/readability.py [COMMIT]`. With a commit, its pages stand beside today's.

Counted are sentences of prose: code, tables, headings and generated parts are left out. A sentence is long with more than 25 words; passive with a form of
`be` and a participle; and its subject is vague where it begins with it, one, who, whoever, what, nobody or somebody.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST = 25
_LEFT_OUT = (
    "docs/decisions/",
    "docs/changelog",
    "docs/plugin-authors/rules.md",
    "docs/reference/cli.md",
    "docs/reference/api",
    "docs/reference/contract.md",
)
_IRREGULAR = "sent|told|heard|held|kept|made|given|taken|known|seen|read|written|built|found|lost|left|put|set|meant|done|begun|drawn|shown|said|brought|paid"
_PASSIVE = re.compile(
    rf"\b(?:is|are|was|were|be|been|being)\s+(?:\w+ly\s+|not\s+|never\s+|also\s+)*(?:\w{{2,}}ed|{_IRREGULAR})\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(r"^(?:it|one|who|whoever|what|whatever|nobody|somebody)\b", re.IGNORECASE)
_PERSON = re.compile(r"\byou(?:r|rs)?\b", re.IGNORECASE)


def sentences(page: str) -> Iterator[str]:
    """Return the sentences of a page's prose."""
    text = re.sub(r"<!-- generated.*?<!-- end -->", "", page, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)", text):
        prose = " ".join(
            line.strip() for line in block.splitlines() if not line.startswith(("|", "#", "<!--"))
        )
        prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"^(?:[-*]|\d+\.)\s+", "", prose))
        prose = re.sub(r"`[^`]*`", "code", prose).replace("*", "")
        yield from (one for one in re.split(r"(?<=[.!?])\s+(?=[A-Z\"])", prose) if re.search(r"[a-z]", one))


def figures(pages: Iterable[str]) -> dict[str, float]:
    """Return the figures of some pages together."""
    found = [one for page in pages for one in sentences(page)]
    words = [len(re.findall(r"[\w'-]+", one)) for one in found]
    share = 100 / max(len(found), 1)
    return {
        "sentences": len(found),
        "words a sentence": round(sum(words) / max(len(found), 1), 1),
        f"over {LONGEST} words, %": round(share * sum(count > LONGEST for count in words), 1),
        "passive, %": round(share * sum(bool(_PASSIVE.search(one)) for one in found), 1),
        "vague subject, %": round(share * sum(bool(_VAGUE.match(one)) for one in found), 1),
        "you or your, per 100 sentences": round(share * sum(len(_PERSON.findall(one)) for one in found), 1),
    }


def pages_now() -> Mapping[str, str]:
    """Return the pages of the work tree by path."""
    paths = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md"), ROOT / "README.md"]
    named = {str(path.relative_to(ROOT)): path for path in paths}
    return {
        name: path.read_text("utf-8")
        for name, path in sorted(named.items())
        if not name.startswith(_LEFT_OUT)
    }


def pages_of(commit: str) -> Mapping[str, str]:
    """Return the pages of a commit by path."""
    listed = _git("ls-tree", "-r", "--name-only", commit).splitlines()
    wanted = [
        name for name in listed if name.endswith(".md") and name.startswith(("docs/", "plugins/", "README"))
    ]
    return {
        name: _git("show", f"{commit}:{name}")
        for name in wanted
        if not name.startswith(_LEFT_OUT) and "conformance.md" not in name.split("reference/")[-1:]
    }


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603, S607


def main() -> None:
    """Print the figures, and the pages that read worst."""
    now = figures(pages_now().values())
    before = figures(pages_of(sys.argv[1]).values()) if len(sys.argv) > 1 else {}
    for name, value in now.items():
        print(f"{name:32} {before.get(name, ''):>8} {value:>8}")
    worst = sorted(
        ((figures([text])[f"over {LONGEST} words, %"], name) for name, text in pages_now().items()),
        reverse=True,
    )[:8]
    print("most long sentences:", ", ".join(f"{name} ({share:.0f} %)" for share, name in worst))


if __name__ == "__main__":
    main()
