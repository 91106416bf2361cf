"""Rasters: terrain, imagery, land cover, population; understood, checked, written as COGs.

Pixels keep their grid and their CRS. Only a grid that is turned, mirrored or tied to control
points is resampled to a north-up one.
"""

import shutil
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.shutil
from pyproj import CRS
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT

from cim.cog import degrees_of, write_cog
from cim.errors import CimError
from cim.geodesy import OFFSET_SYSTEMS, named_crs
from cim.model import Coverage, Finding
from cim.store.coverages import sha256_of
from ingest import referencing
from ingest.bands.names import band_names
from ingest.raster.contents import bands_of, day_of, kind_of, statistics
from ingest.reader import Reader, Reading, ReadOptions, refuse

DRIVERS: Final[Mapping[str, str]] = {
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".hgt": "SRTMHGT",
    ".hgt.zip": "SRTMHGT",
    ".asc": "AAIGrid",
    ".img": "HFA",
    ".jp2": "JP2OpenJPEG",
}
"""The one GDAL driver that may open a file; what else a file pretends to be is not tried."""

CACHE: Final = 128 * 2**20
"""Bytes of pixels that GDAL keeps."""

LARGEST: Final = 64 * 2**30
"""Bytes without compression above which a raster is refused."""

EXACT: Final = frozenset({"land_cover", "hazard", "other"})
"""Kinds whose values are codes, between which nothing can be interpolated."""

COPY_AGAIN: Final = "the file is damaged or cut off; copy or download it again"


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    with careful(path), ExitStack() as stack:
        if path.suffix.lower() == ".vrt":
            _check_sources(path)
        dataset = stack.enter_context(rasterio.open(path, driver=_driver(path)))
        return understood(path, dataset, options, work)


def _driver(path: Path) -> str:
    name = path.name.lower()
    return next((driver for suffix, driver in DRIVERS.items() if name.endswith(suffix)), "VRT")


@contextmanager
def careful(path: Path) -> Iterator[None]:
    """GDAL with bounded memory; what it raises becomes an error that says what to do."""
    env = rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_PAM_ENABLED=True, VSI_CACHE=False)
    try:
        with env, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield
    except CimError:
        raise
    except (RasterioError, CPLE_BaseError, OSError, ValueError) as error:  # copies raise it bare
        reason = str(error.__cause__ or error).strip().replace(str(path), path.name)
        raise refuse(path, f"cannot be read as a raster: {reason[:200]}", COPY_AGAIN) from None


def _check_sources(path: Path) -> None:
    """Refuse a VRT that leads out of its own folder."""
    try:
        root = ET.fromstring(path.read_bytes())  # noqa: S314  # entities are refused below
    except ET.ParseError as error:
        raise refuse(path, f"no VRT: {error}", COPY_AGAIN) from None
    if b"<!" in path.read_bytes():
        raise refuse(path, "a VRT must not declare entities", "write it again with gdalbuildvrt")
    folder = path.parent.resolve()
    for source in root.iter():
        if not source.tag.lower().endswith(("filename", "dataset")) or not source.text:
            continue
        inside = (folder / source.text.strip()).resolve()
        if source.get("relativeToVRT") != "1" or not inside.is_relative_to(folder):
            hint = "put its files beside it and use relative paths"
            raise refuse(
                path, f"it refers to {source.text.strip()[:80]!r} outside its folder", hint
            )
        if inside.suffix.lower() not in DRIVERS:
            raise refuse(
                path,
                f"it refers to {inside.name!r}, which is no plain raster",
                "convert it to GeoTIFF",
            )


