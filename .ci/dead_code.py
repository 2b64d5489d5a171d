"""Functions, methods, classes and imports that nobody names: not in the source, not in a test, not in an example. Ends with 1 if there are any."""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture  # type: ignore[import-untyped]

CALLED_BY_OTHERS = {
    "MessagingChannelsConfig", "Command", "get_urls", "has_add_permission", "has_change_permission",  # Django
    "has_delete_permission", "MessageAdmin", "QueueAdmin", "ConsentAdmin",  # Django
    "eof_received", "pause_writing",  # asyncio
    "handle_RCPT", "handle_DATA",  # aiosmtpd
    "__getattr__",  # Python, of a module
    "row_factory",  # sqlite3
    "dump",  # psycopg
    "access_log", "should_exit", "_unsupported_upgrade_warning",  # uvicorn
    "collect",  # prometheus_client
    "converter",  # logging
    "do_GET", "log_message", "daemon_threads",  # http.server
    "_check_address",  # pydantic
    "process_in_a_thread", "doctor",  # Procrastinate, Flask
    "pytest_addoption", "pytest_configure", "pytest_runtest_call",  # pytest
    "Meta",  # Django and pydantic
    "SmsRequest", "WhatsAppRequest", "EmailRequest",  # found by the name of their message
    "open_personal_data",  # an entry point
    "register_channels", "register_ledgers", "register_resolvers", "register_checks", "register_notifiers",  # pluggy
}  # fmt: skip
OFFERED = {"time_out", "upgrade", "fallback", "Identified", "PrimaryKeyed", "RecipientDataclass"}
"""What applications call, the tests by a name that is put together, and what types name in a text."""
KINDS = {"function", "method", "class", "property", "import", "attribute"}
"""Fields of values are data: a caller may read them, whoever fills them."""

root = Path(__file__).parents[1]
found = Vulture()
found.scavenge(
    [str(root / name) for name in ("src", "plugins", "tests", "examples", "benchmarks", "conftest.py")]
)
dead = [
    one
    for one in found.get_unused_code(min_confidence=60)
    if one.typ in KINDS
    and "src" in one.filename.relative_to(root).parts
    and one.name not in CALLED_BY_OTHERS | OFFERED
    and not (
        one.typ == "import" and "TYPE_CHECKING" in one.filename.read_text("utf-8")
    )  # ruff looks after those
]
for one in dead:
    print(f"{one.filename.relative_to(root)}:{one.first_lineno}: {one.typ} {one.name} is used by nobody")
sys.exit(bool(dead))
