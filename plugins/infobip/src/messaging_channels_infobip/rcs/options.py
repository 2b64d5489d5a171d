"""Options of an RCS message that only Infobip supports."""

from __future__ import annotations

from dataclasses import dataclass

from messaging_channels_infobip.options import InfobipOptions, require_text

_LABEL = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipRcsOptions(InfobipOptions):
    """Options of an RCS message."""

    campaign_id: str | None = None

    __hash__ = InfobipOptions.__hash__

    def check(self) -> None:
        """Refuse what is too long."""
        InfobipOptions.check(self)
        require_text(self.campaign_id, "InfobipRcsOptions.campaign_id", max_length=_LABEL)
