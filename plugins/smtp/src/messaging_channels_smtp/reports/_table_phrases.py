"""How mailers word what happened, as data. Wordings are searched in normalized text (see `wordings`): lower case, no punctuation, one space.

`..` stands for up to six words in between; `@` is any address; a wording that may begin within a word begins with `~`. Special wordings stand before general ones: the first that is found counts.
"""

from __future__ import annotations

from messaging_channels_smtp.reports.wordings import compile_wordings

_BOX = r"(?:mail ?box(?:es)?|inbox|mailfolder|mail folder|postfach|postfaches|bo[iî]te(?: aux lettres)?|casella|buz[oó]n|caixa(?: postal| de (?:correio|entrada))?|skrzynk\w+|ящик)"
_WHO = (
    r"(?:users?|recipients?|mail ?box(?:es)?|address(?:es)?|accounts?|alias|e ?mail account|e ?mail address)"
)
_NOT = r"(?:do|does|did|is|are|was|has|have|can|could|will) ?no?t"

_TEMPORARY = (
    rf"temporar(?:y|ily)..{_WHO}..(?:unavailable|disabled|suspended|locked|inactive|rejected|unknown)\b",
    rf"{_WHO}..temporar(?:y|ily)\b..(?:unavailable|disabled|suspended|locked|inactive|rejected|deferred|problem|failure|error|over quota|full)\b",
    rf"{_WHO}..(?:disabled|suspended|unavailable|locked|inactive) temporarily\b",
    r"host not found try again",
    r"(?:temporary|soft) (?:dns|lookup) (?:error|failure)",
    r"unverified (?:address|recipient)",
    rf"{_WHO} temporarily\b",
)
_GIVEN_UP = (
    r"in (?:the )?queue..too long",
    r"aborted after",
    r"(?:failed|after) \d+ (?:attempts|tries|retries)",
    r"cannot send message for",
    r"multiple retries",
    r"not deliver for the last",
    r"failing for a long time",
    r"has expired..(?:queue|undeliver)",
    r"delivery time expired",
    r"message expired",
)
_FULL = (
    r"over ?quota\b",
    r"quota..(?:full|exceed\w*|reached|violat\w*|used up|limit)\b",
    r"exceed\w*..(?:quota|storage|disk space|mail ?box size|space limit)\b",
    rf"{_BOX}..(?:full|voll|pleine?|piena|llen[oa]|exceeded|exceeds|excedid[ao]|chei[oa]|pe[lł]n[ae]|переполнен|surcharg|satur[ée]|overloaded)\b",
    rf"full {_BOX}",
    rf"{_BOX}..(?:size limit|storage limit|over its|over the|over size|over limit|has no space|out of space|limit reached)\b",
    r"(?:account|user|recipient|mail ?box)..(?:is full|over(?: disk)? quota|over(?: its| the)? limit|out of (?:storage|space)|disk (?:space|quota) exceeded)\b",
    r"(?:quota|storage|speicher(?:platz)?|cuota|cota)..(?:full|exceeded|[uü]berschritten|erreicht|superad[oa]|excedid[ao]|esaurit[oa]|d[ée]pass[ée]e?)\b",
    r"(?:not enough|insufficient)..(?:storage|space|disk)\b",
    r"out of (?:storage|disk) space",
    r"has (?:reached|exceeded)..(?:quota|storage|limit)\b",
    r"disk (?:space|quota)..(?:limit|exceed\w*|full)\b",
    r"no (?:more )?(?:room|space)..(?:mail ?box|user|recipient|account)\b",
    r"receiving mail at a rate",
    r"~メールボックス\S{0,12}(?:いっぱい|超|容量)",
    r"~容量\S{0,8}(?:超|オーバー)",
    r"~(?:邮箱|郵箱)\S{0,6}(?:已满|已滿|空间不足|超)",
)
_SIZE = (
    r"(?:message|mail|size|nachricht|content|attachment|datei|mensaje|messaggio|mensagem|courriel)..(?:too (?:large|big|long)|zu gro(?:ß|ss)|demasiado grande|troppo grande|muito grande|trop (?:gros|volumineux|lourd)|larger than)",
    r"(?:message|mail|size|content|attachment|length)(?: size| length)? exceed(?:s|ed)\b",
    r"(?:message|mail|fixed|maximum|max)..size (?:limit|exceed\w*|is|of|allowed|permitted)\b",
    r"size limit",
    r"(?:message|mail|size|content|attachment|length)(?: size| length)? exceed(?:s|ed)\b",
    r"maximum..size\b",
    r"max(?:imum)? message size",
    r"too big for",
)
_DISABLED = (
    rf"{_WHO}..(?:disabled|inactive|suspended|locked|deactivated|not active|not activated|blocked by administrator|closed|frozen|expired|terminated|cancel+ed)\b",
    r"(?:konto|compte|cuenta|conta|utente|benutzer)..(?:gesperrt|d[ée]sactiv\w+|deaktiviert|desativad[oa]|desactivad[oa]|disabilitat[oa]|inactif|inactiv[oa])\b",
    r"(?:disabled|inactive|suspended|deactivated) (?:user|recipient|mail ?box|account|address)\b",
    r"has been (?:disabled|deactivated|suspended|discontinued)\b",
)
_MOVED = (
    rf"{_WHO}..no longer..(?:available|active|valid|exists?|works?|in use|employed|accept\w*|used|monitored|on server)\b",
    r"no longer (?:on server|on this server|a valid|valid|with us|employed|exists?|in use|active|available|accepted)\b",
    rf"{_WHO}..(?:has|have) (?:moved|changed)",
    r"has moved..(?:please|new|try|to)\b",
    rf"{_WHO}..(?:discontinued|abandoned|been deleted|been removed|removed|deleted)\b",
)
_OURS = (
    r"black ?list\w*",
    r"block ?list\w*",
    r"dnsbl",
    r"rbl\b",
    r"too many (?:invalid|unknown|bad) (?:recipients|users|addresses)",
    r"(?:helo|ehlo)\b..(?:rejected|invalid|refused|not found|unknown|bad)\b",
    r"client (?:host|address)\b..(?:rejected|denied|blocked|not found)\b",
    r"(?:your|sending) (?:host|hostname|server|ip|mail server|domain)\b..(?:not found|rejected|blocked|unknown|invalid|resolve|dns|does ?no?t)\b",
)
"""What is said of the host that sent: nothing of the recipient's."""
_SENDER = (
    r"(?:unrout\w+|invalid|bad|unknown|illegal) sender",
    r"sender..(?:rejected|denied|verify|not found|not exist|invalid|refused|unknown)\b",
    r"sender address\b..(?:rejected|denied|invalid|blocked|not)\b",
    r"(?:mail|message)? ?from..(?:rejected|denied) by\b",
    r"domain of sender",
    r"after mail from",
    r"in reply to mail from",
)
_DOMAIN_FIRST = (
    r"host or domain name not found",
    r"name service error",
    r"nxdomain",
    r"null ?mx",
    r"no mx\b",
    r"find a gateway",
    r"name or service not known",
    r"(?:host(?!(?: [^ ]{1,60}){0,8}? (?:said|says|replied|responded|reports)\b)|domain|domain name)..(?:not found|unknown|unresolvable|invalid|no mx|non ?existent|lookup failed|does ?no?t exist|not exist)\b",
    r"unknown (?:host|domain)\b",
    r"(?:invalid|bad|illegal|no such) (?:host|domain)\b",
    r"could ?no?t find any host",
    r"no (?:mx|a record|mail exchanger|route to domain)",
    r"domain\b..(?:could|can) ?no?t be (?:found|resolved)",
    r"dns (?:error|failure|lookup|query)",
    r"(?:domain|host)..do(?:es)? ?no?t (?:exist|accept)\b",
    r"\w+ \w+ does not exist mail box",
    r"all relevant mx",
    r"permanent dns",
)
_UNKNOWN = (
    rf"(?:no such|unknown|invalid|non ?existent|bad destination|undeliverable|illegal|nonexistent)(?: \S{{1,60}}){{0,2}} {_WHO}\b(?! ?(?:limit|policy|settings?|list))",
    rf"{_WHO}(?: \S{{1,60}}){{0,8}}? (?:unknown|not (?:be )?found|invalid|not valid|unavailable|not known|not local|not recogni[sz]ed|nonexistent|not registered|incorrect)\b",
    rf"{_WHO}(?: \S{{1,60}}){{0,8}}? (?:(?:do|does|did) ?no?t|not) exists?\b",
    rf"{_WHO}(?: \S{{1,60}}){{0,8}}? (?:not exists?|not a valid|does not appear|cannot be found|could ?no?t be found|cannot be resolved|not listed|is not on|was not found|wasnt found|isnt recogni[sz]ed|not in)\b",
    r"no such (?:user|person|mail ?box|recipient|address|account|local|name|e ?mail|customer|alias|id|member)\b",
    r"no mail ?box(?:es)?\b(?! \S{1,60} (?:full|quota))",
    r"no (?:account|user|recipients?)\b(?: \S{1,60}){0,3} (?:here|by that name|found|with|for|named|called|like that)\b",
    r"no valid recipients?",
    r"no known recipients?",
    r"(?:invalid|unknown)..user ?id",
    r"not our customer",
    r"unrouteable (?:address|mail domain)",
    r"recipientnotfound",
    r"resolver adr",
    r"not found by smtp address lookup",
    r"not listed in",
    r"name not found",
    r"has no mail ?box",
    r"(?:does ?no?t|do not) have an?(?: \S{1,60}){0,3} (?:account|mail ?box|mailbox)\b",
    r"wasnt found at",
    r"couldnt be found\b",
    r"(?:is )?not a (?:known|valid|registered|local|active) (?:user|mail ?box|address|recipient|account|customer|e ?mail)\b",
    r"not a mail ?box",
    r"cannot find (?:user|mail ?box|address|recipient|the)",
    r"could not find (?:user|mail ?box|address|recipient)",
    r"mail ?box..name not allowed",
    r"mail ?box unavailable",
    r"user mailbox not found",
    r"this (?:user|address|account|mail ?box|recipient) (?:does|doesnt|is not|isnt)\b",
    r"(?:user|recipient) is not (?:local|known|defined)",
    r"no recipients? (?:found|here)",
    r"(?:address|user) unknown",
    r"unknown address\b",
    r"unknown user\b",
    r"bad address\b",
    r"non ?deliverable address",
    r"address..(?:does ?no?t work|not working|is bogus)",
    r"delivery to the following recipients failed permanently..unknown",
    r"unable to validate recipient",
    r"recipient (?:not|isnt|is not) ok",
    r"invalid (?:local ?part|mail ?box|recipient|user|address|e ?mail)\b",
    r"(?:benutzer|empf[äa]nger|adresse|postfach|konto|mailbox)(?: \S{1,60}){0,5} (?:unbekannt|existiert nicht|nicht bekannt|nicht gefunden|ung[üu]ltig|nicht vorhanden|gibt es nicht)\b",
    r"unbekannte[rs]?..(?:benutzer|empf[äa]nger|adresse|adressat)\b",
    r"kein..postfach\b",
    r"(?:destinataire|utilisateur|adresse|bo[iî]te|compte)(?: \S{1,60}){0,5} (?:inconnue?s?|nexiste(?:nt)? pas|n existe pas|introuvable|invalide|inexistante?)\b",
    r"(?:utilisateur|destinataire|adresse) inconnu",
    r"(?:usuario|destinatario|utente|destinat[áa]rio|usu[áa]rio|direcci[óo]n|cuenta|casella|buz[oó]n|indirizzo|endere[cç]o|conta|caixa)(?: \S{1,60}){0,5} (?:desconocid[oa]|no existe|inexistente|sconosciut[oa]|n[ãa]o existe|no encontrad[oa]|non esiste|desconhecid[oa]|inv[áa]lid[oa]|no v[áa]lid[oa]|non trovat[oa]|n[ãa]o encontrad[oa])\b",
    r"(?:gebruiker|adres|ontvanger|postbus)(?: \S{1,60}){0,4} (?:onbekend|bestaat niet|niet gevonden)\b",
    r"(?:u[żz]ytkownik|adres|konto|skrzynka)(?: \S{1,60}){0,4} (?:nie istnieje|nieznany|nie znaleziono)\b",
    r"nie ma takiego",
    r"(?:адрес|ящик|пользовател\w+|получател\w+)(?: \S{1,60}){0,4} (?:не существует|не найден\w*|неизвест\w+|нет)\b",
    r"нет такого",
    r"такого пользовател\w+ нет",
    r"~(?:宛先|受信者|ディレクトリ|ユーザ|アドレス|アカウント)\S{0,16}(?:見つか|存在|不明|ありません)",
    r"~(?:用户|用戶|收件人|地址|邮箱|帐号|账号)\S{0,10}(?:不存在|未知|无效|找不到)",
    r"~(?:사용자|수신자|주소|계정)\S{0,8} ?(?:없|존재하지)",
)
_DOMAIN_LAST = (
    r"(?:host|domain)..(?:not found|unknown|unresolvable|invalid)\b",
    r"bad domain",
    r"\w{2,60} (?:com|net|org|edu|gov|info|biz|\w\w) does not exist",
)
_POLICY = (
    r"spam",
    r"junk",
    r"bulk mail",
    r"unsolicited",
    r"virus",
    r"malware",
    r"phish\w*",
    r"content (?:filter|reject)\w*",
    r"message..rejected",
    r"suspicious",
    r"infected",
    r"prohibited attachment",
    r"banned",
    r"black ?list\w*",
    r"block ?list\w*",
    r"dnsbl",
    r"rbl\b",
    r"reputation",
    r"listed (?:at|by|in|on)\b",
    r"blocked",
    r"senderscore",
    r"policy (?:reasons?|violation|rejection)",
    r"denied by policy",
    r"unwanted (?:messages|mail)",
    r"invalid ip\b",
    r"groups google com support",
    r"not authori[sz]ed",
    r"access denied",
    r"administrative prohibition",
    r"relay\w*..(?:denied|not permitted|prohibited|not allowed|refused)",
    r"not permitted",
    r"permission",
    r"forbidden",
    r"not allowed",
    r"administratively",
    r"local policy",
    r"security (?:policy|reasons?)",
    r"helo",
    r"ehlo",
    r"not accept(?:ed|ing)? (?:mail|messages)? ?from",
    r"challenge",
    r"no relaying",
    r"whitelist",
    r"restricted",
    r"authentication required",
    r"not accepting mail with attachments",
)
_NETWORK = (
    r"connection (?:refused|reset|lost|timed|dropped|was closed|failed|broken)",
    r"(?:could not|cannot|unable to|requests? to) (?:connect|contact)",
    r"socket error",
    r"no route to host",
    r"network (?:error|unreachable|is unreachable)",
    r"host (?:is )?(?:down|unreachable|not reachable)",
    r"not respond\w*",
    r"couldnt (?:connect|establish)",
    r"lost connection",
    r"read error",
    r"operation timed out",
)
_THROTTLED = (
    r"rate limit", r"too many (?:messages|connections|recipients|mails|concurrent|errors|sessions)", r"too fast", r"throttl\w*", r"try again later", r"temporar(?:y|ily)\b", r"gr[ae]y ?list\w*", r"deferred", r"resources temporarily", r"too busy", r"try later", r"service unavailable",
)  # fmt: skip

_WORDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("4.2.1", _TEMPORARY),
    ("4.4.7", _GIVEN_UP),
    ("5.2.2", _FULL),
    ("5.3.4", _SIZE),
    ("5.1.8", _SENDER),
    ("5.7.25", (r"reverse dns", r"ptr\b", r"rdns\b", r"reverse lookup", r"reverse hostname")),
    ("5.7.1", _OURS),
    ("5.2.1", _DISABLED),
    ("5.1.6", _MOVED),
    ("5.1.2", _DOMAIN_FIRST),
    ("5.1.1", _UNKNOWN),
    ("5.1.2", _DOMAIN_LAST),
    ("5.7.23", (r"spf\b", r"sender policy framework")),
    ("5.7.26", (r"dmarc\b",)),
    ("5.7.20", (r"dkim\b",)),
    ("5.7.1", _POLICY),
    ("4.4.1", _NETWORK),
    ("4.7.0", _THROTTLED),
    ("5.4.6", (r"(?:mail|routing|forwarding)? ?loop(?:s|ing|back)?\b", r"too many hops", r"hop count")),
    (
        "4.4.7",
        (r"expired", r"too old", r"time ?out exceeded", r"retention period", r"maximum..(?:time|retr)", r"timed? ?out", r"retries exhausted"),
    ),
    ("4.7.0", (r"daily..(?:quota|limit)", r"try..later")),
    ("5.7.0", (r"(?:address|recipient) rejected",)),
    ("5.7.0", (r"rejected", r"refused", r"denied")),
)  # fmt: skip

