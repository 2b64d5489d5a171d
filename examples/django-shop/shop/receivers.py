"""What the shop does with what providers report."""

from django.dispatch import receiver

from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels_django.signals import event_received
from shop.models import Order, Reply


@receiver(event_received, sender=StatusChanged)
def keep_status(event: StatusChanged, **_: object) -> None:
    """Keep how the message of an order stands."""
    if event.status is not None:
        Order.objects.filter(message_id=event.message_id).update(message_status=event.status.name)


@receiver(event_received, sender=MessageReceived)
def keep_reply(event: MessageReceived, **_: object) -> None:
    """Keep what somebody wrote. STOP needs nothing more: the ledger knows, and later messages are refused."""
    Reply.objects.create(phone=event.sender.plain, text=event.text or "")
