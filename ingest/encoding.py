"""Which characters a file's bytes are: text encodings of dBASE tables and CSV files.

What a file says about itself (a code page file, a language byte, a byte order mark) is checked
against its bytes before it is believed; any answer of the GB family becomes GB18030, which
contains the others.
"""

import codecs
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import chardet

Confidence = Literal["certain", "likely", "guess"]

SAMPLE_BYTES: Final = 64 << 20
"""How much of a file is looked at."""

SAMPLE_VALUES: Final = 5_000
"""Values with bytes above 127 that are enough to tell an encoding."""

LANGUAGE_DRIVERS: Final = {
    0x02: "cp850",
    0x03: "cp1252",
    0x13: "cp932",
    0x4D: "GB18030",
    0x4E: "cp949",
    0x4F: "Big5",
    0x57: "cp1252",
    0x58: "cp1252",
    0x64: "cp852",
    0x65: "cp866",
    0x66: "cp865",
    0x78: "Big5",
    0x79: "cp949",
    0x7A: "GB18030",
    0x7B: "cp932",
    0xC8: "cp1250",
    0xC9: "cp1251",
    0xCA: "cp1254",
    0xCB: "cp1253",
}
"""dBASE language driver byte → encoding."""

_GB: Final = frozenset({"gb2312", "gbk", "cp936", "gb18030", "hz-gb-2312", "936", "euc-cn"})

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, how sure it is, and where the knowledge comes from."""

    name: str
    confidence: Confidence
    source: str
    """``ascii``, ``cpg``, ``language byte``, ``byte order mark``, ``bytes`` or ``user``."""
    refuted: str = ""
    """What the file says about itself and its bytes contradict; empty if nothing."""
    evidence: str = ""
    """What the file says of itself, and the first text as it reads."""
    cut: int = 0
    """Values that end in half a character, because their field is too short."""
    cut_example: str = ""


def canonical(name: str) -> str:
    """The encoding under a name that Python and GDAL know; ``""`` if nobody does."""
    bare = name.strip().strip("\x00").lower()
    bare = re.sub(r"^(?:ansi[ _]?|oem[ _]?|windows-)(?=\d)", "cp", bare)
    if bare in _GB:
        return "GB18030"
    bare = "utf-8" if bare in {"65001", "cp65001"} else bare
    bare = "big5" if bare in {"cp950", "950"} else bare
    bare = f"cp{bare}" if bare.isdigit() and len(bare) in {3, 4} else bare
    bare = re.sub(r"^8859[-_]?", "iso-8859-", bare)
    try:
        return codecs.lookup(bare).name
    except LookupError:
        return ""


def decodes(values: list[bytes], encoding: str, *, cut: bool = False) -> bool:
    """Whether every value is valid text; with `cut` its last character may be incomplete."""
    make = codecs.getincrementaldecoder(encoding)
    for value in values:
        try:
            text = make("strict").decode(value, final=not cut)
        except UnicodeDecodeError:
            return False
        if any(char < " " and char not in "\t\r\n" for char in text):
            return False
    return True


def detect(values: list[bytes], claims: list[tuple[str, str]], *, cut: bool = False) -> Encoding:
    """The encoding of values that belong to one file.

    `claims` are what the file says about itself: (source, name), the most trusted first.
    """
    telling = [value for value in values if any(byte > 127 for byte in value)]
    named = [(source, canonical(name)) for source, name in claims]
    if not telling:
        return Encoding("utf-8", "certain", "ascii")
    if decodes(telling, "utf-8", cut=cut):
        refuted = next((name for _, name in named if name and name != "utf-8"), "")
        return Encoding("utf-8", "certain" if len(telling) > 2 else "likely", "bytes", refuted)
    guessed = _from_bytes(telling, cut=cut)
    refuted = ""
    for source, name in named:
        if name and _believable(name, guessed, telling, cut=cut):
            return Encoding(name, "certain" if name == guessed.name else "likely", source, refuted)
        refuted = refuted or name or dict(claims).get(source, "")
    return Encoding(guessed.name, guessed.confidence, "bytes", refuted)


def _believable(claim: str, guessed: Encoding, telling: list[bytes], *, cut: bool) -> bool:
    if not decodes(telling, claim, cut=cut):
        return False
    # nearly every byte string is valid in a single-byte code page: there validity proves nothing
    single_byte = len(bytes(range(0xA1, 0xFF)).decode(claim, "replace")) >= 94
    return not (single_byte and guessed.name in _COMMON and guessed.confidence != "guess")


_COMMON: Final = {
    "GB18030": (range(0xB0, 0xD8), range(0xA1, 0xFF)),
    "big5": (range(0xA4, 0xC7), range(0x40, 0xFF)),
    "cp932": (range(0x82, 0x98), range(0x40, 0xFD)),
    "cp949": (range(0xB0, 0xC9), range(0xA1, 0xFF)),
}
"""Lead and trail bytes of the characters that make up most text in each encoding."""


def _from_bytes(telling: list[bytes], *, cut: bool) -> Encoding:
    valid = [name for name in _COMMON if decodes(telling, name, cut=cut)]
    shares = {name: _share_of_common(telling, name) for name in valid}
    best = max(valid, key=lambda name: shares[name][0], default="")
    if best == "GB18030" and shares.get("cp949", (0.0, 0))[0] == 1.0 and shares[best][1] >= 12:
        best = "cp949"  # Chinese text of that length would leave the rows that hold Hangul
    if best and shares[best][0] >= 0.75:
        return Encoding(best, "likely" if shares[best][1] >= 2 else "guess", "bytes")
    answer = chardet.detect(b"\n".join(telling))
    name, sure = canonical(answer["encoding"] or ""), (answer["confidence"] or 0.0) >= 0.6
    runs = re.findall(rb"[\x80-\xff]+", b"\n".join(telling))
    western = sum(len(run) == 1 for run in runs) >= 0.8 * len(runs)  # one accent at a time
    if not sure and western and decodes(telling, "cp1252"):
        name = "cp1252"
    if name.startswith(_PLAUSIBLE) and decodes(telling, name, cut=cut):
        return Encoding(name, "likely" if sure else "guess", "bytes")
    return Encoding("latin-1", "guess", "bytes")


_PLAUSIBLE: Final = ("cp125", "iso8859", "koi8", "euc", "cp932", "cp949", "cp874", "big5", "GB")


def _share_of_common(telling: list[bytes], encoding: str) -> tuple[float, int]:
    leads, trails = _COMMON[encoding]
    make = codecs.getincrementaldecoder(encoding)
    text = "".join(make().decode(value, final=False) for value in telling)
    wide = [char.encode(encoding) for char in text if char > "\x7f"]
    common = sum(len(each) == 2 and each[0] in leads and each[1] in trails for each in wide)
    return common / max(len(wide), 1), len(wide)


def dbf_encoding(path: Path) -> Encoding:
    """The encoding of the dBASE table at `path`, from its bytes, code page file and header.

    A last character that the width of its field cuts in half does not count against an
    encoding. A table that is missing or broken is taken as UTF-8.
    """
    if not path.is_file():
        return Encoding("utf-8", "certain", "ascii")
    claims = []
    for suffix in (".cpg", ".CPG", ".Cpg"):
        sidecar = path.with_suffix(suffix)
        if sidecar.is_file():
            claims.append(("cpg", sidecar.read_text("ascii", "replace").strip()[:40]))
            break
    with path.open("rb") as file:
        header = file.read(32)
        if len(header) < 32:
            return Encoding("utf-8", "certain", "ascii")
        driver = LANGUAGE_DRIVERS.get(header[29])
        if driver:
            claims.append(("language byte", driver))
        values = list(_dbf_values(file.read(SAMPLE_BYTES), header))
    return _with_evidence(detect(values, claims, cut=True), values, claims)


def _with_evidence(found: Encoding, values: list[bytes], claims: list[tuple[str, str]]) -> Encoding:
    telling = [value for value in values if not value.isascii()]
    if not telling:
        return found
    make = codecs.getincrementaldecoder(found.name)
    halves = [value for value in telling if not decodes([value], found.name)]
    texts = [make("replace").decode(value) for value in (telling[0], *halves[:1])]
    said = [f"the {source} says {name or 'nothing'}" for source, name in claims]
    return replace(
        found,
        evidence="; ".join([*said, f"read as {found.name} the first text is {texts[0][:30]!r}"]),
        cut=len(halves),
        cut_example=texts[-1][:40] if halves else "",
    )


def _dbf_values(body: bytes, header: bytes) -> Iterator[bytes]:
    size, width = struct.unpack_from("<HH", header, 8)
    names, spans = _dbf_fields(body[: max(0, size - 32)])
    yield from names
    found = 0
    for at in range(max(0, size - 32), len(body), max(width, 1)):
        record = body[at : at + width]
        if record.isascii():
            continue
        for left, right in spans:
            value = record[left:right].rstrip(b" \x00")
            if not value.isascii():
                found += 1
                yield value
        if found > SAMPLE_VALUES:
            return


def _dbf_fields(descriptors: bytes) -> tuple[list[bytes], list[tuple[int, int]]]:
    names, spans, start = [], [], 1
    for at in range(0, len(descriptors) - 31, 32):
        descriptor = descriptors[at : at + 32]
        if descriptor[0] == 0x0D:
            break
        names.append(descriptor[:11].split(b"\x00")[0])
        is_text = descriptor[11:12] == b"C"
        width = descriptor[16] + (descriptor[17] << 8 if is_text else 0)
        if is_text:
            spans.append((start, start + width))
        start += width
    return names, spans


def text_encoding(path: Path) -> Encoding:
    """The encoding of the text file at `path`; UTF-8 only if all of it is valid UTF-8."""
    with path.open("rb") as file:
        head = file.read(4)
        for mark, name in _BOMS:
            if head.startswith(mark):
                return Encoding(name, "certain", "byte order mark")
        file.seek(0)
        if _all_utf8(file.read(1 << 20), iter(lambda: file.read(1 << 20), b"")):
            return Encoding("utf-8", "certain", "bytes")
        file.seek(0)
        lines = file.read(SAMPLE_BYTES // 16).splitlines()
    return detect([line for line in lines if not line.isascii()][:SAMPLE_VALUES], [], cut=True)


def _all_utf8(first: bytes, rest: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        decoder.decode(first)
        for block in rest:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