PHRASES = tuple((compile_wordings(wordings), code) for code, wordings in _WORDINGS)

FAILURES = compile_wordings((
    r"undeliver(?:ed|able|y)?\b", r"un ?deliverable", r"(?:mail|message|e ?mail)? ?delivery (?:status |has )?(?:fail\w*|notification|report|problem|error|incomplete|status|unsuccessful|not|subsystem)", r"delivery(?: to| of)?..fail\w*",
    r"(?:mail|message|delivery|sending|e ?mail)..(?:fail(?:ed|ure|s)?|error|returned|bounced|rejected|undeliverable|blocked|refused)\b", r"return(?:ed|ing) (?:mail|message|to sender|e ?mail|to)", r"failure notice", r"failed mail", r"failure delivery", r"failed delivery", r"failed delivering",
    r"could ?no?t be (?:delivered|sent)", r"(?:cannot be|not|never) (?:been )?delivered", r"non ?deliver(?:y|able)", r"rejected (?:mail|message)", r"mail system error", r"bounced?\b", r"delivery notification", r"nondelivery", r"can ?no?t (?:be )?deliver", r"notification of..delivery", r"unknown (?:user|recipient|address)", r"user unknown", r"mail ?box (?:full|unavailable)", r"error sending", r"message status", r"mail status report", r"email error", r"warning could not send", r"notice mail delivery", r"message you sent blocked", r"blocked", r"invalid (?:user|recipient|address)", r"mail error", r"address (?:change|unknown)", r"no longer (?:valid|in use|active)", r"unsuccessful", r"over quota", r"virus", r"considered unsolicited",
    r"unzustellbar", r"nicht zugestellt", r"zustellung..fehlgeschlagen", r"non (?:remis|distribu|livr)", r"[ée]chec de..(?:remise|distribution|livraison|envoi)", r"pas..(?:remis|distribu)", r"(?:ha podido|pudo) entregar", r"no entregado", r"devuelto", r"no..entregar", r"mancata consegna", r"non recapitato", r"n[ãa]o (?:foi )?entregue", r"onbestelbaar", r"niet..(?:bezorgd|afgeleverd)", r"nie (?:zosta[łl]a? )?dostarczon", r"niedostarcz\w*", r"zwrot",
    r"~配信", r"~届けられ", r"недостав", r"не доставлен", r"не удалось доставить", r"~退信", r"~退回", r"~投递失败", r"~배달",
))  # fmt: skip
"""How the subject of a bounce reads."""

