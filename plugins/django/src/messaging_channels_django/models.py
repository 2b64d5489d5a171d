"""What the admin lists: no tables of Django's, but names for permissions. The ledger keeps the data."""

from __future__ import annotations

from django.db import models


class Message(models.Model):  # noqa: DJ008  there are no instances
    """A message of the ledger."""

    class Meta:
        """No table."""

        managed = False
        default_permissions = ("view",)
        verbose_name_plural = "messages"


class Queue(models.Model):  # noqa: DJ008  there are no instances
    """How the queue stands."""

    class Meta:
        """No table."""

        managed = False
        default_permissions = ("view",)
        verbose_name_plural = "queue"


class Consent(models.Model):  # noqa: DJ008  there are no instances
    """What people said about being written to."""

    class Meta:
        """No table."""

        managed = False
        default_permissions = ("view",)
        verbose_name_plural = "consent"