def understood(path: Path, dataset: Any, options: ReadOptions, work: Path) -> Reading:
    """An open raster as a reading with one coverage, written into `work`; `path` names it.

    Raises
    ------
    SourceError
        If it holds no values, or is nowhere.
    ParamError
        If the kind or the day given by the user is none.
    """
    _check_size(path, dataset)
    found = statistics(dataset)
    if all(each.minimum is None for each in found):
        hint = f"every pixel has the value {dataset.nodata}, which means nodata; is that right?"
        raise refuse(path, "it holds no values at all", hint)
    place = _location(path, dataset, options)
    kind, remark = kind_of(path, dataset, found, options.kind)
    names, named = band_names(path, dataset, options.fields)
    findings = [*place.findings, *remark, *named, *_doubts(dataset, kind)]
    crs = named_crs(place.crs) if place.crs else None
    reading = Reading(
        place.crs,
        "sidecar" if place.source == "file" and path.suffix.lower() == ".asc" else place.source,
        total=1,
        height_datum=options.height_datum or _datum(dataset, crs),
        findings=findings,
    )
    if crs is None:
        return reading
    target = work / "coverage.tif"
    with ExitStack() as stack:
        upright, turned = _upright(path, dataset, crs, kind, stack)
        if turned:
            findings.append(Finding("warning", "resampled", turned))
        _write(upright, target, kind, _with_crs(dataset, upright, options, crs, work))
        bounds, across = _bounds(crs, upright)
        findings += across
        coverage = Coverage(
            name=path.stem,
            kind=kind,
            path=target,
            crs=place.crs,
            bounds=bounds,
            width=upright.width,
            height=upright.height,
            bands=bands_of(dataset, found, names),
            valid_from=day_of(path, dataset, options.valid_from),
            sha256=sha256_of(target),
        )
    reading.coverages = [coverage]
    return reading


