"""The shop's addresses."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from messaging_channels.consent import UnsubscribeLinks
from messaging_channels_django import get_dispatcher
from messaging_channels_django.webhooks import unsubscribe_view
from shop import views


def unsubscribe_links() -> UnsubscribeLinks:
    """Return what makes and reads the links under newsletters. Its secret is the project's, and never changes: mails are read for years."""
    secret = "made-up, for development only"  # noqa: S105  in production, from the environment
    return UnsubscribeLinks(
        "https://shop.example.com/unsubscribe", secret, get_dispatcher().consent.recipient_key
    )


urlpatterns = [
    path("orders", views.order),
    path("codes", views.code),
    path("messaging/", include("messaging_channels_django.urls")),
    path("unsubscribe/<token>", unsubscribe_view(unsubscribe_links)),
    path("password-reset/", auth.PasswordResetView.as_view(), name="password_reset"),
    path("password-reset/done/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", auth.PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
    path("admin/", admin.site.urls),
]
