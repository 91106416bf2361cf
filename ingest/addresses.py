"""Which layers a file of features has, and how GDAL gets at each."""

import codecs
import gzip
import re
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

import pyogrio

from cim.model import Finding
from ingest.encoding import Encoding, canonical, dbf_encoding
from ingest.features import Log
from ingest.gdal_layers import Address, gdal_said
from ingest.guard import UNPACKING, member_name
from ingest.legible import as_utf8
from ingest.mapinfo import legible
from ingest.reader import ReadOptions, refuse

JSON_SUFFIXES: Final = (".geojson.gz", ".json.gz", ".geojson", ".json")
WGS84_SUFFIXES: Final = (".kml", ".kmz", ".gpx", ".geojsonl", ".geojsons")
"""Formats besides GeoJSON whose standard knows one coordinate system only."""

MAPINFO_SUFFIXES: Final = (".tab", ".mif")

ZIPPED_SUFFIXES: Final = (".shp", ".gpkg", ".geojson", ".fgb", ".kml", ".tab", ".mif")
"""What may be in a zip file."""

UNPACKED_LIMIT: Final = 32 << 30
"""Bytes that a zip file may unpack to."""


def addresses(path: Path, options: ReadOptions, work: Path, log: Log) -> list[Address]:
    """Every layer with a geometry in `path`; a zip file is unpacked to `work`.

    Raises
    ------
    SourceError
        If the file cannot be opened or has no such layer.

    """
    name = path.name.lower()
    if name.endswith(".zip") and not name.endswith(".gdb.zip"):
        files = _unpacked(path, work)
        return [each for file in files for each in addresses(file, options, work, log)]
    if name.endswith(".shp"):
        return [_shapefile(path, options, log)]
    if name.endswith(JSON_SUFFIXES):
        return [_geojson(path, options, work, log)]
    return list(_listed(path, options, work, log))


def _shapefile(path: Path, options: ReadOptions, log: Log) -> Address:
    tables = (path.with_suffix(each) for each in (".dbf", ".DBF", ".Dbf"))
    found = dbf_encoding(
        next((each for each in tables if each.is_file()), path.with_suffix(".dbf"))
    )
    encoding = canonical(options.encoding) if options.encoding else found.name
    if not encoding:
        raise refuse(path, f"no encoding {options.encoding!r}", "such as UTF-8 or GB18030")
    if not options.encoding:
        log.findings += _encoding_findings(found)
    with gdal_said(path, log):
        total = int(pyogrio.read_info(path, ENCODING=encoding)["features"])
    return Address(path, str(path), path.stem, "", "sidecar", encoding, total, text=encoding)


def _encoding_findings(found: Encoding) -> Iterator[Finding]:
    fix = {"encoding": found.name}
    if found.refuted:
        message = f"the file says its text is {found.refuted}, but its bytes are {found.name}"
        hint = "look at the names"
        yield Finding("warning", "encoding_contradicted", message, hint, found.evidence, fix)
    elif found.confidence == "guess":
        message = f"nobody says how the text is encoded; {found.name} is a guess from its bytes"
        hint = "look at the names, set the encoding"
        yield Finding("warning", "encoding_guessed", message, hint, found.evidence, fix)
    elif found.source == "bytes":
        message = f"nobody says how the text is encoded; its bytes are {found.name}"
        yield Finding("info", "encoding_detected", message, "", found.evidence)
    if found.cut:
        message = f"{found.cut} texts end in half a character, which their field had no room for"
        told = f"such as {found.cut_example!r}"
        hint = "the half was left out; export with longer fields to have the whole"
        yield Finding("info", "character_cut", message, hint, told)


_FEATURE: Final = re.compile(rb'"type"\s*:\s*"Feature"')
_CRS: Final = re.compile(rb'"crs"\s*:\s*\{')


def _geojson(path: Path, options: ReadOptions, work: Path, log: Log) -> Address:
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            count, states_crs, is_utf8 = _scanned(cast(BinaryIO, file))
        location = f"/vsigzip/{path.resolve()}" if packed else str(path)
        if not is_utf8:
            location = str(as_utf8(path, packed, options.encoding, work, log))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise refuse(path, f"it cannot be unpacked: {error}", "get the file again") from None
    name = re.split(r"\.(?:geo)?json", path.name, flags=re.IGNORECASE)[0]
    source = "file" if states_crs else "format"
    return Address(path, location, name, "", source, "", total=max(count, 1))


