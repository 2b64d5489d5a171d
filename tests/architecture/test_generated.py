"""What is generated is up to date, and every page has the form that its kind has."""

from __future__ import annotations

import re
from pathlib import Path

import generate
import provider_tables
import pytest

ROOT = Path(__file__).parents[2]
PROVIDERS = sorted(page for page in ROOT.glob("docs/providers/*.md") if page.stem != "index")
SECTIONS = [
    "Install",
    "Features",
    "Settings",
    "Options",
    "Delivery reports and inbound messages",
    "Errors",
    "Idempotency and unknown outcomes",
    "Limits and quirks",
    "Rates and costs",
    "Emulator",
    "Other API calls",
    "Links",
]


def test_generated_pages_and_files_are_up_to_date() -> None:
    assert generate.stale() == [], "run python tools/generate.py"


@pytest.mark.parametrize("page", PROVIDERS, ids=lambda page: page.stem)
def test_every_provider_page_has_the_same_sections_in_the_same_order(page: Path) -> None:
    assert re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE) == SECTIONS


def test_every_provider_of_the_repository_has_a_page_and_a_meaning_for_every_setting() -> None:
    assert {page.stem for page in PROVIDERS} == set(provider_tables.specs())
    for name, spec in provider_tables.specs().items():
        page = (ROOT / f"docs/providers/{name}.md").read_text("utf-8")
        assert list(provider_tables.documented_fields(page)) == list(spec.settings.model_fields)
        for _, _, _, _, _, meaning, _ in provider_tables.setting_rows(spec.settings, ""):
            assert meaning


def test_every_variable_that_a_page_names_exists() -> None:
    known = {
        "ROUTE_",
        "PLUGINS",
        "CONFIG",
        "HOME",
        "IMAP_PASSWORD",
        "STORM",
        "TRIALS",
        "RECORDS",
        "SPECS",
        "DSN",
    }
    settings = {
        f"{name.upper().replace('-', '_')}_{field.upper()}"
        for name, spec in provider_tables.specs().items()
        for field in [*spec.settings.model_fields, "dsn"]
    }
    tables = "".join(
        (ROOT / name).read_text("utf-8")
        for name in ("docs/reference/configuration.md", "docs/gateway/settings.md")
    )
    listed = set(re.findall(r"\| `MESSAGING_CHANNELS_([A-Z_]+)` \|", tables))
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]:
        if "decisions" in page.parts or "changelog.d" in page.parts:
            continue
        for name in re.findall(r"MESSAGING_CHANNELS_([A-Z_]+[A-Z])(?![A-Z_<…])", page.read_text("utf-8")):
            invented = name.startswith(("ACME", "INFOBIP_WEBHOOK"))
            assert invented or name in settings | listed | known or name.startswith("ROUTE_"), (
                f"{page}: {name}"
            )
