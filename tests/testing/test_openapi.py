from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from messaging_channels.testing import OpenApiChecks, OpenApiDocument

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/notes/{id}": {
            "post": {
                "parameters": [{"name": "dry", "in": "query"}, {"$ref": "#/components/parameters/page"}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}
                },
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "object", "properties": {"id": {"type": "integer"}}}
                            }
                        }
                    }
                },
            }
        }
    },
    "components": {
        "parameters": {"page": {"name": "page", "in": "query"}},
        "schemas": {
            "Note": {
                "type": "object",
                "required": ["at"],
                "properties": {
                    "at": {"type": "string", "format": "date-time"},
                    "file": {"type": "string", "format": "byte"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                    "labels": {
                        "type": "object",
                        "properties": {"a": {"type": "string"}},
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
            "Part": {
                "type": "object",
                "properties": {"kind": {"type": "string"}},
                "discriminator": {
                    "propertyName": "kind",
                    "mapping": {"text": "#/components/schemas/TextPart"},
                },
            },
            "TextPart": {
                "allOf": [
                    {"$ref": "#/components/schemas/Part"},
                    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
                ]
            },
        },
    },
}
AT = "2026-01-01T00:00:00.000+0000"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"at": AT}, None),
        (
            {
                "at": AT,
                "parts": [{"kind": "text", "text": "x"}],
                "labels": {"a": "x", "b": "y"},
                "file": "SGk=",
            },
            None,
        ),
        ({}, ""),
        ({"at": "tomorrow"}, "at"),
        ({"at": AT, "file": "not base64"}, "file"),
        ({"at": AT, "new": 1}, ""),
        ({"at": AT, "parts": [{"kind": "text"}]}, "parts[0]"),
        ({"at": AT, "parts": [{"kind": "text", "text": "x", "more": 1}]}, "parts[0]"),
        ({"at": AT, "parts": [{"kind": "song"}]}, "parts[0]"),
        ({"at": AT, "labels": {"b": 1}}, "labels.b"),
        (None, ""),
    ],
)
def test_a_request_is_held_to_its_document_and_unknown_fields_are_refused(
    body: Any, where: str | None
) -> None:
    found = OpenApiDocument(DOCUMENT).request_problems("POST", "/notes/7", body)
    assert [place for place, _ in found][:1] == ([] if where is None else [where])


def test_an_answer_and_the_names_of_a_query_are_held_to_it_too() -> None:
    document = OpenApiDocument(DOCUMENT)
    assert document.response_problems("POST", "/notes/7", 200, {"id": 1}) == []
    assert document.response_problems("POST", "/notes/7", 200, {"id": "1"})
    assert document.response_problems("POST", "/notes/7", 500, "anything") == []
    assert document.request_problems("POST", "/notes/7", {"at": AT}, {"dry": "1", "page": "2"}) == []
    assert document.request_problems("POST", "/notes/7", {"at": AT}, {"wet": "1"}) == [
        ("wet", "is not known")
    ]


def test_each_call_is_checked_by_the_document_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "vendor_notes.json").write_text(json.dumps(DOCUMENT), "utf-8")
    (tmp_path / "other.json").write_text("{}", "utf-8")
    checks = OpenApiChecks.read(tmp_path, "vendor_*.json")
    assert checks.knows("POST", "/notes/7")
    assert not checks.knows("GET", "/notes/7")
    assert not checks.knows("POST", "/notes/7/more")
    assert checks.request_problems("POST", "/notes/7", {})
    assert (
        checks.request_problems("POST", "/songs", {}) == checks.response_problems("GET", "/x", 200, {}) == []
    )
    assert not OpenApiChecks.read(None, "*").knows("POST", "/notes/7")
