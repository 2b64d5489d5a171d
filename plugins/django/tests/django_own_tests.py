"""Django's own tests of mail backends, from its source, with ours in place of its own: run as a program, which prints what failed.

The mails go through our dispatcher, and through the SMTP plugin to the server that Django's tests start.
"""

from __future__ import annotations

import email.errors
import json
import sys
import unittest
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

if not hasattr(
    email.errors, "HeaderWriteError"
):  # Django's tests name it, which the first releases of 3.12 lack
    email.errors.HeaderWriteError = type("HeaderWriteError", (email.errors.MessageError,), {})  # type: ignore[misc]
sys.path.insert(0, str(Path(sys.argv[1]) / "tests"))
BACKEND = "messaging_channels_django.mail.EmailBackend"
settings.configure(SECRET_KEY="made-up", USE_TZ=True, INSTALLED_APPS=["messaging_channels_django"])
django.setup()

from messaging_channels import Dispatcher  # noqa: E402  when Django is set up
from messaging_channels_django import use_dispatcher  # noqa: E402
from messaging_channels_django.mail import EmailBackend  # noqa: E402
from messaging_channels_smtp import Smtp  # noqa: E402

theirs: Any = import_module("mail.tests" if django.VERSION < (6, 1) else "mail.test_backends")
Shared: Any = theirs.BaseEmailBackendTests if django.VERSION < (6, 1) else theirs.SharedEmailBackendTests


class OurBackendTests(Shared, theirs.SMTPBackendTestsBase):  # type: ignore[misc, name-defined]  Django's own
    email_backend = BACKEND
    backend_class = EmailBackend

    def setUp(self) -> None:
        super().setUp()
        self.flush_mailbox()
        controller = self.smtp_controller
        smtp = Smtp(host=controller.hostname, port=controller.port, tls="none", sender="shop@example.com")
        stack = ExitStack()
        dispatcher = stack.enter_context(Dispatcher([smtp]))
        stack.enter_context(use_dispatcher(dispatcher))
        self.addCleanup(stack.close)

    def test_message_id_is_the_id_of_the_receipt_at_the_domain_of_the_sender(self) -> None:
        """Ours: one Message-ID, which leads from an answer or a bounce to the record. Django's own has a random one, at the name of the machine."""
        backend = EmailBackend()
        message = EmailMultiAlternatives("s", "t", "shop@example.com", ["to@example.com"])
        message.attach_alternative("<p>t</p>", "text/html")
        backend.send_messages([message])

        (mail,) = self.get_mailbox_content()
        assert mail.get_all("Message-ID") == [f"<{backend.receipts[0].id}@example.com>"]

    def flush_mailbox(self) -> None:
        self.smtp_handler.flush_mailbox()

    def get_mailbox_content(self) -> Any:
        return self.smtp_handler.mailbox


class Named(unittest.TextTestResult):
    names: list[str]

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802  its own name
        super().startTest(test)
        self.names = [*getattr(self, "names", []), test.id().rpartition(".")[2]]


suite = unittest.defaultTestLoader.loadTestsFromTestCase(OurBackendTests)
result: Any = unittest.TextTestRunner(stream=sys.stderr, resultclass=Named).run(suite)
failed: dict[str, str] = {}
for test, text in [*result.failures, *result.errors]:
    case = getattr(test, "test_case", test)  # of a subtest, the test
    failed[case.id().rpartition(".")[2]] = text[-600:]
sys.stdout.write(json.dumps({"ran": sorted(set(result.names)), "failed": failed}))
