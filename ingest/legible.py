"""Text of files whose format prescribes UTF-8 and whose authors did not know."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cim.model import Finding
from ingest.encoding import canonical, detect, text_encoding
from ingest.features import Log

_BLOCK = 4 << 20


def as_utf8(path: Path, packed: bool, given: str, work: Path, log: Log) -> Path:
    """A copy of the text file `path` in UTF-8, in `work`; gzip is unpacked.

    `given` is the encoding that the user names; else it is told from the bytes.
    """
    plain = path
    if packed:
        plain = work / f"{path.stem}.packed"
        with gzip.open(path) as source, plain.open("wb") as out:
            while block := source.read(_BLOCK):
                out.write(block)
    encoding = canonical(given) if given else text_encoding(plain).name
    copy = work / (path.stem if packed else path.name)
    with (
        plain.open(encoding=encoding, errors="replace", newline="") as text,
        copy.open("w", encoding="utf-8", newline="") as written,
    ):
        while part := text.read(_BLOCK):
            written.write(part)
    if not given:
        message = f"the format is UTF-8 text, but the bytes of this file are {encoding}"
        hint = "look at the names; if they are garbled set the encoding"
        log.note(Finding("warning", "encoding_contradicted", message, hint))
    return copy


def readable(names: Sequence[str], columns: Sequence[pa.Array], log: Log) -> list[pa.Array]:
    """The columns as plain Arrow types whose text can be read.

    Fields of mixed types come as text. Bytes that are no UTF-8 are read in the encoding that they
    look like, which is told.
    """
    found = []
    for name, column in zip(names, columns, strict=True):
        plain = column.storage if isinstance(column, pa.ExtensionArray) else column
        is_text = pa.types.is_string(plain.type) or pa.types.is_large_string(plain.type)
        found.append(_valid(name, plain, log) if is_text else plain)
    return found


def without_nul(column: pa.Array) -> pa.Array:
    """The column with the replacement character for NUL, which no PostgreSQL text can hold."""
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if not is_text or not pc.any(pc.match_substring(column, "\0")).as_py():
        return column
    return pc.replace_substring(column, "\0", "\N{REPLACEMENT CHARACTER}")


def _valid(name: str, column: pa.Array, log: Log) -> pa.Array:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        pass
    else:
        return column
    kind = pa.binary() if pa.types.is_string(column.type) else pa.large_binary()
    raw = column.view(kind).to_pylist()
    encoding = detect([each for each in raw if each], []).name
    log.count(
        "encoding_contradicted",
        f"text of the field {name!r} that is not UTF-8 and was read as {encoding}",
        "look at the names",
        sum(each is not None and not _is_utf8(each) for each in raw),
    )
    texts = [None if each is None else _decoded(each, encoding) for each in raw]
    return pa.array(texts, column.type)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(raw: bytes, encoding: str) -> str:
    return raw.decode() if _is_utf8(raw) else raw.decode(encoding, "replace")
