"""A shop with Celery: codes by tasks that never send twice, orders with a fallback, delivery reports, STOP, and a worker inside Celery's.

celery -A shop worker
gunicorn shop:web
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from celery import Celery

from messaging_channels import Fallback, Sandbox, Sms, SqliteLedger, WebhookRequest, WhatsAppTemplate
from messaging_channels.errors import LedgerUnavailable, WebhookVerificationError
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels_celery import Messaging, MessagingTask

app = Celery("shop", broker=os.environ.get("SHOP_BROKER", "memory://"))
app.conf.broker_connection_retry_on_startup = True
statuses: dict[str, str] = {}
replies: list[str] = []


def dispatcher_arguments() -> dict[str, Any]:
    """Return what a dispatcher of the shop is made of; called once in each process."""
    path = Path(os.environ.get("SHOP_LEDGER", "ledger.sqlite3"))
    return {"providers": [Sandbox()], "ledger": SqliteLedger(path, owned=True)}


messaging = Messaging(app, dispatcher_arguments, worker={"concurrency": 2})


@messaging.task(name="shop.text_code")
def text_code(self: MessagingTask, phone: str) -> str:
    """Text a code. Run again, by a retry, a redelivery or after the death of its process, it sends nothing twice."""
    return self.send(Sms("Your code is 4821", category="authentication"), to=phone).outcome


def order(number: int, phone: str) -> str:
    """Take an order in a request: the message is kept, and a worker is woken. SMS follows after five minutes without a report."""
    receipt = messaging.dispatcher.enqueue(
        Fallback(
            [WhatsAppTemplate("order", "en", (str(number),)), Sms(f"We have your order {number}")], after=300
        ),
        to=phone,
        idempotency_key=f"order-{number}",
    )
    return receipt.id


@app.task(name="shop.keep_status")
def keep_status(message_id: str, status: str) -> None:
    """Keep how a message stands. Reports may come twice and late: the last one that the ledger took counts."""
    statuses[message_id] = status


@app.task(name="shop.keep_reply")
def keep_reply(text: str) -> None:
    """Keep what somebody wrote. STOP needs nothing more: the ledger knows, and later messages are refused."""
    replies.append(text)


def web(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Take a vendor's call, `/webhooks/infobip` (WSGI). The ledger keeps what it tells before it is answered; tasks do the rest."""
    provider = str(environ.get("PATH_INFO", "")).rpartition("/")[2]
    request = WebhookRequest.from_wsgi(environ, public_url="https://shop.example.com")
    try:
        result = messaging.dispatcher.handle_webhook(provider, request)
    except WebhookVerificationError:
        start_response("401 Unauthorized", [])
        return [b""]
    except LedgerUnavailable:
        start_response("503 Service Unavailable", [("Retry-After", "30")])
        return [b""]
    for event in result.events:
        if isinstance(event, StatusChanged) and event.status is not None:
            keep_status.delay(event.message_id, event.status.name)
        elif isinstance(event, MessageReceived):
            keep_reply.delay(event.text or "")
    start_response(f"{result.response.status} OK", list(result.response.headers.items()))
    return [result.response.body]
