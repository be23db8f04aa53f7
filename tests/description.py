"""The OpenAPI description as a strict client reads it: nothing may come that it does not say."""

import json
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from usage.periods import parse_moment

FORMATS = FormatChecker()
_SAID = ("Retry-After", "WWW-Authenticate", "Idempotency-Replayed")


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(text: object) -> bool:
    return not isinstance(text, str) or ("T" in text and bool(parse_moment(text)))


class Description:
    def __init__(self, document: dict[str, Any]) -> None:
        self.paths = document["paths"]
        self._schemas = {"components": _strict(document["components"])}

    def operations(self) -> list[tuple[str, str]]:
        return [(method, path) for path, methods in self.paths.items() for method in methods]

    def faults(self, method: str, path: str, answer: Any) -> list[str]:
        """What the answer of Django's test client has that the description does not say."""
        described = self.paths[path][method.lower()]["responses"].get(str(answer.status_code))
        if described is None:
            return [f"status {answer.status_code}"]
        kind = answer["Content-Type"].partition(";")[0]
        content = described["content"].get(kind)
        if content is None:
            return [f"{kind} of status {answer.status_code}"]
        headers = described.get("headers", {})
        found = [f"header {name}" for name in _SAID if name in answer and name not in headers]
        if kind == "application/json":
            found += self.invalid(content["schema"], json.loads(_body_of(answer)))
        return found

    def invalid(self, schema: dict[str, Any], value: Any) -> list[str]:
        whole = {**self._schemas, "allOf": [_strict(schema)]}
        found = Draft202012Validator(whole, format_checker=FORMATS).iter_errors(value)
        return [f"{error.json_path}: {error.message}" for error in found]

    def schema(self, name: str) -> dict[str, Any]:
        return {"$ref": f"#/components/schemas/{name}"}


def _body_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def _strict(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON schema, in which objects have no other fields than those they name."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: _strict(value) for name, value in schema.items()}
    if said.pop("nullable", False) and isinstance(said.get("type"), str):
        said["type"] = [said["type"], "null"]
    if isinstance(said.get("properties"), dict) and said.get("type") == "object":
        said.setdefault("additionalProperties", False)
    return said
