from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from messaging_channels.consent import UnsubscribeLinks
from messaging_channels_django import get_dispatcher
from messaging_channels_django.webhooks import unsubscribe_view, webhook


def links() -> UnsubscribeLinks:
    return UnsubscribeLinks(
        "https://shop.example.com/unsubscribe",
        "a made-up secret of some length",
        get_dispatcher().consent.recipient_key,
    )


urlpatterns = [
    path("admin/", admin.site.urls),
    path("messaging/", include("messaging_channels_django.urls")),
    path("hooks/<provider>", webhook),
    path("unsubscribe/<token>", unsubscribe_view(links)),
]
