"""Rewrites everything in the documentation that is generated: `python tools/generate.py`. With `--check` it only says what is out of date.

A page holds generated parts between the comments `<!-- generated: NAME -->` and `<!-- end -->`; some pages are generated as a whole.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cli_page
import configuration_tables
import contract_page
import error_tables
import error_texts
import provider_tables
import reason_tables
import status_tables

from messaging_channels.testing import provider_matrix
from messaging_channels.testing.conformance import rules_page

ROOT = Path(__file__).parents[1]
_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def parts() -> Mapping[str, Mapping[str, Callable[[], str]]]:
    """Return the generated parts by page and name."""
    found: dict[str, Mapping[str, Callable[[], str]]] = {
        f"docs/providers/{name}.md": tables for name, tables in provider_tables.parts().items()
    }
    found["docs/reference/configuration.md"] = configuration_tables.parts()
    found["docs/gateway/settings.md"] = configuration_tables.gateway_parts()
    found["docs/reference/errors-and-reasons.md"] = error_tables.parts()
    found["docs/reference/outcomes.md"] = {"reasons": reason_tables.reasons}
    found["docs/reference/failures.md"] = {"advice": reason_tables.advice, "failures": reason_tables.failures}
    found["docs/reference/statuses.md"] = {
        "statuses": lambda: status_tables.statuses(provider_tables.channels())
    }
    return found


def pages() -> Mapping[str, Callable[[], str]]:
    """Return the pages that are generated as a whole."""
    return {
        "docs/plugin-authors/rules.md": rules_page.page,
        "docs/reference/cli.md": cli_page.page,
        "docs/reference/contract.md": contract_page.page,
        "docs/reference/error-texts.txt": error_texts.page,
        "docs/reference/providers-matrix.md": _matrix,
    }


def _matrix() -> str:
    specs, channels = provider_tables.specs(), provider_tables.channels()
    return provider_matrix.page(specs.values(), channels)


def generated() -> dict[Path, str]:
    """Return what every page with something generated should hold."""
    found = {ROOT / name: page() for name, page in pages().items()}
    for name, tables in parts().items():
        path = ROOT / name
        found[path] = filled(path.read_text("utf-8"), tables)
    return found


def filled(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with its generated parts anew.

    Raises:
        KeyError: the page has a part that nothing generates, or lacks one.
    """
    if missing := set(tables) - {name for _, name, _ in _PART.findall(page)}:
        raise KeyError(f"no place for {', '.join(sorted(missing))}")
    return _PART.sub(lambda part: f"{part[1]}\n{tables[part[2]]().strip()}\n\n{part[3]}", page)


def stale() -> list[str]:
    """Return the pages that are out of date."""
    return [
        str(path.relative_to(ROOT))
        for path, text in generated().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def main() -> int:
    """Rewrite the pages, or check them."""
    if "--check" in sys.argv[1:]:
        out_of_date = stale()
        print("\n".join(f"out of date: {name}; run python tools/generate.py" for name in out_of_date))
        return 1 if out_of_date else 0
    for path, text in generated().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
