"""The addresses for providers: `path("messaging/", include("messaging_channels_django.urls"))`.

`https://shop.example.com/messaging/webhooks/twilio`, and `/webhooks/twilio/ACCOUNT` for an account of `[accounts]`; with a slash at the end or without:
a redirect would lose the body.
"""

from __future__ import annotations

from django.urls import re_path

from messaging_channels_django.webhooks import webhook

app_name = "messaging_channels"
urlpatterns = [
    re_path(r"^webhooks/(?P<provider>[A-Za-z0-9_-]+)/?$", webhook, name="webhook"),
    re_path(
        r"^webhooks/(?P<provider>[A-Za-z0-9_-]+)/(?P<account>[A-Za-z0-9._-]+)/?$",
        webhook,
        name="account_webhook",
    ),
]
