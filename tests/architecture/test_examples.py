"""The pages about frameworks show what is in the example projects, whose own tests run beside the plugins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "fastapi": "fastapi-shop",
    "flask": "flask-shop",
    "django": "django-shop",
    "celery": "celery-shop",
} | dict.fromkeys(("gunicorn-uvicorn", "docker", "kubernetes"), "deployment")


def _blocks() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for page in PAGES:
        path = ROOT / f"docs/integrations/{page}.md"
        if path.exists():
            blocks = re.findall(
                r"^```(?:py|yaml|ini|nginx|dockerfile)\n(.*?)^```",
                path.read_text("utf-8"),
                re.MULTILINE | re.DOTALL,
            )
            found += [(page, block) for block in blocks]
    return found


def _without_space(text: str) -> str:
    """Formatters indent and wrap a page's blocks in their own way."""
    return "".join(text.split())


@pytest.mark.parametrize(("page", "block"), _blocks(), ids=lambda value: value.strip().splitlines()[0][:40])
def test_what_a_page_shows_is_in_its_example(page: str, block: str) -> None:
    files = (ROOT / "examples" / PAGES[page]).rglob("*")

    assert any(
        _without_space(block) in _without_space(path.read_text("utf-8"))
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    )