STATEMENTS = compile_wordings((
    rf"{_NOT} (?:\S{{1,60}} ){{0,4}}?(?:deliver(?:ed|y)?|sent|reach(?:ed)?|send|accepted|relay(?:ed)?|forward(?:ed)?|complete(?:d)?)\b", r"cannot (?:be )?(?:\S{1,60} ){0,3}?(?:deliver(?:ed)?|sent|reach(?:ed)?|send)\b", r"(?:was|am|were|is)(?:nt| not)? (?:un)?able to (?:deliver|send|reach|relay|complete)", r"unable to (?:successfully )?(?:deliver|send|reach|relay|complete|route)", r"undeliver(?:able|ed)",
    r"(?:deliver\w*|message|mail|transmission)..(?:fail(?:ed|ure|s)?|unsuccessful|undeliverable)\b", r"fail(?:ed|ure|s)..(?:deliver\w*|recipients?|address(?:es)?|because)\b", r"return(?:ed|ing) (?:message |mail |it )?to (?:the )?sender", r"(?:mail|message|e ?mail)..(?:returned|bounced|rejected|refused|blocked|not accepted|discarded|deleted)\b", r"permanent (?:fatal )?(?:delivery )?(?:error|failure)", r"fatal (?:delivery )?errors?", r"delivery (?:error|attempt)", r"failure notice", r"not (?:been )?delivered", r"non ?delivery", r"ive given up", r"giving up", r"following (?:address(?:es)?|recipients?)", r"transcript of session", r"delivery status notification", r"problem delivering", r"problems? with (?:the )?(?:delivery|recipient)", r"cannot find a mail exchanger", r"rejected by", r"did not reach", r"was refused", r"has been (?:blocked|rejected|refused|returned|quarantined)", r"does ?no?t accept", r"not collected", r"not accept",
    r"nicht (?:\S{1,60} ){0,3}?(?:zugestellt|zugestellt werden|[üu]bermittelt|gesendet)", r"unzustellbar", r"non (?:\S{1,60} ){0,2}?(?:remis|distribu|livr|consegnat|recapitat)\w*", r"pas (?:\S{1,60} ){0,3}?(?:remis|distribu|livr|d[ée]livr|parven)\w*", r"no (?:\S{1,60} ){0,4}?(?:entregar|entregado|entregue)", r"n[ãa]o (?:\S{1,60} ){0,3}?(?:entregue|entregar|enviada)", r"niet (?:\S{1,60} ){0,3}?(?:bezorgd|afgeleverd)", r"nie (?:\S{1,60} ){0,3}?dostarczon\w*", r"не (?:\S{1,60} ){0,3}?доставлен\w*",
    r"~(?:配信|届け|送信|配送)\S{0,12}(?:できま|でき|失敗|エラー|ませ)", r"~(?:无法|未能|無法)\S{0,8}(?:投递|送达|发送|傳送)", r"~退回", r"~退信",
))  # fmt: skip
"""How the text of a bounce says what happened."""

