from __future__ import annotations

from messaging_channels.events import FailureReason
from messaging_channels_whatsapp_cloud._table_errors import ERRORS
from messaging_channels_whatsapp_cloud.errors import failure_of, parse_error


def test_every_error_has_one_reason() -> None:
    for code, *_ in ERRORS:
        told = failure_of({"code": code})
        assert told["vendor_code"] == str(code)
        assert told["failure"] not in (None, FailureReason.UNKNOWN)
    assert failure_of({"code": 234})["failure"] is FailureReason.ACCOUNT_BLOCKED
    assert failure_of({"code": 999999, "title": "News"})["failure"] is FailureReason.UNKNOWN
    assert failure_of({})["failure"] is None


def test_undeliverable_is_never_an_unknown_person() -> None:
    result = parse_error({"code": 131026, "message": "(#131026) Message undeliverable"}, native=None)
    assert result is not None
    assert (result.failure, result.vendor_code) == (FailureReason.NOT_ON_CHANNEL, "131026")
