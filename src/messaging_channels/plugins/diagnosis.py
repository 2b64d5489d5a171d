"""The optional ability that `messaging-channels doctor` uses: checks by calls without any effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from messaging_channels.plugins.exchange import Flow, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check. It shows no secret and no complete address."""

    subject: str
    """Subject of the check, such as `twilio credentials`."""
    level: Literal["ok", "warning", "error"]
    words: str
    """Result of the check, in words."""
    remedy: str = ""
    """Action for the operator."""

    @property
    def is_problem(self) -> bool:
        """Whether something is to be done."""
        return self.level != "ok"

    @property
    def is_error(self) -> bool:
        """Whether messages will fail."""
        return self.level == "error"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"subject": self.subject, "level": self.level, "words": self.words, "remedy": self.remedy}

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.level.upper():<8}{self.subject}: {self.words}" + (
            f"; {self.remedy}" if self.remedy else ""
        )


@runtime_checkable
class SupportsDiagnosis(Protocol):
    """An optional ability: the provider can find out whether its settings work."""

    @property
    def endpoints(self) -> Sequence[str]:
        """The URLs of the vendor's hosts, such as `https://api.twilio.com`: their names are looked up, and TLS is tried."""
        ...

    def diagnose(self) -> Flow[Sequence[Finding]]:
        """Ask the vendor whether the credentials, senders and webhook settings work, by exchanges without effect: say `may_send=False`.

        Raises:
            TransportError: the vendor could not be reached. The caller reports this as a finding.
        """
        ...


def credentials_finding(
    provider: str,
    response: HttpResponse,
    *,
    remedy: str,
    words: str = "the vendor accepts them",
    clues: Mapping[int, str] | None = None,
) -> Finding:
    """Return what an answer to a call with the credentials says about them; `clues` say what further statuses mean at this vendor."""
    subject = f"{provider} credentials"
    if response.ok:
        return Finding(subject, "ok", words)
    if clues and response.status in clues:
        return Finding(subject, "error", f"HTTP {response.status}: {clues[response.status]}", remedy)
    if response.status in (401, 403):
        return Finding(subject, "error", f"the vendor refuses them (HTTP {response.status})", remedy)
    return Finding(
        subject,
        "warning",
        f"the vendor answers HTTP {response.status}, which says nothing about them",
        "try again later",
    )
