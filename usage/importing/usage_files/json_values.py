"""JSON that may be broken: its values, or InvalidRow that says what is wrong, and shows nothing."""

from typing import Any, TypeVar

import msgspec

from usage.records import InvalidRow

Raw = bytes | msgspec.Raw
Decoded = TypeVar("Decoded")
CUT_OFF = "it is cut off"
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any])
_NO_TEXT = "is not valid JSON: not UTF-8, or nested too deeply"


def fields_of(raw: Raw) -> dict[str, msgspec.Raw]:
    """An object's values, undecoded: most are of no use, and some are prompts."""
    return _decoded(_fields, raw)  # type: ignore[no-any-return]


def object_of(raw: Raw) -> dict[str, Any]:
    return _decoded(_object, raw)  # type: ignore[no-any-return]


def decoded_as(decoder: msgspec.json.Decoder[Decoded], raw: Raw) -> Decoded:
    """A Struct of a few of an object's values."""
    return _decoded(decoder, raw)  # type: ignore[no-any-return]


def readable_object(raw: Raw) -> dict[str, Any]:
    """An empty one where the text is none."""
    try:
        return object_of(raw)
    except InvalidRow:
        return {}


def fault(text: bytes) -> str | None:
    """What is wrong with a text as one JSON value."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except RecursionError:
        return "nested too deeply"
    except msgspec.DecodeError as error:
        return _reason(error)
    return None


def _decoded(decoder: msgspec.json.Decoder[Any], raw: Raw) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise InvalidRow.whole("is no JSON object") from None
    except msgspec.DecodeError as error:
        raise InvalidRow.whole(f"is not valid JSON: {_reason(error)}") from None
    except (UnicodeDecodeError, RecursionError):
        raise InvalidRow.whole(_NO_TEXT) from None


def _reason(error: msgspec.DecodeError) -> str:
    """Without the place within the value, whose names may be anything."""
    text = str(error).removeprefix("JSON is malformed: ").partition(" - at ")[0]
    return CUT_OFF if text == "Input data was truncated" else text
