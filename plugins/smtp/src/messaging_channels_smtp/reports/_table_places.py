"""Where mailers put what they say: patterns of places, as data. Each takes time linear in what it is given."""

from __future__ import annotations

import re

FIELD_LINE = re.compile(
    r"[ \t>]{0,12}(?:received|return-path|message-id|dkim-signature|domainkey-\w+|arc-[\w-]+|authentication-results|mime-version|content-[\w-]+"
    r"|from|to|cc|bcc|subject|date|sender|reply-to|delivered-to|references|in-reply-to|list-[\w-]+|x-[\w-]+|user-agent|importance|precedence|organization|thread-[\w-]+|envelope-to|errors-to|comments|sent): ?",
    re.IGNORECASE,
)
"""A header line, quoted or indented or not."""
ANNOUNCED = re.compile(
    r"[ \t>*=_#-]*+(?:below this line|this is a copy of|(?:the |start of |begin(?:ning)? of )?(?:original|returned|undelivered|unsent|rejected|bounced|failed) (?:message|mail|text|e-?mail)(?!\s*(?:was|could|to|has|id|subject|header fields?:))"
    r"|included is a copy|(?:the )?(?:first|complete|full) \d* ?(?:message|text|lines)|a copy of (?:the|your)|(?:the )?(?:message )?headers? (?:of|from) the|the header of the original|(?<=--)message|(?<=-- )message|begin message|message (?:text|header|headers|body) follows|message header|possibly truncated|unsent message"
    r"|forwarded message|\[ ?offending message)",
    re.IGNORECASE,
)
"""A line after which a copy of the mail follows."""
OTHER_FIELD = re.compile(
    r"[ \t>]*(?:rcpt to|mail from|recipient|reason|error|final-recipient)\b", re.IGNORECASE
)
"""A line of a mailer that looks like a header and is none."""
_LOCAL = r"[^\s<>()\[\]{},;:\"'|@=*`\u2018-\u201d\u3000-\u3003\u3008-\u3011\uff08\uff09\uff0c\uff1a\uff1b\uff1c\uff1e]"
ADDRESS = re.compile(
    rf"(?<![^\s<>()\[\]{{}},;:\"'|@=*`\u2018-\u201d\u3000-\u3003\u3008-\u3011\uff08\uff09\uff0c\uff1a\uff1b\uff1c\uff1e])({_LOCAL}{{1,64}}+(?:=[^\s@=<>()\[\]]{{1,40}}+)?@[A-Za-z0-9\u0080-\u2017\u201e-\uffff_-][A-Za-z0-9.\u0080-\u2017\u201e-\uffff_-]{{0,252}}+)"
)
"""A mail address within a text. Each character is looked at once."""
_LETTERS = r"\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
GLUED = re.compile(
    rf"(?:^|(?<=[{_LETTERS}]))([!-?A-~]{{1,64}}@[A-Za-z0-9][A-Za-z0-9.-]{{0,250}}\.[A-Za-z]{{2,24}})(?=[{_LETTERS}\u3000-\uffff]|$)"
)
"""An address in ASCII between words of a script that puts no space between them, such as `zoe@example.com` before Japanese or Korean particles."""
SERVERS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|post_?-?master|mdaemon|microsoftexchange\w*|abuse|hostmaster|webmaster|support|help(?:desk)?|no-?reply|unsubscribe)@"
)
"""Local parts of addresses that are nobody's to whom mail of ours goes."""
OTHERS = re.compile(
    r"(?:\bmail from:? ?<?|\bfrom:? ?<?|\bsender:? ?<?|\breply-to: ?<?|\breturn-path: ?<?|message-id: ?<?|\bin-reply-to: ?<?|\breferences: ?<?|\bcontact(?:ing)?(?: \S+){0,3} ?<?|mailto:|\bwrite to ?<?|\breply to ?<?|\bsend (?:mail|e-?mail|it|a (?:mail|message)|them|your \S+) (?:directly )?to ?<?"
    r"|\b(?:e-?mail|mail|ask|call|notify|inform) (?:us at|us|me at|the) ?<?|\bforward(?:ed|ing)?(?: \S+){1,4} to ?<?|\breport(?:ed)?(?: \S+){0,4} to ?<?|\bhelp(?:,| at| from)(?: \S+){0,3} ?<?|\bquestions?(?: \S+){0,3} ?<?|\binstead:? ?<?|\bnew (?:e-?mail )?address(?: is)?:? ?<?|\b(?:please )?use ?<?|\bsent by ?<?|\bfrom user ?<?|\bauf behalf of ?<?|\bon behalf of ?<?|\bmessage from ?<?|\bid ?[=:]? ?<?|\bassistance(?: \S+){0,4} ?<?)[\"']?$",
    re.IGNORECASE,
)
"""What stands before the address of somebody else: the sender, or whom to ask for help."""
RCPT = re.compile(
    r"(?:\brcpt to ?:? ?<?|\bfinal-recipient: ?(?:rfc822; ?)?<?|\boriginal-recipient: ?(?:rfc822; ?)?<?|\bfailed (?:address|recipient)s?: ?<?|\baddressed to:? ?<?|\bexpanded from: ?<?|\bfailed recipient: ?<?)[\"'\u2018\u201c]?$",
    re.IGNORECASE,
)
"""What stands before the address of a recipient, surely."""
LINE_START = re.compile(
    r"(?:[ \t>]*[45]\d\d[ -](?:[45]\.\d{1,2}\.\d{1,3} )?(?=<))?[ \t>*\-\u2022\xb7]*(?:\d{1,3}[.)] ?)?(?:smtp:|rfc822;)?[<\"'(\[\u2018\u201c]{0,2}"
)
"""What may stand before the address at the beginning of a line."""
REASON_FOLLOWS = re.compile(
    r"[>\"')\]\u2019\u201d]{0,2}(?:[ \t]*\([^()\n]{0,80}\))?(?:\.\.\.|[ \t]*:|,|[ \t]*\n?[ \t]+\S)"
)
"""What stands between such an address and the reason."""
NAMING = re.compile(
    r"(?<![\w.+@-])(?:recipients?|address(?:es)?|user|mail ?box(?:es)?|account|to|for|rcpt|deliver(?:ed|y)? to|empf[äa]nger|destinataire|destinatari[oa]|adresse|inbox|a|an|à|para|addressee|e-?mail|errors?)(?:\(e?s\))?[:=]?\s{0,40}(?:(?!from\b|by\b)\w{1,20}[ ]){0,3}[:=]?\s{0,40}[<\"'(\[\u2018\u201c]{0,2}$",
    re.IGNORECASE,
)
"""What stands before the address of a recipient, most likely."""
TRANSCRIPT = re.compile(
    r"(?:\brcpt to:|\bmail from:|<<< [245]\d\d|>>> \w|\bsmtp;? ?[45]\d\d|\b(?:said|response|reply|error|responded|returned|reason|code)\b.{0,40}\b[45]\d\d[ -]|^[ \t]*<[^\s<>@]+@[^\s<>@]+>:|^[ \t]*[45]\d\d[ -]|[45]\d\d[ -][45]\.\d{1,2}\.\d{1,3}\b|action: failed|status: [45]\.\d|diagnostic-code:|remote-mta:)",
    re.IGNORECASE | re.MULTILINE,
)
"""What servers say to each other, as mailers quote it."""
MAILERS = re.compile(
    r"(?:<?mailer[-_. ]?daemon|mail[-_.]?daemon|daemon\b|post[ _-]?master|mdaemon|mail(?:er)?[-_.]?(?:system|delivery|error|server|admin\w*|subsystem)"
    r"|microsoftexchange|mmdf|smtpd?\b|mta\b|system[-_.]?administrator|systemadmin|maildelivery|delivery[-_.](?:status|report|failure|system|subsystem)"
    r"|returned?[-_.]?mail|bounce[-_.]?(?:daemon|handler|robot|message)|uucp\b|mx-?daemon|mailbounce)"
)
"""How the local parts of mail servers begin."""
MAILER_NAMES = re.compile(
    r"\b(?:mail ?(?:er)? ?(?:delivery|transport) (?:sub ?)?system|mailer daemon|mail daemon|mail administrator|system administrator|system attendant"
    r"|postmaster|mail delivery (?:service|system)|delivery (?:sub ?system|service)|mail system|internet mail (?:delivery|connector)|mail gateway|microsoft (?:outlook|exchange)$"
    r"|mail (?:router|server)\b)"
)
"""How mail servers call themselves."""
NO_PERSON = re.compile(
    r"(?:bounces?|no[-_.]?reply|do[-_.]?not[-_.]?reply|root|abuse|notif\w*|admin\w*|support|mail|e?mail[-_.]?\w*|virus\w*|security|robot|"
    r"interscan|mailscanner|amavis|spam\w*|antispam\w*|filter|quarantine|system|server|daemon|info)\b"
)
"""How the local parts of addresses begin that machines write from."""
REPLY_SUBJECT = re.compile(
    r"\s*+(?:re|aw|antw|sv|vs|fwd?|wg|tr|rv|enc|odp|ynt|res|rif|r|i|回复|答复|转发|返信|转寄)(?:\[\d+\])?\s?[:\uff1a]",
    re.IGNORECASE,
)
"""How the subject of a reply or a forwarded mail begins, in the languages of the large mail programs."""
