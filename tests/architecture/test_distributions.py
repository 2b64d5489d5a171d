"""Every distribution says the same of itself: version, license, addresses, classifiers; and none of its links is broken where it is published."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
CORE: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _read(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)
def test_versions_are_in_step_and_the_metadata_is_whole(folder: Path) -> None:
    project, core = _read(folder)["project"], CORE["project"]

    assert project["version"] == core["version"]
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])
    assert (folder / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert project["urls"] == core["urls"]
    assert project["requires-python"] == core["requires-python"]
    assert {one for one in core["classifiers"] if "Python ::" in one} <= {*project["classifiers"]}
    assert "messaging" in project["keywords"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)
def test_our_own_distributions_are_wanted_in_the_range_of_this_version(folder: Path) -> None:
    major, minor = CORE["project"]["version"].split(".")[:2]
    text = (folder / "pyproject.toml").read_text("utf-8")

    ranges = set(re.findall(r'"messaging-channels[a-z-]*(?:\[[a-z,-]*\])?(>=[0-9.]+,<[0-9.]+)"', text))

    assert ranges <= {f">={major}.{minor},<{major}.{int(minor) + 1}"}


def test_every_plugin_is_an_extra() -> None:
    extras = CORE["project"]["optional-dependencies"]

    assert {folder.name for folder in FOLDERS[1:]} <= {*extras}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)
def test_links_of_a_readme_are_absolute_where_it_is_published(folder: Path) -> None:
    (rule,) = _read(folder)["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]
    readme = (folder / "README.md").read_text("utf-8")

    published = re.sub(rule["pattern"], rule["replacement"], readme)

    links = re.findall(r"\]\(([^)]+)\)", published)
    assert all(link.startswith(("https://", "http://", "#", "mailto:")) for link in links), links
    own = [path for link in links if (path := link.partition("/messaging-channels/blob/main/")[2])]
    assert [path for path in own if not (ROOT / path.partition("#")[0]).exists()] == []
