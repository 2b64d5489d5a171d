"""The calls that write, show and delete templates of mail, and the files of a template.

Source: https://www.infobip.com/docs/api/channels/email
"""

from __future__ import annotations

import json
import re
from typing import Any

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator.account import Account, Json, format_date
from messaging_channels_infobip.emulator.errors import RequestRejected
from messaging_channels_infobip.emulator.routes import (
    Routes,
    page_of,
    read_form,
    read_page,
    require,
    require_number,
)

_NO_CONTENT = HttpResponse(204, {}, b"")
_FIELDS = {
    "name": 0,
    "from": 0,
    "replyTo": 0,
    "subject": 200,
    "preheader": 75,
    "html": 0,
    "attachments": 0,
    "landingPage": 0,
}
"""The fields of the form, each with its greatest length; 0 for any."""
_FILE_FIELDS = {"contentType": 0, "fileName": 0, "data": 0}
_LISTED = ("id", "name", "imagePreviewUrl", "createdAt", "updatedAt")
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


def _template(account: Account, template_id: str) -> Json:
    found: Json = require(account.mail.templates.get(require_number(template_id, "templateId")))
    return found


def _list(request: Request, account: Account) -> HttpResponse:
    page, size = read_page(request, default=20, at_most=20)
    told = page_of(list(account.mail.templates.values()), page, size)
    told["results"] = [{name: one[name] for name in _LISTED if name in one} for one in told["results"]]
    return json_response(told)


def _create(request: Request, account: Account) -> HttpResponse:
    described = _described(read_form(request, _FIELDS, required=["html"]))
    number, now = account.mail.next_number(), format_date()
    base = {"id": number, "isHtmlEditable": True, "attachments": [], "createdAt": now, "updatedAt": now}
    account.mail.templates[number] = {**base, **described}
    return json_response(account.mail.templates[number], status=201)


def _described(form: dict[str, str]) -> Json:
    """Return the form as the template holds it: the landing page by its id, and no list of files, which are uploaded."""
    held: Json = {name: text for name, text in form.items() if name not in ("attachments", "landingPage")}
    return {**held, **({"landingPageId": form["landingPage"]} if "landingPage" in form else {})}


def _show(_: Request, account: Account, template_id: str) -> HttpResponse:
    return json_response(_template(account, template_id))


def _replace(request: Request, account: Account, template_id: str) -> HttpResponse:
    found = _template(account, template_id)
    described = _described(read_form(request, _FIELDS, required=["html"]))
    kept = {name: found[name] for name in ("id", "isHtmlEditable", "attachments", "createdAt")}
    account.mail.templates[found["id"]] = {**kept, "updatedAt": format_date(), **described}
    return json_response(account.mail.templates[found["id"]])


def _change(request: Request, account: Account, template_id: str) -> HttpResponse:
    found = _template(account, template_id)
    found |= {**_described(read_form(request, _FIELDS)), "updatedAt": format_date()}
    return json_response(found)


def _delete(_: Request, account: Account, template_id: str) -> HttpResponse:
    del account.mail.templates[_template(account, template_id)["id"]]
    return _NO_CONTENT


def _preview(request: Request, account: Account, template_id: str) -> HttpResponse:
    """Show the template with its gaps filled; one without a value stays as it is."""
    found = _template(account, template_id)
    values = _values(read_form(request, {"placeholders": 0}).get("placeholders", "{}"))
    html = _PLACEHOLDER.sub(lambda gap: str(values.get(gap[1], gap[0])), found["html"])
    return HttpResponse(200, {"content-type": "text/html; charset=utf-8"}, html.encode())


def _values(text: str) -> Json:
    try:
        told: Any = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise RequestRejected(400, [("placeholders", "must be an object")])
    return told  # pyright: ignore[reportUnknownVariableType]


def _files(_: Request, account: Account, template_id: str) -> HttpResponse:
    return json_response(_template(account, template_id)["attachments"])


def _upload(request: Request, account: Account, template_id: str) -> HttpResponse:
    found = _template(account, template_id)
    form = read_form(request, _FILE_FIELDS, required=list(_FILE_FIELDS))
    key = f"file-{account.mail.next_number()}"
    file = {
        "id": key,
        "contentType": form["contentType"],
        "fileName": form["fileName"],
        "size": len(form["data"].encode()),
        "url": f"https://files.example.com/{key}",
    }
    found["attachments"].append(file)
    return json_response(file, status=201)


def _delete_file(_: Request, account: Account, template_id: str, file_id: str) -> HttpResponse:
    files: list[Json] = _template(account, template_id)["attachments"]
    files.remove(require(next((one for one in files if one["id"] == file_id), None)))
    return _NO_CONTENT


_TEMPLATES = "/email/1/templates"
TEMPLATE_ROUTES: Routes = {
    ("GET", _TEMPLATES): _list,
    ("POST", _TEMPLATES): _create,
    ("GET", f"{_TEMPLATES}/*"): _show,
    ("PUT", f"{_TEMPLATES}/*"): _replace,
    ("PATCH", f"{_TEMPLATES}/*"): _change,
    ("DELETE", f"{_TEMPLATES}/*"): _delete,
    ("POST", f"{_TEMPLATES}/*/preview"): _preview,
    ("GET", f"{_TEMPLATES}/*/attachments"): _files,
    ("POST", f"{_TEMPLATES}/*/attachments"): _upload,
    ("DELETE", f"{_TEMPLATES}/*/attachments/*"): _delete_file,
}
