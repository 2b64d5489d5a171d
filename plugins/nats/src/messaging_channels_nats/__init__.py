"""NATS JetStream: wake-ups of workers, and a stream as a source of messages to send.

JetStream delivers at least once. The ledger makes that once: a wake-up names a message that is sent once however often it is named, and a request
from a stream has an idempotency key.
"""

from messaging_channels_nats.notifier import SUBJECT, NatsNotifier, wake_worker
from messaging_channels_nats.source import RequestSource

__all__ = ["SUBJECT", "NatsNotifier", "RequestSource", "wake_worker"]
