"""A shop in FastAPI: one-time codes, orders, delivery reports, STOP, unsubscribe links, and a worker in the same process.

uvicorn shop:app
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

from messaging_channels import AsyncDispatcher, Fallback, Sms, WhatsAppTemplate
from messaging_channels.consent import UnsubscribeLinks
from messaging_channels.errors import MessageBlocked, NotSent
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels_starlette import Messaging

messaging = Messaging.from_config(
    sandbox=os.environ.get("SHOP_SANDBOX", "1") == "1",
    public_url="https://shop.example.com",
    worker={"poll_interval": 1.0},
)
app = FastAPI(lifespan=messaging.lifespan)
Dispatching = Annotated[AsyncDispatcher, Depends(messaging.get_dispatcher)]
statuses: dict[str, str] = {}
replies: list[str] = []


class Order(BaseModel):
    """What somebody buys."""

    number: int
    phone: str


@app.post("/orders", status_code=201)
async def order(new: Order, dispatcher: Dispatching) -> dict[str, str]:
    """Take an order, and tell the customer by WhatsApp, or by SMS after five minutes without a report."""
    text = f"We have your order {new.number}"
    receipt = await dispatcher.enqueue(
        Fallback([WhatsAppTemplate("order", "en", (str(new.number),)), Sms(text)], after=300),
        to=new.phone,
        idempotency_key=f"order-{new.number}",
    )
    return {"message": receipt.id}


@app.post("/codes")
async def code(phone: str, dispatcher: Dispatching) -> dict[str, str]:
    """Text a one-time code at once."""
    try:
        receipt = await dispatcher.send(
            Sms("Your code is 4821", category="authentication"), to=phone, timeout=10
        )
    except MessageBlocked:
        raise HTTPException(409, "this number wants no messages") from None
    except NotSent:
        raise HTTPException(503, "please try again") from None
    return {"message": receipt.id, "outcome": receipt.outcome}


@messaging.on(StatusChanged)
async def keep_status(event: StatusChanged) -> None:
    """Keep how a message stands."""
    if event.status is not None:
        statuses[event.message_id] = event.status.name


@messaging.on(MessageReceived)
def keep_reply(event: MessageReceived) -> None:
    """Keep what somebody wrote. STOP needs nothing more."""
    replies.append(event.text or "")


def unsubscribe_links(dispatcher: AsyncDispatcher) -> UnsubscribeLinks:
    """Return what makes and reads the links under newsletters."""
    secret = os.environ.get("SHOP_SECRET", "made-up, for development only")
    return UnsubscribeLinks("https://shop.example.com/unsubscribe", secret, dispatcher.consent.recipient_key)


app.mount("/messaging", messaging.webhooks)
app.mount("/unsubscribe", messaging.unsubscribe(unsubscribe_links))
