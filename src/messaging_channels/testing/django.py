"""Django's test runner with the guard: `TEST_RUNNER = "messaging_channels.testing.django.Runner"`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from messaging_channels.testing import network_guard

_Runner: Any = import_module("django.test.runner").DiscoverRunner
"""Django comes without types."""


class Runner(_Runner):  # type: ignore[misc]  # likewise
    """Forbids real providers while tests run."""

    def setup_test_environment(self, **options: Any) -> None:  # noqa: ANN401  Django's own
        """Forbid them."""
        super().setup_test_environment(**options)  # pyright: ignore[reportUnknownMemberType]  Django comes without types
        network_guard.block()

    def teardown_test_environment(self, **options: Any) -> None:  # noqa: ANN401  Django's own
        """Allow them again."""
        network_guard.unblock()
        super().teardown_test_environment(**options)  # pyright: ignore[reportUnknownMemberType]  likewise
