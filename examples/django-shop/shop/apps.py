"""The shop's application: connects the receivers."""

from importlib import import_module

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Orders, and what people write back."""

    name = "shop"

    def ready(self) -> None:
        """Connect the receivers."""
        import_module("shop.receivers")
