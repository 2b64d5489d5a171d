"""The rules of the kit: id, title, why, what to do. Ids are never reused; the page docs/plugin-authors/rules.md is made from this table."""

from __future__ import annotations

from messaging_channels.testing.conformance import _table_meaning_rules
from messaging_channels.testing.conformance.rules import Rule

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "MC101",
        "The declarations are well-formed",
        "Routes, settings and the refusal of what is not carried are read from them.",
        "Set `name` (lower case, digits, hyphens) like the spec's, `capabilities` with at least one message type and only fields that type has, and `executors` ({} for none).",
    ),
    (
        "MC102",
        "A declared field changes the request, or is refused",
        "A field that is declared and ignored is lost without a word.",
        "Encode the field, refuse its values with BadInput, or take it out of `Capabilities.message_types`.",
    ),
    (
        "MC103",
        "A field that is not declared does nothing",
        "What works and is not declared is refused before it reaches the provider: nobody can use it.",
        "Declare the field in `Capabilities.message_types`, or stop encoding it.",
    ),
    (
        "MC104",
        "The same envelope gives the same request",
        "A repetition that differs cannot be recognized by the vendor, and a stored request cannot be compared.",
        "Take ids from the envelope and the time from a `CurrentTime` exchange; use no random numbers.",
    ),
    (
        "MC105",
        "Who deduplicates hands over our id",
        "Without the id in the request a repetition reaches the person twice.",
        "Encode `envelope.id` as the vendor's client reference, or take `deduplicates` back.",
    ),
    (
        "MC106",
        "A whole batch is described",
        "The dispatcher sends up to `capabilities.max_batch_size` envelopes at once and needs an outcome for each, in order.",
        "Return one outcome for each envelope in the order given, or lower `max_batch_size`.",
    ),
    (
        "MC107",
        "Any text is described or refused with BadInput",
        "People write emoji, line ends and control characters; an exception of another kind is a bug in the caller's hands.",
        "Encode the text with a real serialiser, and raise InvalidMessage for what the vendor does not take.",
    ),
    (
        "MC108",
        "Every kind of message that is declared can be sent",
        "What is declared is routed to this provider.",
        "Encode the type, or take it out of `Capabilities.message_types`.",
    ),
    (
        "MC201",
        "An accepting answer is accepted",
        "A message that was taken and is not told as such may be sent again.",
        "Return Reason.ACCEPTED for it; see `success_response` in the fixtures.",
    ),
    (
        "MC202",
        "The vendor's id is kept",
        "Delivery reports and the vendor's support know the message by it.",
        "Give `provider_id` to the outcome.",
    ),
    (
        "MC203",
        "The raw answer is kept",
        "What the library does not model is still wanted by somebody.",
        "Give `raw_response` to the outcome.",
    ),
    (
        "MC204",
        "No answer makes it raise",
        "Vendors and the proxies before them answer anything. After a request is out, an exception leaves the message unknown though the answer may have been plain.",
        "Parse with care, and end with `result_from_status` for the unforeseen.",
    ),
    (
        "MC205",
        "Outcomes are well-formed",
        "The dispatcher acts on them.",
        "Build them with `AttemptResult.of`; seconds to wait are finite and not negative.",
    ),
    (
        "MC206",
        "A 5xx is unknown, unless documented as harmless",
        "The vendor may have taken the message before it failed: sent elsewhere, it arrives twice.",
        "Use `result_from_status`, or name the page in `safe_5xx` of the fixtures.",
    ),
    (
        "MC207",
        "What cannot be read is not taken for an acceptance",
        "An unreadable success was most likely sent, an unreadable refusal was not: neither is accepted, and a success is not a refusal.",
        "Use `result_from_status` where the body names no message.",
    ),
    (
        "MC208",
        "Documented answers mean what they say",
        "The reason decides whether the message may be sent again or elsewhere.",
        "Correct the table of reasons, or the fixtures.",
    ),
    (
        "MC209",
        "Too fast is throttled, and the time to wait is kept",
        "Asking earlier than told makes it worse.",
        "Use `result_from_status` for 429, or `retry_after` for your own reading.",
    ),
    (
        "MC210",
        "A message is asked for once",
        "Only the dispatcher knows whether a repetition is safe and within the caller's budget.",
        "Take every retry out of the provider: after a failure or an answer, no further exchange with an effect for the same message.",
    ),
    (
        "MC211",
        "A lost answer leaves it unknown",
        "The request may have been carried out. Told as not sent, it is sent again.",
        "Let TransportError pass.",
    ),
    (
        "MC212",
        "A vendor that cannot be reached was not sent to",
        "Told as unknown, the message is neither repeated nor passed on, and lost.",
        "Let TransportError pass.",
    ),
    (
        "MC213",
        "The answers to a batch are told apart by id",
        "Vendors answer in any order; by position, one person's status becomes another's.",
        "Match by your id in the answer, or name the page that promises the order in `ordered_batch_docs` of the fixtures.",
    ),
    (
        "MC214",
        "Who is missing in an answer is unknown",
        "A message that is not named may have been taken or not.",
        "Give Reason.UNREADABLE_RESPONSE to envelopes the answer does not name.",
    ),
    (
        "MC215",
        "An unheard-of word proves nothing",
        "Vendors add statuses. A success with a new word must not be read as `send it again`.",
        "Fall back to a reason that neither repeats nor passes on: UNREADABLE_RESPONSE, ACCEPTED or INVALID.",
    ),
    (
        "MC216",
        "The refusal of a whole batch says so",
        "Then the faultless messages in it can be sent without the bad one.",
        "Set `request_rejected=True`, as `result_from_status` does.",
    ),
    (
        "MC217",
        "The same answer is read the same way",
        "A provider is shared by threads and tasks and keeps no memory of answers.",
        "Keep no state between sends.",
    ),
    (
        "MC301",
        "The vendor's calls are read",
        "Reports and inbound messages are lost otherwise.",
        "Return the events that the samples tell, `provider` being the provider's name.",
    ),
    (
        "MC302",
        "A call proved with another key is refused",
        "Anybody could report deliveries and write in other people's names.",
        "Verify before parsing; raise WebhookVerificationError.",
    ),
    (
        "MC303",
        "A call that was tampered with is refused",
        "One flipped bit may be another number or another status.",
        "Compute the proof over the raw body, or say `signature_covers_body=False` in the fixtures if the vendor offers none.",
    ),
    (
        "MC304",
        "A call without any proof is refused",
        "An address on the internet is called by everybody.",
        "Raise WebhookVerificationError when the header or parameter of the proof is missing or is no text of its kind.",
    ),
    (
        "MC305",
        "A repeated call tells the same events",
        "Vendors repeat calls; the ledger recognizes repetitions by `Event.key`.",
        "Take ids and times from the call; leave `occurred_at` to the vendor's time.",
    ),
    (
        "MC306",
        "The order of the fields does not matter",
        "Vendors promise none.",
        "Parse the fields by name.",
    ),
    (
        "MC307",
        "No proved call makes it raise",
        "A vendor that gets a 500 repeats the call for days, and the good events in it are lost.",
        "Turn what is not understood into `UnknownEvent`.",
    ),
    (
        "MC308",
        "A proved call of an unknown kind is kept",
        "Vendors add kinds of events.",
        "Return an `UnknownEvent` event with the call as `raw`.",
    ),
    (
        "MC309",
        "Proofs are compared in constant time",
        "Otherwise a signature can be guessed byte by byte.",
        "Use `hmac.compare_digest`.",
    ),
    (
        "MC310",
        "A huge call is read in time",
        "A call of a few megabytes must not stop the process.",
        "Avoid what is quadratic in the size of the call.",
    ),
    (
        "MC311",
        "The calls that applications test with are read",
        "`outbox.delivery_report(...)` and `outbox.inbound_message(...)` are made from the fixtures: what they bring has to arrive.",
        "Correct `delivered_body` and `inbound_body` of the fixtures, or the parsing.",
    ),
    (
        "MC401",
        "No repr shows a secret",
        "Reprs end in logs and error trackers.",
        "Keep secrets in SecretStr or in fields with `repr=False`.",
    ),
    (
        "MC402",
        "No repr shows an address or a text",
        "They are personal data.",
        "Keep them in `headers` and `body`, or in fields with `repr=False`.",
    ),
    (
        "MC403",
        "No URL holds a secret, an address or a text",
        "URLs are logged by every proxy on the way.",
        "Put them into headers or the body.",
    ),
    (
        "MC404",
        "What the vendor echoes is not repeated",
        "Vendors quote the request in their errors; `detail` is logged.",
        "Put codes and field names into `detail`, not the vendor's prose; the raw answer is in `raw_response`.",
    ),
    (
        "MC405",
        "Nothing is logged of secrets, addresses and texts",
        "Logs are kept longer and read by more people than messages.",
        "Do not log in a provider; what is worth telling belongs into `detail`.",
    ),
    (
        "MC406",
        "No exception tells secrets, addresses or texts",
        "Exceptions are logged.",
        "Name the field, not the value; `hide_input_in_errors=True` in the settings.",
    ),
    (
        "MC501",
        "It opens no socket, sleeps not, and reads neither clock nor environment",
        "The same provider is driven from threads and from event loops, and from tests.",
        "Yield HttpRequest, Sleep, CurrentTime or BlockingCall instead.",
    ),
    (
        "MC502",
        "A cancelled flow ends at once",
        "A task that was cancelled must not go on sending.",
        "Catch TransportError at most, never BaseException; yield nothing in `finally`.",
    ),
    (
        "MC503",
        "No socket is left open",
        "Leaked connections exhaust the process.",
        "Close what an executor holds in its `close`.",
    ),
    (
        "MC504",
        "Threads and event loops see the same",
        "Callers of either kind rely on the same outcomes.",
        "Give both executors the same meaning.",
    ),
    (
        "MC505",
        "Two messages at once do not disturb each other",
        "One object serves many threads and tasks.",
        "Keep what belongs to one send in local variables.",
    ),
    (
        "MC506",
        "Every flow comes to an end",
        "A flow that asks for ever holds its caller for ever.",
        "Bound every loop; leave polling to the dispatcher.",
    ),
    (
        "MC601",
        "Looking up has no effect and proves nothing by accident",
        "An absent message is sent again: only the vendor's clear word makes it absent.",
        "Say `may_send=False`, and return None where the answer does not tell.",
    ),
    (
        "MC602",
        "Fetching reports has no effect and survives every answer",
        "It runs in a loop beside the sending.",
        "Say `may_send=False`, and return no events for what cannot be read.",
    ),
    (
        "MC603",
        "Limits are rates under hashable keys, the same each time",
        "The dispatcher keeps a meter for each key.",
        'Return pairs of a key, such as `("sender", sender)`, and a RateLimit.',
    ),
)

RULES: dict[str, Rule] = {row[0]: Rule(*row) for row in sorted((*_ROWS, *_table_meaning_rules.ROWS))}
"""By id."""
