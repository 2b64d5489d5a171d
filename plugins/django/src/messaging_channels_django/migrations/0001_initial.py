"""The permissions to look at messages, the queue and consent."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


def _model(name: str, plural: str) -> migrations.CreateModel:
    options = {"managed": False, "default_permissions": ("view",), "verbose_name_plural": plural}
    return migrations.CreateModel(
        name=name,
        fields=[
            (
                "id",
                models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
            )
        ],
        options=options,
    )


class Migration(migrations.Migration):
    """No table is made."""

    initial = True
    dependencies: ClassVar[Any] = ()
    operations: ClassVar[Any] = (
        _model("Message", "messages"),
        _model("Queue", "queue"),
        _model("Consent", "consent"),
    )
