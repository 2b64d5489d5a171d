"""The pytest plugin that comes with messaging-channels: the fixture `outbox`, and a guard against real providers.

It is a package of its own so that pytest does not import messaging_channels before a test run has begun.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from messaging_channels.testing import Outbox

_MARK = "real_provider"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that turns the guard off."""
    parser.addini(
        "messaging_channels_guard", "whether tests may not reach real providers", type="bool", default=True
    )


def pytest_configure(config: pytest.Config) -> None:
    """Set the guard up."""
    config.addinivalue_line("markers", f"{_MARK}: this test may reach a real provider of messages")
    if config.getini("messaging_channels_guard"):
        from messaging_channels.testing import network_guard  # noqa: PLC0415  when the run has begun

        network_guard.block()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that tried to reach a real provider, also where the application swallowed the error."""
    from messaging_channels.testing import network_guard  # noqa: PLC0415  when the run has begun

    if item.get_closest_marker(_MARK):
        with network_guard.allow_real_providers():
            return (yield)
    network_guard.pop_violations()
    try:
        result = yield
    except network_guard.RealProviderReached as reached:
        network_guard.pop_violations()
        pytest.fail(str(reached), pytrace=False)
    if sentences := network_guard.pop_violations():
        pytest.fail(sentences[0], pytrace=False)
    return result


@pytest.fixture
def messaging_options() -> dict[str, Any]:
    """What the outbox is made of: override it, to return `providers` (names) and options of the dispatcher such as `routes` and `resolvers`."""
    return {}


@pytest.fixture
def outbox(messaging_options: dict[str, Any]) -> Generator[Outbox]:
    """What this test's application sends: with `Dispatcher.from_config()`, or with `outbox.dispatcher` or `outbox.async_dispatcher`."""
    from messaging_channels.testing import Outbox  # noqa: PLC0415  only where pytest runs

    options = dict(messaging_options)
    one = Outbox(*options.pop("providers", ()), **options)
    with one:
        yield one
