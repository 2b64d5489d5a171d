"""The shop's pages; JSON, to be short."""

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from messaging_channels import Fallback, Sms, WhatsAppTemplate
from messaging_channels.errors import MessageBlocked, NotSent
from messaging_channels_django import enqueue, get_dispatcher
from shop.models import Order


@require_POST
def order(request: HttpRequest) -> JsonResponse:
    """Take an order, and tell the customer by WhatsApp, or by SMS after five minutes without a report: all of it, or nothing."""
    with transaction.atomic():
        new = Order.objects.create(phone=request.POST["phone"], item=request.POST["item"])
        text = f"We have your order {new.pk}"
        receipt = enqueue(
            Fallback([WhatsAppTemplate("order", "en", (str(new.pk),)), Sms(text)], after=300),
            to=new.phone,
            idempotency_key=f"order-{new.pk}",
        )
        new.message_id = receipt.id
        new.save()
    return JsonResponse({"order": new.pk, "message": receipt.id}, status=201)


@require_POST
def code(request: HttpRequest) -> JsonResponse:
    """Text a one-time code at once. The customer waits for it, so that it is no use later."""
    try:
        receipt = get_dispatcher().send(
            Sms("Your code is 4821", category="authentication"), to=request.POST["phone"], timeout=10
        )
    except MessageBlocked:
        return JsonResponse({"problem": "this number wants no messages"}, status=409)
    except NotSent:
        return JsonResponse({"problem": "please try again"}, status=503)
    return JsonResponse({"message": receipt.id, "outcome": receipt.outcome})
