"""Tests of a Django project: every test has an outbox, and what the project sends lies in it, Django's own mails too.

    class SignUp(OutboxMixin, TestCase):
        providers = ("twilio",)

        def test_it_texts_a_code(self):
            self.client.post("/signup", {"number": "+447700900123"})
            self.assertIn("code", self.outbox.only(Sms).text)

`TEST_RUNNER = "messaging_channels_django.testing.Runner"` forbids real providers in the whole run. With pytest, `use_dispatcher(outbox.dispatcher)` in a
fixture does the same for one test.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.test.utils import override_settings

from messaging_channels import Worker
from messaging_channels.testing import OutboxMixin as _OutboxMixin
from messaging_channels.testing.django import Runner
from messaging_channels_django.dispatchers import use_dispatcher
from messaging_channels_django.signals import SignalObserver

__all__ = ["OutboxMixin", "Runner", "mail_settings"]
_BACKEND = "messaging_channels_django.mail.EmailBackend"


def mail_settings() -> dict[str, Any]:
    """Return the settings by which Django's mails go through the dispatcher, in this version of Django and this project."""
    if hasattr(django_settings, "MAILERS"):
        return {"MAILERS": {"default": {"BACKEND": _BACKEND}}}
    return {"EMAIL_BACKEND": _BACKEND}


class OutboxMixin(_OutboxMixin):
    """Gives each test `self.outbox`, and the project its dispatcher. Stands before `TestCase`.

    `transaction.on_commit` runs within `captureOnCommitCallbacks(execute=True)` in a `TestCase`; what is enqueued waits until `send_queued`.
    """

    takes_mail: ClassVar[bool] = True
    """Whether Django's own mails go into the outbox, not into `django.core.mail.outbox`."""

    def setUp(self) -> None:
        """Make the outbox, and have the project use it."""
        self.messaging = {"observer": SignalObserver(), **self.messaging}  # type: ignore[misc]
        super().setUp()
        replacement = use_dispatcher(self.outbox.dispatcher, self.outbox.async_dispatcher)
        self.enterContext(replacement)
        if self.takes_mail:
            self.enterContext(override_settings(**mail_settings()))

    def send_queued(self) -> int:
        """Send what was enqueued and is due, as a worker would. Return how many messages were looked at."""
        return Worker(self.outbox.dispatcher).drain()
