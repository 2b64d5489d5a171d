"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.core.signals import setting_changed

from messaging_channels_django import dispatchers
from messaging_channels_django.system_checks import check_settings


class MessagingChannelsConfig(AppConfig):
    """Registers the system checks; connects nothing."""

    name = "messaging_channels_django"
    label = "messaging_channels"
    verbose_name = "Messages"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, and forget the dispatcher when a test overrides the settings it was made from."""
        checks.register(check_settings)
        setting_changed.connect(dispatchers.reset_for_setting)
