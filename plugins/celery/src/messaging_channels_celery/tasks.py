"""The base of tasks that send: what certainly was not sent is tried again, what may have been sent never is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from celery import Task

from messaging_channels.errors import IdempotencyKeyInUse, InvalidSetting, LedgerUnavailable, NotSent

if TYPE_CHECKING:
    from messaging_channels import Dispatcher, Receipt
    from messaging_channels.messages import Message

    _Task = Task[Any, Any]
else:
    _Task = Task

_COUNT = "messaging_channels_count"


class MessagingTask(_Task):
    """A task with `self.send`. It may be delivered again, and its worker may die: the ledger knows what it sent.

    `acks_late` and `reject_on_worker_lost` are on, so that a task whose worker died is done by another.
    """

    abstract = True
    acks_late = True
    reject_on_worker_lost = True
    max_retries = 10
    first_delay: ClassVar[float] = 10.0
    """Seconds before the first retry; twice as long before each next one."""
    longest_delay: ClassVar[float] = 900.0

    def get_dispatcher(self) -> Dispatcher:
        """Return the dispatcher of this process. `Messaging.task` sets it.

        Raises:
            InvalidSetting: the task was not made by `Messaging.task`.
        """
        raise InvalidSetting(
            "is not known to this task",
            setting="dispatcher",
            source=self.name,
            hint="make it by @messaging.task",
        )

    def send(
        self,
        message: Message,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        idempotency_key: str | None = None,
        **options: Any,  # noqa: ANN401  those of `Dispatcher.send`
    ) -> Receipt:
        """Send a message under a key that stays the same whenever this task runs again. The options are those of `Dispatcher.send`.

        Returns the receipt of a message that a provider took, or may have taken (`outcome` is then `unknown`: it is not tried again). Several messages of one
        task are told apart by their order, or by keys that are given.

        Raises:
            Retry: certainly nothing went out, and the task is to run again later.
            NotSent: likewise, but the task ran `max_retries` times.
            Rejected: the provider refused it for good.
            BadInput: it cannot be sent as it is.
            ConfigurationError: the deployment cannot send it, or has no ledger.
        """
        dispatcher = self.get_dispatcher()
        dispatcher.queue.enqueuer.require_ledger()
        key = idempotency_key or self._next_key()
        try:
            return dispatcher.send(message, to=to, idempotency_key=key, **options)
        except (NotSent, LedgerUnavailable, IdempotencyKeyInUse) as error:
            raise self.retry(exc=error, countdown=self.retry_delay(error)) from error

    def _next_key(self) -> str:
        request: Any = self.request
        number = getattr(request, _COUNT, 0) + 1
        setattr(request, _COUNT, number)
        return f"celery:{request.id}:{number}"

    def retry_delay(self, error: Exception) -> float:
        """Return the seconds to wait before the next run: what the provider asks for, or longer each time."""
        retries: int = self.request.retries or 0
        asked: float | None = getattr(error, "retry_after", None)
        return max(asked or 0.0, min(self.longest_delay, self.first_delay * float(2**retries)))
