"""What the shop keeps."""

from django.db import models


class Order(models.Model):
    """What somebody bought, and what became of the message about it."""

    phone = models.CharField(max_length=20)
    item = models.CharField(max_length=100)
    message_id = models.CharField(max_length=64, blank=True)
    message_status = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        """Name it."""
        return f"order {self.pk}"


class Reply(models.Model):
    """What somebody wrote."""

    phone = models.CharField(max_length=40)
    text = models.TextField()

    def __str__(self) -> str:
        """Name it."""
        return f"reply {self.pk}"
