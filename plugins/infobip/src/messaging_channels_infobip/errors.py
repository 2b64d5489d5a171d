"""Errors of calls to Infobip that send no message."""

from __future__ import annotations

from messaging_channels.errors import InvalidSetting, Phase, TransportError
from messaging_channels.plugins import HttpResponse, retry_after
from messaging_channels_infobip.responses import describe_error


class InfobipApiError(TransportError):
    """A question to Infobip was not answered. `http_status` and `retry_after` (seconds, or None) say why and for how long."""

    code = "infobip_api_error"

    def __init__(
        self, problem: str, *, operation: str, http_status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(f"infobip, {operation}: {problem}", phase=Phase.READ)
        self.operation = operation
        self.http_status = http_status
        self.retry_after = retry_after

    @property
    def may_have_been_sent(self) -> bool:
        """No: a question sends nothing."""
        return False


def require_authorized_success(response: HttpResponse, operation: str) -> HttpResponse:
    """Return the answer if it is a success.

    Raises:
        InvalidSetting: the key is wrong, or lacks the right to ask this.
        InfobipApiError: anything else.
    """
    if response.status in _UNAUTHORIZED:
        raise InvalidSetting(
            f"was refused by Infobip (HTTP {response.status}, {operation})",
            setting="infobip.api_key",
            source="the provider's arguments",
            hint="check the key and its API scopes in the portal",
        )
    return require_success(response, operation)


def require_success(response: HttpResponse, operation: str) -> HttpResponse:
    """Return the answer if it is a success.

    Raises:
        InfobipApiError: it is none. A wrong key is told by `http_status` 401 or 403: whoever asks in a loop goes on.
    """
    if response.ok:
        return response
    raise InfobipApiError(
        f"HTTP {response.status} {describe_error(response)}".rstrip(),
        operation=operation,
        http_status=response.status,
        retry_after=retry_after(response.headers),
    )


_UNAUTHORIZED = frozenset({401, 403})
