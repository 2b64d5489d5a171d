"""A shop in Flask: one-time codes, orders, delivery reports, STOP, unsubscribe links, and a worker beside the server.

flask --app shop run
flask --app shop messaging worker
"""

import os
from typing import Any

from flask import Flask, request

from messaging_channels import Dispatcher, Fallback, Sms, WhatsAppTemplate
from messaging_channels.consent import UnsubscribeLinks
from messaging_channels.errors import MessageBlocked, NotSent
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels_flask import Messaging

messaging = Messaging()
statuses: dict[str, str] = {}
replies: list[str] = []


def unsubscribe_links(dispatcher: Dispatcher) -> UnsubscribeLinks:
    """Return what makes and reads the links under newsletters."""
    secret = os.environ.get("SHOP_SECRET", "made-up, for development only")
    return UnsubscribeLinks("https://shop.example.com/unsubscribe", secret, dispatcher.consent.recipient_key)


@messaging.on(StatusChanged)
def keep_status(event: StatusChanged) -> None:
    """Keep how a message stands."""
    if event.status is not None:
        statuses[event.message_id] = event.status.name


@messaging.on(MessageReceived)
def keep_reply(event: MessageReceived) -> None:
    """Keep what somebody wrote. STOP needs nothing more."""
    replies.append(event.text or "")


def create_app() -> Flask:
    """Make the application."""
    app = Flask(__name__)
    app.config["MESSAGING_CHANNELS"] = {
        "SANDBOX": os.environ.get("SHOP_SANDBOX", "1") == "1",
        "PUBLIC_URL": "https://shop.example.com",
    }
    messaging.init_app(app)
    app.add_url_rule("/orders", view_func=order, methods=["POST"])
    app.add_url_rule("/codes", view_func=code, methods=["POST"])
    return app


def order() -> Any:
    """Take an order, and tell the customer by WhatsApp, or by SMS after five minutes without a report."""
    number = request.form["number"]
    receipt = messaging.dispatcher.enqueue(
        Fallback(
            [WhatsAppTemplate("order", "en", (number,)), Sms(f"We have your order {number}")], after=300
        ),
        to=request.form["phone"],
        idempotency_key=f"order-{number}",
    )
    return {"message": receipt.id}, 201


def code() -> Any:
    """Text a one-time code at once."""
    try:
        receipt = messaging.dispatcher.send(
            Sms("Your code is 4821", category="authentication"), to=request.form["phone"], timeout=10
        )
    except MessageBlocked:
        return {"problem": "this number wants no messages"}, 409
    except NotSent:
        return {"problem": "please try again"}, 503
    return {"message": receipt.id, "outcome": receipt.outcome}


messaging.add_unsubscribe("/unsubscribe/<token>", unsubscribe_links)
