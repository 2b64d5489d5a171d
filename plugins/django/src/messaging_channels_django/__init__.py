"""messaging-channels in Django: one dispatcher for each process, mail, webhooks, signals, a worker, admin pages and tests.

Add `messaging_channels_django` to `INSTALLED_APPS`. Django: https://docs.djangoproject.com
"""

from __future__ import annotations

from messaging_channels_django.dispatchers import get_async_dispatcher, get_dispatcher, use_dispatcher
from messaging_channels_django.queueing import enqueue, send_on_commit

__all__ = ["enqueue", "get_async_dispatcher", "get_dispatcher", "send_on_commit", "use_dispatcher"]
