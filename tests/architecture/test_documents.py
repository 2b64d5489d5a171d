from __future__ import annotations

from pathlib import Path

import pytest

from messaging_channels import errors
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model._table_failures import ADVICE
from messaging_channels._model.failure_reasons import Advice, FailureReason
from messaging_channels._model.status import known_statuses
from messaging_channels._providers.sandbox import BEHAVIOURS
from messaging_channels.testing import provider_matrix
from messaging_channels.testing.conformance import rules_page

DOCS = Path(__file__).parents[2] / "docs"


def test_every_status_is_documented() -> None:
    page = (DOCS / "reference/statuses.md").read_text("utf-8")
    for channel, status in known_statuses():
        assert (
            f"| {status.group_id} | {status.id} | `{status.name}` | {channel} | {status.description} |"
            in page
        )


def test_every_failure_is_documented_with_its_advice() -> None:
    page = (DOCS / "reference/failures.md").read_text("utf-8")
    for reason in FailureReason:
        told = ", ".join(f"`{one}`" for one in Advice if one in ADVICE[reason]) or "none"
        assert f"| `{reason}` | {told} |" in page
    for advice in Advice:
        assert f"\n| `{advice}` | " in page


def test_every_error_is_documented_with_its_code() -> None:
    page = (DOCS / "reference/errors-and-reasons.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.MessagingError):
            assert f"| `{kind.__name__}` | `{kind.code}` |" in page


def test_every_hook_is_documented() -> None:
    page = (DOCS / "plugin-authors/contract.md").read_text("utf-8")
    for name in vars(plugins.Hooks):
        assert name.startswith("_") or f"| `{name}(" in page


def test_every_special_address_of_the_sandbox_is_documented() -> None:
    page = (DOCS / "providers/sandbox.md").read_text("utf-8")
    for behavior in BEHAVIOURS:
        assert f"| +{behavior.phone} | {behavior.mail} |" in page


def test_every_rule_of_the_kit_is_documented_as_it_stands_in_the_table() -> None:
    page = (DOCS / "plugin-authors/rules.md").read_text("utf-8")

    assert page == rules_page.page(), "run python -m messaging_channels.testing.conformance.rules_page"


def test_the_matrix_of_providers_is_what_they_declare() -> None:
    loaded = plugins.load_plugins()
    ours = {
        path.parent.name for path in (DOCS.parent / "plugins").glob("*/pyproject.toml") if _provides(path)
    }
    if missing := ours - set(loaded.providers) - {one.name for one in loaded.channels}:
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")
    specs = [spec for name, spec in loaded.providers.items() if name in ours | {"sandbox"}]
    page = (DOCS / "reference/providers-matrix.md").read_text("utf-8")

    assert page == provider_matrix.page(specs, loaded.channels), (
        "run python -m messaging_channels.testing.provider_matrix"
    )


def _provides(project: Path) -> bool:
    return "[project.entry-points.messaging_channels]" in project.read_text("utf-8")
