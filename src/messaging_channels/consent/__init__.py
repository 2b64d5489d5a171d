"""Who wants no messages, or wants them again: what people and vendors say, what is kept of it, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._model.consent import find_blocking
    from messaging_channels._model.identity import identities, identity
    from messaging_channels._model.statements import ConsentStatement, StatementKind
    from messaging_channels.consent.client import AsyncConsentClient, ConsentClient
    from messaging_channels.consent.csv_files import RejectedRow, read_csv, write_csv
    from messaging_channels.consent.keywords import Intent, KeywordMatch, KeywordRule, Keywords
    from messaging_channels.consent.links import UnsubscribeLinks, UnsubscribeTarget
    from messaging_channels.consent.policy import ConsentPolicy
    from messaging_channels.consent.unsubscribe import (
        UnsubscribeAsgiApp,
        UnsubscribePage,
        UnsubscribeWsgiApp,
    )

__all__ = [
    "AsyncConsentClient",
    "ConsentClient",
    "ConsentPolicy",
    "ConsentStatement",
    "Intent",
    "KeywordMatch",
    "KeywordRule",
    "Keywords",
    "RejectedRow",
    "StatementKind",
    "UnsubscribeAsgiApp",
    "UnsubscribeLinks",
    "UnsubscribePage",
    "UnsubscribeTarget",
    "UnsubscribeWsgiApp",
    "find_blocking",
    "identities",
    "identity",
    "read_csv",
    "write_csv",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_model.consent": ("find_blocking",),
        "_model.statements": ("ConsentStatement", "StatementKind"),
        "_model.identity": ("identities", "identity"),
        "consent.client": ("AsyncConsentClient", "ConsentClient"),
        "consent.csv_files": ("RejectedRow", "read_csv", "write_csv"),
        "consent.keywords": ("Intent", "KeywordMatch", "KeywordRule", "Keywords"),
        "consent.links": ("UnsubscribeLinks", "UnsubscribeTarget"),
        "consent.unsubscribe": ("UnsubscribeAsgiApp", "UnsubscribePage", "UnsubscribeWsgiApp"),
        "consent.policy": ("ConsentPolicy",),
    },
)
