"""What is raised where Infobip was asked something, and no message was at stake."""

from __future__ import annotations

from messaging_channels.errors import ExchangeFailed, InvalidSetting, Phase
from messaging_channels.plugins import HttpResponse, retry_after
from messaging_channels_infobip.answers import explanation


class InfobipRefused(ExchangeFailed):
    """A question to Infobip was not answered. `http_status` and `retry_after` (seconds, or None) say why and for how long."""

    code = "infobip_refused"

    def __init__(
        self, problem: str, *, asked: str, http_status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(f"infobip, {asked}: {problem}", phase=Phase.READ)
        self.asked = asked
        self.http_status = http_status
        self.retry_after = retry_after

    @property
    def may_have_been_sent(self) -> bool:
        """No: a question sends nothing."""
        return False


def require_ok(response: HttpResponse, asked: str) -> HttpResponse:
    """Return the answer if it is a success.

    Raises:
        InvalidSetting: the key is wrong, or lacks the right to ask this.
        InfobipRefused: anything else.
    """
    if response.status in _KEY:
        raise InvalidSetting(
            f"Infobip answers {response.status} to it for {asked}",
            setting="infobip.api_key",
            source="the provider's arguments",
            remedy="check the key and its API scopes in the portal",
        )
    return require_told(response, asked)


def require_told(response: HttpResponse, asked: str) -> HttpResponse:
    """Return the answer if it is a success.

    Raises:
        InfobipRefused: it is none. A wrong key is told by `http_status` 401 or 403: whoever asks in a loop goes on.
    """
    if response.ok:
        return response
    raise InfobipRefused(
        f"HTTP {response.status} {explanation(response)}".rstrip(),
        asked=asked,
        http_status=response.status,
        retry_after=retry_after(response.headers),
    )


_KEY = frozenset({401, 403})
