"""How servers word a refusal, and the enhanced code that each wording stands for. The first that is found counts: special ones before general ones.

`..` stands for up to six words in between.
"""

from __future__ import annotations

import re

_WORDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("4.4.7", (r"in the queue..too long", r"aborted after", r"(failed|after) \d+ (attempts|tries|retries)", r"cannot send message for", r"multiple retries", r"not deliver for the last",
        r"failing for a long time",
    )),
    ("5.2.2", (
        r"(mail ?box|inbox|account|quota|storage|usuario|postfach|bo[iî]te|casella|cuota)..(full|exceeded|over|voll|pleine|piena|llen[oa]|excedid[ao])\b",
        r"over ?quota", r"exceed\w*..(quota|storage)", r"mail ?box (size limit|exceeds)", r"mail ?folder..full\b", r"(not enough|insufficient)..(storage|space)",
        r"メールボックス.{0,12}(いっぱい|超)",
    )),
    ("5.2.1", (
        r"(account|mail ?box|user|recipient|address|konto|compte)..(disabled|inactive|suspended|locked|deactivated|not active|gesperrt|d[ée]sactiv\w+)\b",
    )),
    ("5.1.6", (
        r"no longer..(available|active|valid|exists?|at|works?|in use|employed)\b", r"has moved", r"discontinued", r"abandoned",
    )),
    ("5.1.8", (r"(unrout\w+|invalid|bad|unknown) sender", r"sender..(rejected|denied|verify|not found|not exist)\b")),
    ("5.1.2", (r"host or domain name not found", r"name service error", r"nxdomain", r"null mx", r"no smtp service", r"\bno mx\b", r"find a gateway", r"(?<![@\w.])([\w-]+\.)+[a-z]{2,12} does not exist")),
    ("5.1.1", (
        r"(user|recipient|mail ?box|address|account|alias)..(unknown|not (be )?found|invalid|not valid|unavailable|not known|not local)\b",
        r"(user|recipient|mail ?box|address|account|alias)..do(es)?\W?n\W?o?t..exist",
        r"(user|recipient|mail ?box|address|account|alias)..not exists?\b",
        r"(benutzer|empf[äa]nger)..(unbekannt|existiert nicht)", r"(destinataire|utilisateur|adresse)..(inconnu|existe pas)",
        r"(usuario|destinatario|utente|destinat[áa]rio)..(desconocid[oa]|no existe|inexistente|sconosciuto|n[ãa]o existe)",
        r"(unknown|no such|invalid|non-?existent|bad destination|undeliverable|illegal)..(user|recipient|mail ?box|address|account|person|alias)\b",
        r"(no valid|no known) recipients?", r"(invalid|unknown)..user ?id", r"unbekannter..(benutzer|empf[äa]nger)", r"no (mail ?box|account) (here|by that name|found)", r"not our customer", r"unrouteable address",
        r"not listed in", r"name not found", r"has no mailbox", r"doesn\W?t have an?..account", r"(address|recipient) rejected",
        r"宛先.{0,12}(見つか|存在)",
    )),
    ("5.1.2", (
        r"(host|domain)..(not found|unknown|unresolvable|invalid|no mx)\b", r"(host|domain)..do(es)?\W?n\W?o?t..(exist|accept)",
        r"unknown (host|domain)", r"dns (error|failure|lookup)", r"couldn?\W?t find any host", r"bad domain",
    )),
    ("5.3.4", (
        r"(message|mail|size|nachricht)..(too (large|big|long)|exceeds|zu gro[ßs])", r"size limit", r"maximum..size",
    )),
    ("5.7.23", (r"\bspf\b", r"sender policy framework")),
    ("5.7.26", (r"\bdmarc\b",)),
    ("5.7.20", (r"\bdkim\b",)),
    ("5.7.25", (r"reverse dns", r"\bptr\b", r"\brdns\b")),
    ("5.7.1", (
        r"spam", r"junk", r"bulk mail", r"unsolicited", r"virus", r"malware", r"phish", r"content (filter|reject)", r"message..rejected",
        r"prohibited attachment", r"banned", r"black ?list", r"block ?list", r"dnsbl", r"\brbl\b", r"reputation", r"listed (at|by|in|on)\b", r"blocked",
        r"policy (reasons|violation|rejection)", r"denied by policy", r"unwanted (messages|mail)", r"invalid ip\b", r"groups\.google\.com/support", r"not authori[sz]ed", r"access denied",
        r"relay\w*..(denied|not permitted|prohibited)", r"not permitted", r"permission", r"forbidden", r"not allowed",
    )),
    ("4.4.1", (
        r"connection (refused|reset|lost|timed|dropped|was closed)", r"(could not|cannot|unable to|requests? to) (connect|contact)", r"socket error", r"no route to host", r"network (error|unreachable)",
        r"host (is )?(down|unreachable|not reachable)", r"not respond",
    )),
    ("4.7.0", (
        r"rate limit", r"too many (messages|connections|recipients|mails)", r"too fast", r"throttl", r"try again later", r"temporar(y|ily)\b",
        r"gr[ae]y ?list", r"deferred",
    )),
    ("5.4.6", (r"\bloop", r"too many hops", r"hop count")),
    ("4.4.7", (
        r"\bexpired", r"too old", r"time ?out exceeded", r"retention period", r"in the queue too long", r"maximum..(time|retr)",
        r"timed? ?out", r"retries exhausted",
    )),
    ("4.7.0", (r"daily..(quota|limit)", r"try..later")),
    ("5.7.1", (r"rejected", r"refused", r"denied")),
)  # fmt: skip