DELAYS = compile_wordings((
    r"(?:delivery|message|mail|nachricht|zustellung)..(?:delayed|deferred|verz[öo]gert)\b", r"delayed (?:mail|delivery|message)", r"warning (?:message|could not send)", r"still..(?:trying|retried|attempt\w*|queued?|try)\b", r"(?:will|ll) (?:keep|continue|be)..(?:try\w*|retr\w*|attempt\w*)\b", r"(?:attempts?|delivery|deliveries|tries|retries)..(?:will|shall) (?:continue|go on|be (?:made|repeated|retried|attempted|continued))\b",
    r"not yet (?:been )?delivered", r"not been delivered yet", r"not yet been (?:sent|able)", r"warning message only", r"(?:do )?not need to re ?send", r"need not re ?send", r"no need to re ?send", r"zustellung verz[öo]gert", r"zustellversuch\w*..(?:fortgesetzt|wiederholt)", r"retr(?:y|ies|ied|ying)..(?:for|until|every|continue|again)..(?:hours?|days?|minutes?)\b", r"will (?:re ?try|try again|be retried|continue|keep trying|attempt)", r"(?:keep|continue|continuing|go on)..trying", r"try(?:ing)? (?:again )?for (?:another|the next|up to|a further)", r"remains? in (?:the )?queue", r"is (?:still )?being (?:retried|delayed|held in queue)", r"delivery is delayed", r"(?:delivery|temporary) delay", r"wird..(?:erneut|weiter)..versucht", r"nouvelles? tentatives?", r"seguir[áa] intentando", r"(?:remise|distribution|livraison|courriel|message)..(?:retard\w*|diff[ée]r\w*)", r"verz[öo]gerte (?:zustellung|[üu]bermittlung)", r"versucht..(?:weiterhin|erneut|noch \d+)", r"continuera d essayer", r"entrega..(?:retras\w+|atrasad\w+|adiad\w+|demorad\w+)", r"(?:continuar[áa]|seguir[áa])..(?:tentando|intentando|tentar|intentar)", r"(?:recapito|consegna)..(?:ritard\w+|rinviat\w+)", r"(?:bezorging|aflevering|bericht)..vertraagd", r"op[óo][źz]nion\w*", r"доставка..(?:задерж\w+|отложен\w*)", r"(?:has been |is |was )delayed", r"continua a tentare", r"ritardat[oa]", r"blijven proberen", r"~再送(?:を?(?:続|試|繰|行い|いたし|し)|中|処理|待ち)(?!て(?:下さい|ください))", r"~遅延", r"~(?:延迟|延遲)\S{0,8}(?:投递|投遞|送达|发送)?", r"~지연",
))  # fmt: skip
"""How a mailer says that it keeps trying."""