def _check_size(path: Path, dataset: Any) -> None:
    item = max(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    if dataset.width * dataset.height * dataset.count * item > LARGEST:
        size = f"{dataset.width} by {dataset.height} pixels"
        raise refuse(path, f"{size} are too many for one file", "divide it into tiles")
    if any(dtype.startswith("complex") for dtype in dataset.dtypes):
        raise refuse(path, "its values are complex numbers", "write amplitude or phase instead")


def _location(path: Path, dataset: Any, options: ReadOptions) -> referencing.Location:
    """Where the raster is.

    Raises
    ------
    SourceError
        If it is nowhere: a picture without position, or in a system with a secret offset.
    """
    points, points_crs = dataset.gcps
    if dataset.transform.is_identity and not points:
        hint = "give it a position with gdal_translate -a_ullr, or keep its .tfw beside it"
        raise refuse(path, "it is a picture without a position", hint)
    stated = dataset.crs or points_crs
    box = np.array([_box(dataset)]) if not points else np.empty((0, 4))
    place = referencing.locate(stated.to_wkt() if stated else "", "file", options.crs, box)
    if not place.crs and not stated and not points:
        place = replace(place, findings=tuple(_with_guess(place.findings, dataset)))
    if place.crs in OFFSET_SYSTEMS:
        hint = "georeference it in EPSG:4490 with control points"
        raise refuse(path, f"a raster cannot be in {place.crs}, whose offset bends it", hint)
    return place


def _with_guess(findings: Iterable[Finding], dataset: Any) -> Iterator[Finding]:
    """The findings, with degrees proposed if the cells are a whole number of arc seconds.

    A model in a laboratory has small coordinates too, but no such cells.
    """
    side, (west, south, east, north) = abs(dataset.transform.a), _box(dataset)
    seconds = side * 3600
    whole = seconds if seconds >= 1 else 1 / max(seconds, 1e-9)
    in_degrees = west >= -180.01 and east <= 180.01 and south >= -90.01 and north <= 90.01
    for each in findings:
        if each.code == "crs_missing" and in_degrees and abs(whole - round(whole)) < 1e-3:
            evidence = f"cells of {seconds:.4g} arc seconds, from {west:.4f} {south:.4f}"
            hint = "set the CRS; its cells are those of a grid in degrees: EPSG:4326"
            fix = {"crs": "EPSG:4326"}
            yield replace(each, hint=hint, evidence=evidence, fix=fix)
        else:
            yield each


def _box(dataset: Any) -> tuple[float, float, float, float]:
    a, b, c, d, e, f = dataset.transform[:6]
    corners = [(i, j) for i in (0, dataset.width) for j in (0, dataset.height)]
    x = [a * i + b * j + c for i, j in corners]
    y = [d * i + e * j + f for i, j in corners]
    return min(x), min(y), max(x), max(y)


def _doubts(dataset: Any, kind: str) -> Iterator[Finding]:
    if kind in {"terrain", "surface"} and dataset.nodata == 0:
        message = "0 is said to mean nodata; that would also hide ground at sea level"
        yield Finding("warning", "nodata_zero", message, "set another nodata value if there is any")
    if len(dataset.subdatasets) > 1:
        message = f"the file holds {len(dataset.subdatasets)} rasters; the first was taken"
        yield Finding("warning", "subdatasets", message, "extract the others with gdal_translate")


def _datum(dataset: Any, crs: CRS | None) -> str:
    """Height datum, where the file or its format states it."""
    if dataset.driver == "SRTMHGT":
        return "EGM96 height"
    if crs is not None and crs.is_compound:
        return str(crs.sub_crs_list[1].name)
    return ""


def _upright(path: Path, dataset: Any, crs: CRS, kind: str, stack: ExitStack) -> tuple[Any, str]:
    """`dataset` with north up, and what had to be done for it."""
    points, _ = dataset.gcps
    transform = dataset.transform
    straight = transform.b == transform.d == 0 and transform.a > 0 and transform.e < 0
    if straight and not (points and transform.is_identity):
        return dataset, ""
    if dataset.crs is None and not points:
        raise refuse(path, "its grid is turned and its CRS unknown", "warp it with gdalwarp")
    plain = rasterio.crs.CRS.from_wkt(crs.to_wkt())
    empty: dict[str, Any] = {}
    if dataset.nodata is None:
        floating = np.dtype(dataset.dtypes[0]).kind == "f"
        empty = {"nodata": np.nan} if floating else {"add_alpha": True}
    vrt = WarpedVRT(
        dataset,
        src_crs=plain,
        crs=plain,
        resampling=Resampling.nearest if kind in EXACT else Resampling.bilinear,
        **empty,
    )
    why = "tied to control points" if points else "turned or mirrored"
    return stack.enter_context(vrt), f"its grid is {why}; it was resampled with north up"


def _with_crs(
    dataset: Any, upright: Any, options: ReadOptions, crs: CRS, work: Path
) -> Path | None:
    """A VRT in `work` that gives a north-up `dataset` the user's CRS; None if it has it."""
    if not options.crs or upright is not dataset:
        return None
    virtual = work / "source.vrt"
    rasterio.shutil.copy(dataset, virtual, driver="VRT")
    tree = ET.parse(virtual)  # noqa: S314  # GDAL has just written it
    root = tree.getroot()
    for old in root.findall("SRS"):
        root.remove(old)
    system = ET.Element("SRS", dataAxisToSRSAxisMapping="1,2")
    system.text = crs.to_wkt()
    root.insert(0, system)
    tree.write(virtual)
    return virtual


def _write(upright: Any, target: Path, kind: str, virtual: Path | None) -> None:
    """The COG; a file that already is one is copied as it is."""
    structure = upright.tags(ns="IMAGE_STRUCTURE")
    if structure.get("LAYOUT") == "COG" and virtual is None and upright.driver == "GTiff":
        shutil.copyfile(upright.name, target)
        return
    palette = upright.count == 1 and upright.colorinterp[0].name == "palette"
    packed = "NBITS" in upright.tags(1, ns="IMAGE_STRUCTURE")
    source = upright if virtual is None else virtual
    write_cog(source, target, exact=kind in EXACT or palette, predictor=not packed)


def _bounds(crs: CRS, upright: Any) -> tuple[tuple[float, float, float, float], Iterable[Finding]]:
    """Bounds in degrees; a raster across the 180th meridian ends east of 180."""
    west, south, east, north = degrees_of(crs, upright.bounds)
    if west <= east:
        return (west, south, east, north), ()
    message = f"it lies across the 180th meridian, from {west:.2f} to {east:.2f} degrees"
    return (west, south, east + 360, north), (Finding("info", "dateline", message),)


RASTER: Final = Reader(
    "raster",
    "Raster (GeoTIFF, SRTM, ASCII grid, Imagine, JPEG 2000)",
    (".hgt.zip", ".tiff", ".tif", ".hgt", ".asc", ".img", ".vrt", ".jp2"),
    _open,
)
