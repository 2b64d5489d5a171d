"""Orders and replies."""

from typing import ClassVar

from django.db import migrations, models

KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    """The first tables."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", KEY),
                ("phone", models.CharField(max_length=20)),
                ("item", models.CharField(max_length=100)),
                ("message_id", models.CharField(blank=True, max_length=64)),
                ("message_status", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Reply",
            fields=[
                ("id", KEY.clone()),
                ("phone", models.CharField(max_length=40)),
                ("text", models.TextField()),
            ],
        ),
    ]
