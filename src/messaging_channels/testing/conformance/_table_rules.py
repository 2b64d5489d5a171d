"""The rules of the kit: id, title, why, what to do. Ids are never reused; the page docs/plugin-authors/rules.md is made from this table."""

from __future__ import annotations

from messaging_channels.testing.conformance import _table_meaning_rules
from messaging_channels.testing.conformance.rules import Rule

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "MC101",
        "The declarations are well-formed",
        "Routes, settings and the refusal of unsupported messages depend on them.",
        "Set `name` (lower case, digits, hyphens) like the spec's, `capabilities` with at least one message type and only fields that type has, and `executors` ({} for none).",
    ),
    (
        "MC102",
        "A declared field changes the request, or is refused",
        "A declared field that the provider ignores is lost silently.",
        "Encode the field, refuse its values with BadInput, or take it out of `Capabilities.message_types`.",
    ),
    (
        "MC103",
        "A field that is not declared does nothing",
        "The dispatcher refuses undeclared fields, so nobody can use them.",
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
        "A provider that deduplicates sends our id",
        "Without the id in the request a repetition reaches the person twice.",
        "Encode `envelope.id` as the vendor's client reference, or take `deduplicates` back.",
    ),
    (
        "MC106",
        "The provider handles a whole batch",
        "The dispatcher sends up to `capabilities.max_batch_size` envelopes at once and needs an outcome for each, in order.",
        "Return one outcome for each envelope in the order given, or lower `max_batch_size`.",
    ),
    (
        "MC107",
        "The provider handles any text, or refuses it with BadInput",
        "People write emoji, line ends and control characters; another exception is a bug for the caller.",
        "Encode the text with a real serializer, and raise InvalidMessage for texts that the vendor refuses.",
    ),
    (
        "MC108",
        "Every declared message type can be sent",
        "The dispatcher routes declared types to this provider.",
        "Encode the type, or take it out of `Capabilities.message_types`.",
    ),
    (
        "MC201",
        "A success response is accepted",
        "Otherwise an accepted message may be sent again.",
        "Return Reason.ACCEPTED for it; see `success_response` in the fixtures.",
    ),
    (
        "MC202",
        "The vendor's id is kept",
        "Delivery reports and the vendor's support name the message by this id.",
        "Give `provider_id` to the outcome.",
    ),
    (
        "MC203",
        "The raw response is kept",
        "Users may need what the library does not model.",
        "Give `raw_response` to the outcome.",
    ),
    (
        "MC204",
        "No response raises an exception",
        "Vendors and proxies answer anything. After the request, an exception makes the message unknown, although the response may have been clear.",
        "Parse with care, and use `result_from_status` for everything unforeseen.",
    ),
    (
        "MC205",
        "Outcomes are well-formed",
        "The dispatcher depends on them.",
        "Build them with `AttemptResult.of`; seconds to wait are finite and not negative.",
    ),
    (
        "MC206",
        "A 5xx is unknown, unless documented as harmless",
        "The vendor may have accepted the message before the error. Sent elsewhere, the message arrives twice.",
        "Use `result_from_status`, or name the page in `safe_5xx` of the fixtures.",
    ),
    (
        "MC207",
        "An unreadable response is not accepted",
        "An unreadable success was most likely sent, an unreadable refusal was not: neither is accepted, and a success is not a refusal.",
        "Use `result_from_status` where the body names no message.",
    ),
    (
        "MC208",
        "Documented responses have their documented meaning",
        "The reason decides whether the message may be sent again or elsewhere.",
        "Correct the table of reasons, or the fixtures.",
    ),
    (
        "MC209",
        "A rate limit is throttled, with its waiting time",
        "An earlier retry makes the limit worse.",
        "Use `result_from_status` for 429, or `retry_after` for your own reading.",
    ),
    (
        "MC210",
        "A message is requested once",
        "Only the dispatcher knows whether a repetition is safe and within the caller's budget.",
        "Take every retry out of the provider: after a failure or an answer, no further exchange with an effect for the same message.",
    ),
    (
        "MC211",
        "A lost response makes the message unknown",
        "The vendor may have sent the message. As `not sent`, the message would be sent again.",
        "Let TransportError pass.",
    ),
    (
        "MC212",
        "If the vendor can't be reached, the message was not sent",
        "As unknown, the message is neither repeated nor sent elsewhere, and is lost.",
        "Let TransportError pass.",
    ),
    (
        "MC213",
        "The responses of a batch are matched by id",
        "Vendors answer in any order; by position, one person's status becomes another's.",
        "Match by your id in the answer, or name the page that promises the order in `ordered_batch_docs` of the fixtures.",
    ),
    (
        "MC214",
        "A message that the response does not name is unknown",
        "The vendor may have accepted this message or not.",
        "Give Reason.UNREADABLE_RESPONSE to envelopes the answer does not name.",
    ),
    (
        "MC215",
        "An unknown status proves nothing",
        "Vendors add statuses. A success with a new word must not be read as `send it again`.",
        "Fall back to a reason that neither repeats nor passes on: UNREADABLE_RESPONSE, ACCEPTED or INVALID.",
    ),
    (
        "MC216",
        "The refusal of a whole batch is marked",
        "The dispatcher can then send the valid messages without the invalid one.",
        "Set `request_rejected=True`, as `result_from_status` does.",
    ),
    (
        "MC217",
        "The same response has the same result",
        "A provider is shared by threads and tasks and keeps no memory of answers.",
        "Keep no state between sends.",
    ),
    (
        "MC301",
        "Webhook requests are parsed",
        "Reports and inbound messages are lost otherwise.",
        "Return the events that the samples tell, `provider` being the provider's name.",
    ),
    (
        "MC302",
        "A request signed with another key is refused",
        "Otherwise anybody could report deliveries and forge inbound messages.",
        "Verify before parsing; raise WebhookVerificationError.",
    ),
    (
        "MC303",
        "A modified request is refused",
        "One flipped bit may be another number or another status.",
        "Compute the proof over the raw body, or say `signature_covers_body=False` in the fixtures if the vendor offers none.",
    ),
    (
        "MC304",
        "A request without authentication is refused",
        "Anybody can call a public URL.",
        "Raise WebhookVerificationError when the header or parameter of the proof is missing or is no text of its kind.",
    ),
    (
        "MC305",
        "A repeated request returns the same events",
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
        "No verified request raises an exception",
        "A vendor that gets a 500 repeats the call for days, and the good events in it are lost.",
        "Turn what is not understood into `UnknownEvent`.",
    ),
    (
        "MC308",
        "A verified request of an unknown kind is kept",
        "Vendors add kinds of events.",
        "Return an `UnknownEvent` event with the call as `raw`.",
    ),
    (
        "MC309",
        "Signatures are compared in constant time",
        "Otherwise a signature can be guessed byte by byte.",
        "Use `hmac.compare_digest`.",
    ),
    (
        "MC310",
        "A huge request is parsed in time",
        "A call of a few megabytes must not stop the process.",
        "Avoid what is quadratic in the size of the call.",
    ),
    (
        "MC311",
        "The requests that applications test with are parsed",
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
        "Text that the vendor echoes is not repeated",
        "Vendors quote the request in their errors; `detail` is logged.",
        "Put codes and field names into `detail`, not the vendor's prose; the raw answer is in `raw_response`.",
    ),
    (
        "MC405",
        "Logs contain no secrets, addresses or texts",
        "Logs are kept longer and read by more people than messages.",
        "Do not log in a provider; put facts into `detail`.",
    ),
    (
        "MC406",
        "No exception contains secrets, addresses or texts",
        "Exceptions are logged.",
        "Name the field, not the value; `hide_input_in_errors=True` in the settings.",
    ),
    (
        "MC501",
        "The provider does not open sockets, sleep, or read the clock or the environment",
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
        "Many threads and tasks may use an object at once.",
        "Keep what belongs to one send in local variables.",
    ),
    (
        "MC506",
        "Every flow comes to an end",
        "A flow without end blocks its caller forever.",
        "Bound every loop; leave polling to the dispatcher.",
    ),
    (
        "MC601",
        "A look-up has no effect and proves nothing by accident",
        "A missing message is sent again, so only a clear response of the vendor may say that it is missing.",
        "Set `may_send=False`, and return None if the response does not say.",
    ),
    (
        "MC602",
        "Fetching reports has no effect and survives every answer",
        "Polling runs in a loop beside sending.",
        "Set `may_send=False`, and return no events for unreadable responses.",
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