_SUBJECTS = (
    r"undeliver(ed|able)", r"delivery (status |has )?(fail|notification|report|problem|error|incomplete)",
    r"(mail|message|delivery|sending)..(fail(ed|ure)|error|returned)\b", r"return(ed|ing) (mail|message|to sender|e-?mail)", r"failure notice",
    r"could\W?n\W?o?t be (delivered|sent)", r"(cannot be|not) delivered", r"non-?deliver(y|able)", r"rejected mail", r"mail system error", r"bounce",
    r"unzustellbar", r"nicht zugestellt", r"zustellung fehlgeschlagen", r"non (remis|distribu)", r"[ée]chec de..(remise|distribution)",
    r"(ha podido|pudo) entregar", r"no entregado", r"devuelto", r"mancata consegna", r"non recapitato", r"n[ãa]o entregue", r"配信", r"届けられ",
    r"недостав", r"не доставлено", r"退信",
)  # fmt: skip

_WAITING = (
    r"(delivery|message|mail)..(delayed|deferred)\b", r"delayed mail", r"warning: (message|could not send)", r"still..(trying|retried|attempt)",
    r"will (keep|continue)..try", r"not yet been delivered", r"not been delivered yet", r"warning message only", r"not need to re-?send",
    r"need not re-?send", r"zustellung verz[öo]gert",
)  # fmt: skip

_AWAY = (
    r"auto(matic|mated|matische|matisch)?[ -]?(reply|response|responder|antwort|:)", r"out[ -]of[ -](the[ -])?office", r"away from", r"vacation",
    r"on holiday", r"abwesen", r"r[ée]ponse automatique", r"absence", r"respuesta autom[áa]tica", r"fuera de (la )?oficina", r"risposta automatica",
    r"assente", r"resposta autom[áa]tica", r"ausente",
)  # fmt: skip


def _any(wordings: tuple[str, ...]) -> re.Pattern[str]:
    between = r"\\W{1,4}(?:\\w{1,40}\\W{1,4}){0,6}?"
    spelt = (re.sub(r"(?<![\\.])\.\.(?!\.)", between, one) for one in wordings)
    return re.compile("|".join(f"(?:{one})" for one in spelt), re.IGNORECASE)


PHRASES = tuple((_any(wordings), code) for code, wordings in _WORDINGS)
FAILURES = _any(_SUBJECTS)
"""How the subject of a bounce reads."""
DELAYS = _any(_WAITING)
"""How a server says that it keeps trying."""
HOLIDAYS = re.compile(f"(?:re: *)?(?:{_any(_AWAY).pattern})", re.IGNORECASE)
"""How the subject of a robot's answer begins."""
