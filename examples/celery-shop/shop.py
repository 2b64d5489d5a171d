"""A shop with Celery: codes by tasks that never send twice, orders that wait in the ledger, and a worker inside Celery's.

celery -A shop worker
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery

from messaging_channels import Sandbox, Sms, SqliteLedger
from messaging_channels_celery import Messaging, MessagingTask

app = Celery("shop", broker=os.environ.get("SHOP_BROKER", "memory://"))
app.conf.broker_connection_retry_on_startup = True


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
    """Take an order: the message is kept, and a worker is woken."""
    receipt = messaging.dispatcher.enqueue(
        Sms(f"We have your order {number}"), to=phone, idempotency_key=f"order-{number}"
    )
    return receipt.id
