"""Whether the settings work: a session that is opened, secured, logged in to and ended without a mail."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_channels.plugins import Finding
from messaging_channels_smtp.protocol.probe import probe
from messaging_channels_smtp.protocol.server import Server
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.socket_backend import Session

_REMEDIES = {
    Stage.CONNECT: "check host and port, and whether a firewall lets port 587 or 465 out",
    Stage.TLS: "check tls, and that the certificate is for this host",
    Stage.AUTH: "check username and password, or the token's account",
}


def diagnose(server: Server, token: str | None) -> Sequence[Finding]:
    """Open a session and log in; it blocks."""
    report = Session().run(server, probe(server, token))
    if report.failure:
        reply = f" ({report.reply.code} {report.reply.enhanced})".replace(" )", ")") if report.reply else ""
        subject = "smtp credentials" if report.stage is Stage.AUTH else f"smtp {report.stage}"
        return [
            Finding(
                subject,
                "error",
                f"{report.failure}{reply}",
                _REMEDIES.get(report.stage, "see the words of the server"),
            )
        ]
    words = "logged in" if server.username else "no login is configured"
    found = [Finding("smtp credentials", "ok" if server.username else "warning", words)]
    if server.tls == "none":
        found.append(
            Finding("smtp TLS", "warning", "mails go in clear text", 'set tls = "starttls" or "implicit"')
        )
    return found