FINAL = compile_wordings((
    r"permanent (?:fatal )?(?:delivery )?(?:error|failure)", r"ive given up", r"giv(?:en|ing) up", r"gave up", r"will not (?:be )?(?:try|retr\w*|attempt\w*)", r"no further (?:attempts|delivery)", r"failed permanently", r"fatal errors?", r"been removed from the..queue", r"not be retried", r"stopped trying", r"has expired", r"too long in (?:the )?queue", r"(?:has )?been returned",
))  # fmt: skip
"""How a mailer says that it has given up, whatever it says of having tried."""

HOLIDAYS = compile_wordings((
    r"auto(?:matic|mated|matische|matisch)? ?(?:reply|response|responder|antwort|re\b)", r"out of (?:the )?office", r"out of town", r"away from", r"i am away", r"im away", r"currently away", r"(?:on |auto )?vacation(?: (?:reply|message|notice|response|auto\w*|until|from|till|mode)\b| $)", r"on vacation", r"on holiday", r"on leave(?: (?:until|from|till|since|as of)\b| $)", r"maternity leave", r"parental leave", r"annual leave", r"ooo\b", r"automaattinen vastaus", r"automatick[áa] odpov\w+", r"otomatik (?:yan[\u0131i]t|cevap)", r"automatikus v[áa]lasz", r"r[ăa]spuns automat", r"automatski odgovor", r"автоматична відповідь", r"автоматичен отговор", r"αυτόματη απάντηση", r"תשובה אוטומטית", r"מענה אוטומטי", r"رد تلقائي", r"الرد التلقائي", r"automaatvastus", r"automatinis atsakymas", r"autom[āa]tisk[āa] atbilde", r"balasan otomatis", r"trả lời tự động", r"~자동 ?(?:회신|응답|답장)", r"~自動(?:回覆|回复|答覆|回信)", r"abwesenheits\w+", r"abwesend\b", r"abwesenheit(?: (?:vom|bis|von|ab|wegen|urlaub)\b| $)", r"r[ée]ponse automatique", r"message automatique", r"absent\b", r"absence(?: (?:du|de|jusqu\w*|pour|from|until)\b| $)", r"respuesta autom[áa]tica", r"fuera de (?:la )?oficina", r"risposta automatica", r"fuori sede", r"assente", r"assenza", r"resposta autom[áa]tica", r"ausente", r"aus[êe]ncia", r"automatisch antwoord", r"automatisch bericht", r"afwezig\w*", r"fr[åa]nvaro", r"autosvar", r"automatisk svar", r"poza biurem", r"automatyczna odpowied", r"автоответ", r"автоматическ\w+ ответ", r"~自動(?:返信|応答)", r"~自动(?:回复|答复)", r"~不在", r"thank you for (?:contacting|your (?:e ?mail|message|enquiry|inquiry))", r"we (?:have )?received your (?:e ?mail|message|request)", r"ticket (?:received|created)",
))  # fmt: skip
"""How the subject of a robot's answer reads."""

SENTENCES = compile_wordings(
    (
        r"(?:the |your )?(?:following )?(?:message|mail|e ?mail)\b(?: (?!i\b|we\b|my\b|our\b)[^ ]{1,60}){0,20} (?:(?:could|can) ?no?t be|cannot be|was not|has not been|not) (?:delivered|sent) to (?:the )?(?:following|one or more|@)",
        r"(?:message|mail|e ?mail)(?: [^ ]{1,60}){0,6} (?:undeliverable|not delivered|rejected|blocked|quarantined) (?:to|for|by) (?:the )?(?:following|@)",
        r"(?:non ?delivery report|delivery status notification|this is an automatic(?:ally)? generated)",
        r"this message was created automatically",
        r"unable to deliver (?:your |the |this )?(?:message|mail|e ?mail) to (?:the )?(?:following|@)",
        r"delivery to (?:the )?following recipients? (?:failed|has been|was)",
    )
)
"""How a mailer, and hardly anybody else, begins."""
