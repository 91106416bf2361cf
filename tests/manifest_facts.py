"""What MANIFEST.tsv says of a real file, taken apart: which kind it is, and numbers to compare."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Box = tuple[float, ...]

KINDS: Final = (
    ("broken", r"^deliberately broken"),
    ("sidecar", r"^(sidecar|DBF )"),
    ("citygml", r"^CityGML "),
    ("cityjson", r"^version="),
    ("raster", r"^(GTiff|AAIGrid|SRTMHGT) "),
    ("ifc", r"(^|; ?)schema=IFC|^ifcXML"),
    ("osm", r"^OSM nodes"),
    ("pointcloud", r"^LAS "),
    ("epanet", r"^EPANET"),
    ("swmm", r"^SWMM"),
    ("gtfs", r"^GTFS"),
    ("aequilibrae", r"^AequilibraE"),
    ("landxml", r"^LandXML"),
    ("epw", r"^EPW"),
    ("parquet", r"^\d+ rows, cols="),
    ("json", r"^JSON dict"),
    ("features", r"^[^:;|]+: \d+ \w+"),
    ("text", r"^text, "),
)
"""Kind of a file → pattern of its ``contents``, the first that fits."""

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|inf|-inf"


@dataclass(frozen=True, slots=True)
class Facts:
    """One row of the manifest."""

    path: str
    crs: str
    contents: str
    expected: str
    note: str

    @property
    def kind(self) -> str:
        """One of `KINDS`; ``""`` if the manifest says nothing of what is in it."""
        found = (kind for kind, pattern in KINDS if re.search(pattern, self.contents))
        return next(found, "")

    def number(self, name: str) -> float:
        """The number after ``name=``, NaN if it is not told."""
        for text in (self.contents, self.expected):
            found = re.search(rf"(?<!\w){re.escape(name)}=({_NUMBER})", text)
            if found:
                return float(found[1])
        return float("nan")

    def counts(self) -> dict[str, int]:
        """Every ``Name=123`` of the contents."""
        return {name: int(n) for name, n in re.findall(r"\b([A-Za-z]\w*)=(\d+)\b", self.contents)}

    def boxes(self) -> dict[str, Box]:
        """Every ``name bbox=[…]``; the name is empty where there is none."""
        found = re.findall(r"(?:(\S+) )?bbox=\[([^\]]*)\]", self.expected)
        return {name: tuple(map(float, numbers.split(","))) for name, numbers in found}

    def table(self, name: str, where: str = "") -> Mapping[Any, int]:
        """The dictionary after ``name``."""
        found = re.search(rf"{re.escape(name)}[ =](\{{[^}}]*\}})", where or self.expected)
        return ast.literal_eval(found[1].replace("nan:", "None:")) if found else {}

    def envelope(self) -> tuple[Box, Box] | None:
        """Lower and upper corner of a CityGML envelope, in the order in which it is written."""
        found = re.search(r"envelope ([-\d. ]+) / ([-\d. ]+)", self.expected)
        if not found:
            return None
        low, high = (tuple(map(float, each.split())) for each in found.groups())
        return low, high

    def features(self) -> int | None:
        """Features of all layers, if told."""
        counts = re.findall(r"(?:^|\| )[^:|]+: (\d+) [^|]*?, \d+ fields", self.contents)
        return sum(map(int, counts)) if counts else None

    def statistics(self) -> dict[str, dict[str, float]]:
        """Field → n, min, max, sum of its numbers."""
        found = re.findall(
            rf"(\w+): n=(\d+) min=({_NUMBER}) max=({_NUMBER}) sum=({_NUMBER})", self.expected
        )
        return {
            name: dict(zip(("n", "min", "max", "sum"), map(float, numbers), strict=True))
            for name, *numbers in found
        }

    def bands(self) -> dict[int, dict[str, float]]:
        """Band → min, max, mean and number of valid pixels."""
        pattern = rf"b(\d+) min=({_NUMBER}) max=({_NUMBER}) mean=({_NUMBER}) valid=(\d+)"
        return {
            int(band): dict(zip(("min", "max", "mean", "valid"), map(float, numbers), strict=True))
            for band, *numbers in re.findall(pattern, self.expected)
        }

    def grid(self) -> tuple[int, int, int, str]:
        """Columns, rows, bands and dtype of a raster."""
        found = re.search(r"(\d+)x(\d+)x(\d+) (\w+)", self.contents)
        assert found, self.contents
        return int(found[1]), int(found[2]), int(found[3]), found[4]


def facts_of(path: str, row: Mapping[str, str]) -> Facts:
    """The facts in one row of the manifest."""
    return Facts(path, row["crs"], row["contents"], row["expected_facts"] or "", row["note"] or "")