def _scanned(file: BinaryIO) -> tuple[int, bool, bool]:
    """(features, whether a CRS is stated, whether it is UTF-8) of GeoJSON, without parsing it."""
    count, states_crs, is_utf8, tail = 0, False, True, b""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    for block in iter(lambda: file.read(4 << 20), b""):
        text = tail + block
        ends = [found.end() for found in _FEATURE.finditer(text)]
        count += len(ends)
        states_crs = states_crs or _CRS.search(text) is not None
        tail = text[max(ends[-1] if ends else 0, len(text) - 64) :]
        is_utf8 = is_utf8 and _decodes(decoder, block)
    return count, states_crs, is_utf8 and _decodes(decoder, b"", final=True)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _listed(path: Path, options: ReadOptions, work: Path, log: Log) -> Iterator[Address]:
    location, encoding = _openable(path, options, work, log)
    with gdal_said(path, log):
        listed = pyogrio.list_layers(location).tolist()
    shapes = [str(name) for name, kind in listed if kind is not None]
    bare = ", ".join(str(name) for name, kind in listed if kind is None)
    if not shapes:
        raise refuse(path, "none of its layers has a geometry", f"layers: {bare or 'none'}")
    if bare:
        message = f"layers without geometry are left out: {bare}"
        log.note(Finding("info", "layer_without_geometry", message))
    source = "format" if path.name.lower().endswith(WGS84_SUFFIXES) else "file"
    for name in shapes:
        with gdal_said(path, log):
            info = pyogrio.read_info(location, layer=name)
        total = int(info["features"])
        known = total if total >= 0 else None
        alone = len(shapes) == 1
        yield Address(path, str(location), name, name, source, "", known, alone, encoding)


def _openable(path: Path, options: ReadOptions, work: Path, log: Log) -> tuple[Path, str]:
    """What GDAL opens for `path`, and how its text is encoded if that is not plain.

    A copy of a GeoPackage lacks the declarations that the driver cannot open; one of a MapInfo
    file says the truth about its text.
    """
    if path.suffix.lower() in MAPINFO_SUFFIXES:
        return legible(path, options, work, log)
    if path.suffix.lower() != ".gpkg" or not _declares_surfaces(path):
        return path, ""
    copy = work / path.name
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as file, file:
        file.execute(
            "UPDATE gpkg_geometry_columns SET geometry_type_name = 'MULTIPOLYGON'"
            " WHERE upper(geometry_type_name) IN ('POLYHEDRALSURFACE', 'TIN', 'TRIANGLE')"
        )
    return copy, ""


def _declares_surfaces(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            declared = file.execute("SELECT geometry_type_name FROM gpkg_geometry_columns")
            return any(str(name).upper() in SURFACES for (name,) in declared)
    except (sqlite3.Error, UnicodeDecodeError):
        return False  # GDAL tells what is wrong with it


SURFACES: Final = frozenset({"POLYHEDRALSURFACE", "TIN", "TRIANGLE"})
"""Geometry types that the driver does not open."""


def _unpacked(path: Path, work: Path) -> list[Path]:
    """The files of features in a zip file, each unpacked with what lies beside it."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = [each for each in packed.infolist() if not each.is_dir()]
            if sum(each.file_size for each in members) > UNPACKED_LIMIT:
                raise refuse(path, "it unpacks to more than 32 GiB", "unpack it, load its parts")
            folders = sorted({PurePosixPath(member_name(each)).parent for each in members})
            for each in members:
                name = PurePosixPath(member_name(each))
                # own folder names: those in the file may lead anywhere
                _extract(packed, each, work / str(folders.index(name.parent)) / name.name)
    except UNPACKING as error:
        raise refuse(path, f"it cannot be unpacked: {error}", "zip it again") from None
    found = sorted(each for each in work.rglob("*") if each.suffix.lower() in ZIPPED_SUFFIXES)
    if not found:
        raise refuse(path, "no shapefile, GeoPackage or GeoJSON is in it", "look into the zip file")
    return found


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as source, target.open("wb") as out:
        while block := source.read(1 << 20):
            out.write(block)


def holds_features(path: Path) -> bool:
    """Whether a zip file holds a file of features."""
    try:
        with zipfile.ZipFile(path) as packed:
            return any(each.lower().endswith(ZIPPED_SUFFIXES) for each in packed.namelist())
    except UNPACKING:
        return False
