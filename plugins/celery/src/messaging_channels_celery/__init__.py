"""messaging-channels in Celery: tasks that never send twice, wake-ups of workers, and a worker inside Celery's own.

messaging = Messaging(app)


@messaging.task
def text_code(self, number):
    self.send(Sms("Your code is 4821"), to=number)

Celery: https://docs.celeryq.dev
"""

from __future__ import annotations

from messaging_channels_celery.messaging import Messaging
from messaging_channels_celery.notifier import PROCESS_TASK, CeleryNotifier
from messaging_channels_celery.tasks import MessagingTask

__all__ = ["PROCESS_TASK", "CeleryNotifier", "Messaging", "MessagingTask"]
