"""The outbox for unittest and Django's test runner.

    class SignUp(OutboxMixin, TestCase):
        providers = ("infobip", "twilio")

        def test_it_texts_a_code(self):
            sign_up("+447700900123", dispatcher=self.outbox.dispatcher)
            self.assertIn("code", self.outbox.only(Sms).text)

For Django: `TEST_RUNNER = "messaging_channels.testing.django.Runner"` guards the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from messaging_channels.testing import network_guard
from messaging_channels.testing.outbox import Outbox

if TYPE_CHECKING:
    from unittest import TestCase as _Case
else:
    _Case = object


class OutboxMixin(_Case):
    """Gives each test `self.outbox`, and forbids real providers. Stands before `TestCase`, of unittest or Django, also the asynchronous ones."""

    providers: ClassVar[tuple[Any, ...]] = ()
    """Names of the simulated providers: see `Outbox`."""
    messaging: ClassVar[Mapping[str, Any]] = {}
    """Options of the dispatcher, such as routes and resolvers."""
    outbox: Outbox

    def setUp(self) -> None:
        """Make the outbox."""
        super().setUp()
        network_guard.block()
        network_guard.pop_violations()
        self.outbox = Outbox(*self.providers, **self.messaging)
        captured = self.outbox.capture()
        captured.__enter__()
        self.addCleanup(self._close_outbox)
        self.addCleanup(captured.__exit__, None, None, None)

    def _close_outbox(self) -> None:
        self.outbox.close()
        if reached := network_guard.pop_violations():
            self.fail(reached[0])
