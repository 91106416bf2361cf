"""CityGML 1.0, 2.0 and 3.0 and Project PLATEAU: objects, thematic surfaces, footprints.

A file is read as a stream, member by member, so that its size does not matter; what members
refer to in one another is found in a second pass. Only files that have such references, or
appearances for the whole city, are read more than once.
"""

from pathlib import Path
from typing import Final

from ingest.citygml.source import SUFFIXES, is_citygml
from ingest.reader import Reader, Reading, ReadOptions


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    from ingest.citygml.reading import open_citygml  # noqa: PLC0415  # lxml, when it is needed

    return open_citygml(path, options, work)


CITYGML: Final = Reader("citygml", "CityGML and PLATEAU", SUFFIXES, _open, is_citygml)
