from __future__ import annotations

from pathlib import Path

from messaging_channels import errors, plugins
from messaging_channels.sandbox import BEHAVIOURS
from messaging_channels.status import known_statuses

DOCS = Path(__file__).parents[2] / "docs"


def test_every_status_is_documented() -> None:
    page = (DOCS / "reference/statuses.md").read_text("utf-8")
    for channel, status in known_statuses():
        assert (
            f"| {status.group_id} | {status.id} | `{status.name}` | {channel} | {status.description} |"
            in page
        )


def test_every_error_is_documented_with_its_code() -> None:
    page = (DOCS / "reference/errors.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.MessagingError):
            assert f"| `{kind.__name__}` | `{kind.code}` |" in page


def test_every_hook_is_documented() -> None:
    page = (DOCS / "how-to/write-a-provider.md").read_text("utf-8")
    for name in vars(plugins.Hooks):
        assert name.startswith("_") or f"| `{name}(" in page


def test_every_special_address_of_the_sandbox_is_documented() -> None:
    page = (DOCS / "reference/sandbox.md").read_text("utf-8")
    for behaviour in BEHAVIOURS:
        assert f"| +{behaviour.phone} | {behaviour.mail} |" in page
