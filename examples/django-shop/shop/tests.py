"""The shop's tests: what it sends lies in an outbox, and the vendor is played by what its plugin knows of it."""

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import TestCase

from messaging_channels import Email, Sms, WebhookRequest, WhatsAppTemplate
from messaging_channels_django.testing import OutboxMixin
from shop.models import Order, Reply
from shop.urls import unsubscribe_links

PHONE = "+447700900123"


class ShopTests(OutboxMixin, TestCase):
    """Send in a request, fall back, hear of it, and stop."""

    providers = ("infobip",)

    def call(self, request: WebhookRequest) -> None:
        """Make the vendor's call."""
        headers = dict(request.headers)
        content_type = headers.pop("content-type")
        answer = self.client.post(
            "/messaging/webhooks/infobip", request.body, content_type=content_type, headers=headers
        )
        self.assertEqual(answer.status_code, 200)

    def buy(self) -> Order:
        """Order something."""
        answer = self.client.post("/orders", {"phone": PHONE, "item": "a lamp"})
        self.assertEqual(answer.status_code, 201)
        return Order.objects.get(pk=answer.json()["order"])

    def test_an_order_is_confirmed_by_the_worker_and_reported_as_delivered(self) -> None:
        """WhatsApp goes out, and the report of its delivery is kept with the order."""
        order = self.buy()
        self.assertEqual(len(self.outbox), 0)
        self.send_queued()
        self.outbox.only(WhatsAppTemplate, to=PHONE)

        self.call(self.outbox.delivery_report(self.outbox.sent[0]))

        order.refresh_from_db()
        self.assertTrue(order.message_status.startswith("DELIVERED"))

    def test_without_a_report_it_is_texted(self) -> None:
        """SMS follows after five minutes."""
        self.buy()
        self.send_queued()
        self.outbox.clock.advance(301)
        self.send_queued()

        self.assertIn("We have your order", self.outbox.only(Sms, to=PHONE).text)

    def test_who_writes_stop_gets_nothing_more(self) -> None:
        """The reply is kept, and a later message is refused."""
        self.assertEqual(self.client.post("/codes", {"phone": PHONE}).status_code, 200)

        self.call(
            self.outbox.inbound_message("STOP", sender=PHONE[1:], to="447700900999", provider="infobip")
        )

        self.assertEqual(Reply.objects.get().text, "STOP")
        self.assertEqual(self.client.post("/codes", {"phone": PHONE}).status_code, 409)
        self.assertEqual(len(self.outbox), 1)

    def test_a_code_that_certainly_was_not_sent_may_be_asked_for_again(self) -> None:
        """The vendor is away."""
        self.outbox.provider("infobip").refuse_connection(times=9)

        self.assertEqual(self.client.post("/codes", {"phone": PHONE}).status_code, 503)

    def test_a_forged_report_is_refused(self) -> None:
        """Nothing proves it."""
        answer = self.client.post("/messaging/webhooks/infobip", b"{}", content_type="application/json")

        self.assertEqual(answer.status_code, 401)


class ProjectTests(TestCase):
    """The project as a whole."""

    def test_no_migration_is_missing(self) -> None:
        """Neither of the shop nor of any application."""
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


class MailTests(OutboxMixin, TestCase):
    """Django's own mails, and links under ours."""

    def test_a_password_reset_goes_through_the_dispatcher(self) -> None:
        """It is enqueued, and then sent by the worker."""
        User.objects.create_user("zoe", "zoe@example.com", "made-up")

        self.client.post("/password-reset/", {"email": "zoe@example.com"})
        self.send_queued()

        mail = self.outbox.only(Email, to="zoe@example.com")
        self.assertIn("/reset/", mail.text or "")
        self.assertEqual(mail.category, "transactional")

    def test_a_link_takes_somebody_off_the_list(self) -> None:
        """One click, as mail programs make it."""
        url = unsubscribe_links().header("zoe@example.com", category="newsletter").url or ""

        answer = self.client.post(
            url.removeprefix("https://shop.example.com"), {"List-Unsubscribe": "One-Click"}
        )

        self.assertEqual(answer.status_code, 200)
        found = self.outbox.dispatcher.consent.find("email", "zoe@example.com", category="newsletter")
        self.assertIsNotNone(found)
