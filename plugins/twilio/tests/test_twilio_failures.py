from __future__ import annotations

from messaging_channels.events import FailureReason
from messaging_channels_twilio._table_errors import ERRORS
from messaging_channels_twilio._table_failures import ERRORS as FAILURES


def test_every_error_has_one_reason() -> None:
    assert {str(code) for code, *_ in ERRORS} == FAILURES.codes
    assert not [
        code for code in FAILURES.codes if (told := FAILURES.lookup(code)) and told.reason == "unknown"
    ]


def test_a_provider_that_timed_out_and_a_file_that_is_tried_again_advise_no_copy() -> None:
    for code in (30410, 63037):
        told = FAILURES.lookup(code)
        assert told is not None
        assert told.advice == frozenset()
    assert FAILURES.fields(99999)["failure"] is FailureReason.UNKNOWN
