"""Structs as schemas of OpenAPI: msgspec makes JSON schema, which this puts into OpenAPI 3.0.

3.0 rather than 3.1, since generators of clients for Go and Rust still read no other.
"""

from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent

from usage.incoming_row import UNDESCRIBED

_NULL = {"type": "null"}
_REFERENCE = "#/components/schemas/{name}"


class StructSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Lets `extend_schema` take a Struct wherever it takes a serializer."""

    target_class = "msgspec.Struct"
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        _, components = msgspec.json.schema_components([self.target], ref_template=_REFERENCE)
        own = components.pop(self.get_name(auto_schema, direction))
        _register(auto_schema, components)
        return in_openapi_3_0(own)


class OneOf:
    """What is of one of some kinds, under a name of its own."""

    def __init__(self, name: str, *kinds: Any) -> None:
        self.name = name
        self.kinds = kinds


class OneOfSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = OneOf

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return str(self.target.name)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        kinds = self.target.kinds
        schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
        _register(auto_schema, components)
        return {"oneOf": in_openapi_3_0([*schemas])}


def _register(auto_schema: Any, components: dict[str, Any]) -> None:
    for name, schema in components.items():
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=name,
            type=ResolvedComponent.SCHEMA,
            object=name,
            schema=in_openapi_3_0(schema),
        )
        auto_schema.registry.register_on_missing(component)


def in_openapi_3_0(schema: Any) -> Any:
    """The same in the words of 3.0, which knows no type null and nothing beside a reference."""
    if isinstance(schema, list):
        return [in_openapi_3_0(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: in_openapi_3_0(value) for name, value in schema.items() if _is_said(name, value)}
    if "enum" in said:
        said["type"] = "boolean" if isinstance(said["enum"][0], bool) else "string"
    if "$ref" in said and len(said) > 1:
        return {"allOf": [{"$ref": said.pop("$ref")}], **said}
    if _NULL in said.get("anyOf", ()):
        kinds = [_nullable(kind) for kind in said.pop("anyOf") if kind != _NULL]
        return {**kinds[0], **said} if len(kinds) == 1 else {**said, "anyOf": kinds}
    return said


def _is_said(name: str, value: Any) -> bool:
    """Titles repeat names, and no list of what is required may be empty."""
    if isinstance(value, dict):
        return UNDESCRIBED not in value
    return name != "title" and (name, value) != ("required", [])


def bodies_are_required(result: Any, **_: Any) -> Any:
    """Hook of drf-spectacular, which takes bodies that are no serializer for optional ones."""
    for methods in result["paths"].values():
        for operation in methods.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
    return result


def _nullable(kind: dict[str, Any]) -> dict[str, Any]:
    """`nullable` holds beside a type alone, and an enum has to name null as well."""
    words = {"enum": [*kind["enum"], None]} if "enum" in kind else {}
    return {**kind, **words, "nullable": True}
