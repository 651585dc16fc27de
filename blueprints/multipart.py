"""multipart/form-data as it arrives: fields are collected, files are handed on piece by piece."""

from collections.abc import Callable, Mapping
from typing import IO, Protocol

from multipart import (  # type: ignore[import-untyped]  # typed inside, but without py.typed
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from werkzeug.exceptions import ClientDisconnected

from errors import BadRequest

READ_BYTES = 256 * 1024
MAX_FIELD_BYTES = 256 * 1024
MAX_PARTS = 64


class Sink(Protocol):
    """Takes the bytes of one file."""

    def write(self, data: bytes, /) -> None: ...


def read_form(
    stream: IO[bytes], content_type: str, open_file: Callable[[str, str], Sink]
) -> Mapping[str, str]:
    """Reads the whole form; returns its text fields.

    `open_file(field, file name)` is called where a file begins and gives the sink of its bytes.
    Fields and files may come in any order, with or without Content-Length; at most one piece
    is in memory. Raises BadRequest where the form is malformed, too large a field, or cut off.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        return {}
    fields: dict[str, _Field] = {}
    sink: Sink | None = None
    try:
        with PushMultipartParser(options["boundary"], max_segment_count=MAX_PARTS) as parser:
            while not parser.closed:
                for event in parser.parse(_read(stream)):
                    if isinstance(event, MultipartSegment):
                        named = event.filename is not None
                        sink = open_file(event.name, event.filename) if named else _Field(event.name)
                        if isinstance(sink, _Field):
                            fields[event.name] = sink
                    elif event and sink is not None:
                        sink.write(event)
    except MultipartError as error:
        raise BadRequest(f"Malformed form: {error}") from None
    return {name: field.text() for name, field in fields.items()}


class _Field:
    """The bytes of one text field, bounded."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._value = bytearray()

    def write(self, data: bytes) -> None:
        if len(self._value) + len(data) > MAX_FIELD_BYTES:
            raise BadRequest(f"The form field {self._name} is too long")
        self._value.extend(data)

    def text(self) -> str:
        try:
            text = self._value.decode()
        except UnicodeDecodeError:
            raise BadRequest(f"The form field {self._name} is not UTF-8") from None
        if "\0" in text:
            raise BadRequest(f"The form field {self._name} holds a NUL")
        return text


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(READ_BYTES)
    except (ClientDisconnected, OSError):
        raise BadRequest("The upload was cut off") from None

