"""Mail: version 4 of the API in JSON, many messages a request; as MIME where JSON cannot say it.

In JSON, text beside html is ignored by Infobip, and several recipients see each other. So a mail with text and html, with blind copies, or with several
reply addresses goes out as MIME, one request each.

Sources: https://www.infobip.com/docs/api/channels/email/send-email-messages and https://www.infobip.com/docs/api/channels/email/send-mime-email
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from messaging_channels.errors import InvalidAddress, InvalidMessage
from messaging_channels.messages import Attachment, Email, parsed
from messaging_channels.plugins import EmailAddress, Envelope, extra_of
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import outcomes
from messaging_channels_infobip.mime import formatted, mime
from messaging_channels_infobip.options import InfobipEmail
from messaging_channels_infobip.parts import Defaults, Part, grouped
from messaging_channels_infobip.sms import webhooks
from messaging_channels_infobip.written import given, platform, some, validity, window, written_date

PATH, MIME_PATH = "/email/4/messages", "/email/4/mime"
HORIZON = timedelta(days=5)
MOST_RECIPIENTS, LONGEST_SUBJECT = 1000, 1000
_PLAIN = InfobipEmail()


def parts(batch: Sequence[Envelope], access: Access, defaults: Defaults, files: Files) -> list[Part]:
    """Describe the requests: one for all that JSON can say and that share a schedule, one for each that needs MIME.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
        InvalidAddress: the sender is no mail address.
    """
    for envelope in batch:
        _check(envelope)
    mixed = [one for one in batch if needs_mime(one)]
    simple = [
        (_request_options(one, defaults), (_message(one, defaults, files), one))
        for one in batch
        if not needs_mime(one)
    ]
    return [
        *(
            Part(
                access.post(PATH, given(messages=[message for message, _ in group], options=options or None)),
                [envelope for _, envelope in group],
                outcomes,
            )
            for options, group in grouped(simple)
        ),
        *(
            Part(access.post(MIME_PATH, _mime_request(one, defaults, files)), [one], outcomes)
            for one in mixed
        ),
    ]


Files = Mapping[int, bytes]
"""The contents of attachments that are files, by the identity of the attachment: read before anything is written."""


def _of(envelope: Envelope) -> tuple[Email, InfobipEmail]:
    message = envelope.message
    assert isinstance(message, Email)  # noqa: S101  for the type checkers: the provider sorts by type
    return message, extra_of(message, InfobipEmail) or _PLAIN


def needs_mime(envelope: Envelope) -> bool:
    """Say whether JSON cannot say this mail."""
    message, extra = _of(envelope)
    if extra.template_id is not None:
        return False
    both = bool(message.text) and bool(message.html)
    return both or bool(parsed(message.bcc)) or len(parsed(message.reply_to)) > 1


def _check(envelope: Envelope) -> None:
    message, extra = _of(envelope)
    if 1 + len(message.copies) > MOST_RECIPIENTS:
        raise InvalidMessage(
            f"{1 + len(message.copies)} recipients, {MOST_RECIPIENTS} allowed",
            field="Email",
            remedy="send several mails",
        )
    if not 1 <= len(message.subject) <= LONGEST_SUBJECT and not (extra.template_id and not message.subject):
        raise InvalidMessage(
            f"1 to {LONGEST_SUBJECT} characters allowed", field="Email.subject", remedy="change its length"
        )
    if extra.amp_html is not None and not message.html:
        raise InvalidMessage("it needs html", field="InfobipEmail.amp_html", remedy="give html too")
    if needs_mime(envelope) and (lost := _not_in_mime(extra)):
        raise InvalidMessage(
            "MIME, which text beside html, blind copies and several reply addresses need, does not carry it",
            field=f"InfobipEmail.{lost}",
            remedy="leave it out, or give html alone, no bcc and one reply address",
        )


def _not_in_mime(extra: InfobipEmail) -> str | None:
    """Return the name of the first option that is set and that MIME does not carry."""
    return next((name for name in _JSON_ONLY if getattr(extra, name) != getattr(_PLAIN, name)), None) or (
        "tracking"
        if extra.tracking
        and (extra.tracking.track, extra.tracking.opens, extra.tracking.clicks) != (None,) * 3
        else None
    )


_JSON_ONLY = (
    "send_at",
    "delivery_window",
    "campaign_id",
    "notify",
    "validity_period",
    "amp_html",
    "template_language_version",
    "placeholders",
    "landing_page_placeholders",
    "optout_landing_page_id",
    "uploaded_attachments",
    "attachment_passwords",
    "ip_pool_id",
    "masking",
    "keep_no_content",
)


def _sender(envelope: Envelope, defaults: Defaults) -> EmailAddress:
    sender = getattr(envelope.message, "sender", None)
    if isinstance(sender, EmailAddress):
        return sender
    try:
        return EmailAddress.parse(defaults.sender_of(envelope))
    except InvalidAddress as error:
        raise InvalidMessage(
            "the configured sender is no mail address",
            field="Email.sender",
            remedy="set it, or MESSAGING_CHANNELS_INFOBIP_EMAIL_SENDER",
        ) from error


def _message(envelope: Envelope, defaults: Defaults, files: Files) -> dict[str, Any]:
    message, extra = _of(envelope)
    sender = None
    if extra.template_id is None or message.sender is not None:
        sender = formatted(_sender(envelope, defaults))
    return given(
        sender=sender,
        destinations=[_destination(envelope)],
        content=_content(envelope, files),
        options=some(
            platform=platform(extra),
            validityPeriod=validity(extra.validity_period, "InfobipEmail.validity_period"),
            deliveryTimeWindow=window(extra.delivery_window),
            campaignReferenceId=extra.campaign_id,
        ),
        webhooks=webhooks(extra, defaults),
        ips=some(ipPoolId=extra.ip_pool_id),
        placeholdersMasking=_masking(extra),
        storage=some(skipPassive=extra.keep_no_content, skipActive=extra.keep_no_content),
    )


def _destination(envelope: Envelope) -> dict[str, Any]:
    message, extra = _of(envelope)
    copies = [{"destination": address.addr_spec} for address in parsed(message.cc)]
    blind = [{"destination": address.addr_spec} for address in parsed(message.bcc)]
    reply_to = parsed(message.reply_to)
    to = given(
        destination=envelope.to.plain, messageId=envelope.id, placeholders=json_text(extra.placeholders)
    )
    return given(
        to=[to],
        cc=copies or None,
        bcc=blind or None,
        replyTo=formatted(reply_to[0]) if reply_to else None,
        preserveRecipients=True if copies or blind else None,
    )


def _content(envelope: Envelope, files: Files) -> dict[str, Any]:
    message, extra = _of(envelope)
    own = extra.template_id is None
    return given(
        subject=message.subject or None,
        text=message.text if own and not message.html else None,
        html=(message.html or None) if own else None,
        ampHtml=extra.amp_html if own else None,
        templateId=extra.template_id,
        attachments=_attachments(message, extra, files) or None,
        inlineImages=[_inline(one, files) for one in message.attachments if one.content_id] or None,
        landingPagePlaceholders=json_text(extra.landing_page_placeholders),
        optoutLandingPageId=extra.optout_landing_page_id,
        templateLanguageVersion=extra.template_language_version,
        headers=json_text(headers_of(message)),
    )


def _attachments(message: Email, extra: InfobipEmail, files: Files) -> list[dict[str, Any]]:
    own = [
        {**_binary(one, files), **given(password=extra.attachment_passwords.get(one.filename))}
        for one in message.attachments
        if not one.content_id
    ]
    return own + [{"type": "uploadedReference", "contentId": held} for held in extra.uploaded_attachments]


def _inline(attachment: Attachment, files: Files) -> dict[str, Any]:
    """Write an inline part: what the html calls `cid:…` is the name of the file here."""
    return {**_binary(attachment, files), "fileName": attachment.content_id}


def _binary(attachment: Attachment, files: Files) -> dict[str, Any]:
    return {
        "type": "binary",
        "content": b64encode(content_of(attachment, files)).decode(),
        "contentType": attachment.content_type,
        "fileName": attachment.filename,
    }


def content_of(attachment: Attachment, files: Files) -> bytes:
    """Return the bytes of an attachment, whose file was read before."""
    content = attachment.content
    return content if isinstance(content, bytes) else files[id(attachment)]


def headers_of(message: Email) -> dict[str, str]:
    """Return the further headers, those for unsubscribing included (RFC 2369, RFC 8058)."""
    headers = dict(message.headers)
    leave = message.list_unsubscribe
    if leave is not None:
        ways = (leave.mailto and f"<mailto:{leave.mailto}>", leave.url and f"<{leave.url}>")
        headers["List-Unsubscribe"] = ", ".join(way for way in ways if way)
        if leave.url:
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def json_text(value: Mapping[str, Any] | None) -> str | None:
    """Write an object as the text of its JSON, as this API wants it; None for an empty one."""
    from pydantic_core import to_json  # noqa: PLC0415  slow to import

    return to_json(dict(value)).decode() if value else None


def _masking(extra: InfobipEmail) -> list[dict[str, Any]] | None:
    return [
        given(
            name=one.name,
            side=one.side,
            maskChar=one.mask_char,
            visibleChars=one.visible_chars,
            delimiter=one.delimiter,
            skipChars=list(one.skip_chars) or None,
        )
        for one in extra.masking
    ] or None


def _request_options(envelope: Envelope, defaults: Defaults) -> dict[str, Any]:
    _, extra = _of(envelope)
    send_at = defaults.schedule(extra.send_at, field="InfobipEmail.send_at", horizon=HORIZON)
    bulk_id = extra.bulk_id or (envelope.id if send_at else None)
    tracking = extra.tracking
    return given(
        schedule=some(bulkId=bulk_id, sendAt=send_at and written_date(send_at)),
        tracking=tracking
        and some(
            track=tracking.track,
            trackOpens=tracking.opens,
            trackClicks=tracking.clicks,
            trackingUrl=tracking.url,
            trackingPixelPosition=tracking.pixel_position,
        ),
        clientPriority=extra.priority,
    )


def _mime_request(envelope: Envelope, defaults: Defaults, files: Files) -> dict[str, Any]:
    message, extra = _of(envelope)
    sender = _sender(envelope, defaults)
    contents = [(one, content_of(one, files)) for one in message.attachments]
    tracking = extra.tracking
    described = given(
        messageId=envelope.id,
        bulkId=extra.bulk_id,
        destinations=[envelope.to.plain, *(copy.addr_spec for copy in message.copies)],
        mimeMessage=mime(envelope, sender, headers_of(message), contents, at=defaults.now),
        intermediateReport=extra.intermediate_reports,
        notifyUrl=extra.report_url or defaults.report_url,
        notifyContentType=extra.report_content_type,
        callbackData=extra.callback_data,
        trackingUrl=tracking and tracking.url,
        clientPriority=extra.priority,
        applicationId=extra.application_id,
        entityId=extra.entity_id,
    )
    return {"from": formatted(sender), **described}
