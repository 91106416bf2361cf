"""Damage to files as transfers, disks and editors do it, always the same for the same seed."""

import io
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

Change = Callable[[bytearray, random.Random], bytearray]

ABSURD: Final = (b"nan", b"-1", b"1e400", b"99999999999999999999", b"0", b"", b"inf", b"x")
"""What numbers may become."""


def _stretch(body: bytearray, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(body))
    return start, min(len(body), start + chance.choice((1, 4, 16, 64, 512)))


def cut(body: bytearray, chance: random.Random) -> bytearray:
    return body[: chance.randrange(1, len(body) + 1)]


def flip(body: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 8, 32))):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return body


def remove(body: bytearray, chance: random.Random) -> bytearray:
    start, end = _stretch(body, chance)
    return body[:start] + body[end:]


def double(body: bytearray, chance: random.Random) -> bytearray:
    start, end = _stretch(body, chance)
    return body[:end] + body[start:]


def blank(body: bytearray, chance: random.Random) -> bytearray:
    start, end = _stretch(body, chance)
    body[start:end] = bytes([chance.choice((0, 32, 255))]) * (end - start)
    return body


def absurd(body: bytearray, chance: random.Random) -> bytearray:
    """One number of a text becomes another, or none."""
    numbers = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?(?![\w.])", bytes(body)))
    if not numbers:
        return flip(body, chance)
    found = chance.choice(numbers)
    return body[: found.start()] + chance.choice(ABSURD) + body[found.end() :]


def swap(body: bytearray, chance: random.Random) -> bytearray:
    """Two lines change places, or one is lost."""
    lines = bytes(body).splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    if chance.random() < 0.3:
        del lines[one]
    return bytearray(b"".join(lines))


CHANGES: Final[tuple[Change, ...]] = (cut, flip, remove, double, blank, absurd, swap)


def mutated(body: bytes, chance: random.Random) -> bytes:
    """`body` damaged; of a zip file mostly one of the files in it."""
    if not body:
        return body
    if zipfile.is_zipfile(io.BytesIO(body)) and chance.random() < 0.75:
        return _packed(body, chance)
    return bytes(chance.choice(CHANGES)(bytearray(body), chance))


def _packed(body: bytes, chance: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as old:
        inside = {each: old.read(each) for each in old.namelist()}
    chosen = chance.choice(sorted(inside))
    inside[chosen] = mutated(inside[chosen], chance)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in inside.items():
            new.writestr(name, content)
    return made.getvalue()


def damage(folder: Path, seed: str) -> str:
    """Damages one of the files in `folder`; says which."""
    chance = random.Random(seed)
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    file = chance.choice(files)
    file.write_bytes(mutated(file.read_bytes(), chance))
    return file.name
