from __future__ import annotations

from providers import telnyx_like
from regression_kit import Plain, fixtures, spec

from messaging_channels.plugins import Envelope, HttpRequest
from messaging_channels.testing.conformance import check_rules
from messaging_channels.testing.conformance.report import markdown


def test_a_finding_on_what_is_understood_shows_it_line_by_line_beside_what_was_meant() -> None:
    class Shouting(telnyx_like.TelnyxLike):
        def text(self, message: object) -> str:
            return super().text(message).upper()

    checked = check_rules(telnyx_like.spec(Shouting), telnyx_like.FIXTURES, None, 20, ["MC109"])
    shown = checked[0].findings[0].details.splitlines()

    assert shown[:2] == ["--- meant", "+++ read in the request"]
    assert any(line.startswith("-") and "Canary words" in line for line in shown[2:])
    assert any(line.startswith("+") and "CANARY WORDS" in line for line in shown[2:])
    assert "POST http://127.0.0.1:9/v2/messages" in checked[0].findings[0].details
    assert "The difference, and what was sent last" in markdown("telnyx-like", checked)


def test_two_requests_of_one_message_are_shown_with_what_differs() -> None:
    class Counting(Plain):
        number = 0

        def told(self, envelope: Envelope) -> dict[str, object]:
            self.number += 1
            return {**super().told(envelope), "number": self.number}

        def build_request(self, envelope: Envelope) -> HttpRequest:
            return HttpRequest.post_json(f"{self.base}/send", self.told(envelope), headers=self.headers())

    (result,) = check_rules(spec(Counting), fixtures(), None, 20, ["MC104"])
    shown = result.findings[0].details.splitlines()

    assert shown[0] == "--- the first request"
    assert any(line.startswith("-") and '"number":1' in line.replace(" ", "") for line in shown)
    assert any(line.startswith("+") and '"number":2' in line.replace(" ", "") for line in shown)
