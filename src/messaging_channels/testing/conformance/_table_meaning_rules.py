"""More rules of the kit, on what a request, an answer and a call mean; `_table_rules` puts them beside the others."""

from __future__ import annotations

ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "MC109",
        "The vendor understands the message that was meant",
        "The vendor acts on the request, not on the message.",
        "Correct the request, or `reads_request` of the fixtures if it reads the vendor's format wrongly.",
    ),
    (
        "MC110",
        "The body is what its content type says",
        "A body in another format or charset is refused, or read as something else.",
        "Use a real serializer, and name the format and the charset of what it writes.",
    ),
    (
        "MC111",
        "Every text, file and element is in the request unchanged",
        "Content that is left out, cut or changed never arrives, and nobody notices.",
        "Encode the whole field, or refuse with BadInput what the vendor does not accept.",
    ),
    (
        "MC112",
        "Each recipient gets its own message",
        "One person's message in another's hands is worse than none.",
        "Take address and text from the envelope in turn; share nothing between the messages of a batch.",
    ),
    (
        "MC113",
        "Requests go to the configured host",
        "Tests, emulators and regional accounts rely on the URL in the settings.",
        "Build every URL from the setting.",
    ),
    (
        "MC114",
        "The account's secret is used",
        "The vendor refuses a request without credentials.",
        "Put the credentials into the headers (or where the vendor wants them).",
    ),
    (
        "MC115",
        "The provider handles every address of the channel, or refuses it with BadInput",
        "Numbers of all lengths, ids of users, mail addresses in upper case and in other scripts are what people have.",
        "Send `envelope.to.plain` (or `.e164`) as it is, and raise InvalidMessage for a kind that the vendor does not take.",
    ),
    (
        "MC116",
        "Different contents make different requests",
        "HTML that is shown as text, a blind copy that everybody sees, or a chat message that goes out as an SMS is another message.",
        "Put each field into the vendor's field of the same meaning.",
    ),
    (
        "MC117",
        "Our id reaches the vendor, where reports bring it back",
        "Without the id, a report can't be matched to its message.",
        "Encode `envelope.id` as the vendor's client reference.",
    ),
    (
        "MC118",
        "No batch is larger than the vendor's",
        "A batch that is too large is refused as a whole.",
        "Lower `Capabilities.max_batch_size` to what the vendor documents.",
    ),
    (
        "MC119",
        "An idempotency key is the message's",
        "With a key that two messages share, the vendor drops the second as a repetition.",
        "Take the key from `envelope.id` alone.",
    ),
    (
        "MC218",
        "A success response with an error, or without an id, is not accepted",
        "Some vendors refuse with HTTP 200. As accepted, the message would be lost silently.",
        "Accept only an answer that names the message; end with `result_from_status`.",
    ),
    (
        "MC219",
        "The vendor's id is that of the message",
        "Two messages with the same id get each other's reports.",
        "Take `provider_id` from the field of the answer that names the message.",
    ),
    (
        "MC220",
        "Each message of a batch gets its own answer",
        "The refusal of one is not the refusal of all, nor the acceptance of one that of all.",
        "Read the element of the answer that belongs to the envelope.",
    ),
    (
        "MC312",
        "An event has the meaning of the request",
        "Applications act on the status: delivered is not undelivered, and a complaint is an opt-out.",
        "Correct the table of statuses, or the expected values in the fixtures.",
    ),
    (
        "MC313",
        "Times are the vendor's, in seconds and UTC",
        "Events are ordered by them, whatever machine read them.",
        "Parse the vendor's time with its zone (UTC where it names none); divide milliseconds by 1000.",
    ),
    (
        "MC314",
        "Unknown content is kept, and raises no exception",
        "Vendors add statuses, kinds and fields.",
        "Look words up with a fallback, ignore fields you do not know, and return `UnknownEvent` for the rest.",
    ),
    (
        "MC315",
        "A request has the same meaning in any serialization",
        "Blanks, escapes and line ends are the vendor's to choose; a proof over JSON that was parsed and written again refuses genuine calls.",
        "Compute the proof over `request.body`, and parse with a real parser.",
    ),
    (
        "MC316",
        "An old request is refused if the vendor signs a time",
        "Otherwise a recorded request could be replayed.",
        "Prove the time with the body, and compare it with `request.received_at` (five minutes are usual).",
    ),
    (
        "MC317",
        "All events of a request are returned",
        "Vendors put several into one call: the others are lost.",
        "Go through the whole list.",
    ),
    (
        "MC318",
        "A genuine request from the documentation is accepted",
        "A provider and its fixtures can share a mistake about the proof.",
        "Correct the proof in the provider, and in `sign_webhook` of the fixtures.",
    ),
    (
        "MC319",
        "A valid request is acknowledged and kept",
        "A vendor that gets no success calls again, and what it said is needed when somebody asks.",
        "Answer with a success, give every event `raw` and its channel, and keep no memory of calls.",
    ),
    (
        "MC320",
        "Events name their message and people",
        "A report without an id, and a text that is cut or under another sender, are lost.",
        "Give the event both ids that the call holds, and the whole text with its sender and recipient.",
    ),
    (
        "MC321",
        "Without a secret, every request is refused",
        "With an empty key, anybody can sign a request.",
        "Refuse all calls while the secret is not set.",
    ),
    (
        "MC322",
        "Events that differ have different keys",
        "The ledger takes an event with the key of an earlier one for a repetition, and ignores it.",
        "Take `event_id` from the vendor's id of the event, or leave it out; add what tells several events of one request apart.",
    ),
    (
        "MC323",
        "Each secret of a list is accepted",
        "During a rotation the vendor signs with the old secret or the new one.",
        "Try every secret of the list.",
    ),
    (
        "MC507",
        "Two accounts do not mix",
        "One process serves several accounts: a message with another's credentials is charged to that one, and shows its sender.",
        "Keep settings in the object, not in the class or the module.",
    ),
    (
        "MC508",
        "The provider keeps nothing of sent messages",
        "A provider lives as long as the process: what it keeps of each message fills the memory, with personal data.",
        "Keep what belongs to one send in local variables.",
    ),
)
"""Id, title, why, what to do."""
