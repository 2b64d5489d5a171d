"""Reading a mail costs what its size asks for, whatever is in it: anybody may write to a return path."""

from __future__ import annotations

import subprocess
import sys

READ = """
import sys, time
from messaging_channels import WebhookRequest
from messaging_channels_smtp import Smtp

smtp = Smtp(host="127.0.0.1", tls="none", webhook_token="canary")
count, size = int(sys.argv[1]), int(sys.argv[2])
lines = "".join(f"<p{number}@example.com>: sorry, that went wrong\\r\\n" for number in range(count))
words = "the quick brown fox and the lazy dog went over the hill and far away\\r\\n"
mail = (
    "Return-Path: <>\\r\\nFrom: MAILER-DAEMON@mx.example.com\\r\\nTo: shop@example.org\\r\\n"
    "Subject: Undelivered Mail\\r\\nMIME-Version: 1.0\\r\\nContent-Type: text/plain\\r\\n\\r\\n"
    + lines + words * ((size - len(lines)) // len(words))
)
call = WebhookRequest(mail.encode(), {"authorization": "Bearer canary"}, received_at=1795528315.0)
smtp.handle_webhook(WebhookRequest(b"From: a@example.com\\r\\n\\r\\nhi", call.headers, received_at=call.received_at))
begun = time.thread_time()
events = smtp.handle_webhook(call).events
print(time.thread_time() - begun)
assert events
"""
LONGEST = 8.0


def _cost(addresses: int, size: int) -> float:
    """Return the CPU seconds of reading a bounce of so many octets, more than LONGEST if it does not end."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ, str(addresses), str(size)],
            check=True,
            capture_output=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        return 2 * LONGEST
    return float(done.stdout)


def test_a_bounce_with_many_addresses_is_read_as_fast_as_one_of_its_size_with_few() -> None:
    few, many = _cost(3, 30_000), _cost(30, 30_000)

    assert many < 0.5
    assert many < 3 * few + 0.05
