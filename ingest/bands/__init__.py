"""Band sets: the files of a Sentinel-2 or Landsat scene as one image with named bands."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import rasterio

from cim.cog import write_cog
from cim.model import Finding
from ingest.bands.calibration import calibrated
from ingest.bands.sets import Measured, Scene, listing, scenes
from ingest.raster import careful, understood
from ingest.reader import Reader, Reading, ReadOptions, refuse

GDAL_TYPES: Final = {
    "uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32",
}  # fmt: skip

FILLED: Final = 0
"""What Sentinel-2 and Landsat write where the scene does not reach."""


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    found = listing(path)
    readings = []
    for number, plain in enumerate(scenes(found)):
        folder = work / str(number)
        folder.mkdir()
        readings.append(_read(path, calibrated(plain, found), options, folder))
    if not readings:
        hint = "a scene has a file for each band, such as …_B04.jp2 or …_SR_B4.TIF"
        raise refuse(path, "no bands of a satellite scene are in it", hint)
    first = readings[0]
    if any(one.crs != other.crs for one, other in pairwise(readings)):
        first.findings.append(
            Finding("info", "several_zones", "its scenes are in different coordinate systems")
        )
    for other in readings[1:]:
        first.coverages += other.coverages
        first.findings += other.findings
    first.total = len(readings)
    return first


def _read(path: Path, scene: Scene, options: ReadOptions, folder: Path) -> Reading:
    virtual, target = folder / "scene.vrt", folder / f"{scene.name}.tif"
    given = replace(
        options,
        kind=options.kind or "imagery",
        valid_from=options.valid_from or scene.day,
    )
    with careful(path):
        repeated = _stack(path, scene, virtual)
        write_cog(virtual, target, exact=False)
        with rasterio.open(target, driver="GTiff") as dataset:
            reading = understood(target, dataset, given, folder)
    target.unlink()
    reading.findings += _remarks(scene, repeated)
    return reading


def _remarks(scene: Scene, repeated: list[str]) -> list[Finding]:
    message = f"{scene.sensor} scene {scene.name}: {', '.join(scene.bands)}"
    each = next(iter(scene.bands.values()))
    evidence = f"reflectance = number x {each.scale:g} {each.offset:+g}"
    found = [Finding("info", "scene", message, evidence=evidence)]
    if scene.left_out:
        message = f"bands that show no ground were left out: {', '.join(scene.left_out)}"
        found.append(Finding("info", "bands_left_out", message))
    if repeated:
        message = f"{', '.join(repeated)} have larger cells, which were divided into equal ones"
        found.append(Finding("info", "bands_repeated", message))
    return found + [Finding(*remark) for remark in scene.remarks]  # type: ignore[arg-type]


def _stack(path: Path, scene: Scene, virtual: Path) -> list[str]:
    """Write a VRT of the bands on the grid of the finest; the names of those repeated in it.

    Raises
    ------
    SourceError
        If they do not show the same ground.
    """
    grids = {name: _grid(band.file) for name, band in scene.bands.items()}
    name, finest = min(grids.items(), key=lambda each: each[1]["transform"].a)
    for other, grid in grids.items():
        if grid["crs"] != finest["crs"] or not _same_ground(finest, grid):
            problem = f"its bands {name} and {other} do not show the same ground"
            raise refuse(path, problem, "put one scene into a folder, or download it again")
    size = {"rasterXSize": str(finest["width"]), "rasterYSize": str(finest["height"])}
    root = ET.Element("VRTDataset", attrib=size)
    if finest["crs"] is not None:
        ET.SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = finest["crs"].to_wkt()
    transform = ", ".join(f"{each!r}" for each in finest["transform"].to_gdal())
    ET.SubElement(root, "GeoTransform").text = transform
    for number, (each, band) in enumerate(scene.bands.items(), 1):
        root.append(_element(number, each, band, (grids[each], finest)))
    ET.ElementTree(root).write(virtual)
    return [each for each, grid in grids.items() if grid["width"] != finest["width"]]


def _element(
    number: int, name: str, band: Measured, grids: tuple[dict[str, Any], dict[str, Any]]
) -> ET.Element:
    """One band of the VRT, from its own grid to that of the finest."""
    own, _ = grids
    element = ET.Element("VRTRasterBand", dataType=GDAL_TYPES[own["dtype"]], band=str(number))
    for tag, text in (
        ("Description", name),
        ("NoDataValue", str(FILLED)),
        ("Offset", repr(band.offset)),
        ("Scale", repr(band.scale)),
    ):
        ET.SubElement(element, tag).text = text
    source = ET.SubElement(element, "SimpleSource")
    ET.SubElement(source, "SourceFilename", relativeToVRT="0").text = band.file
    ET.SubElement(source, "SourceBand").text = "1"
    for tag, grid in zip(("SrcRect", "DstRect"), grids, strict=True):
        width, height = str(grid["width"]), str(grid["height"])
        ET.SubElement(source, tag, xOff="0", yOff="0", xSize=width, ySize=height)
    return element


def _grid(file: str) -> dict[str, Any]:
    """Size, place and type of one band, which must be what its name says."""
    driver = "JP2OpenJPEG" if file.lower().endswith(".jp2") else "GTiff"
    with rasterio.open(file, driver=driver) as dataset:
        return {
            "width": dataset.width,
            "height": dataset.height,
            "transform": dataset.transform,
            "crs": dataset.crs,
            "bounds": dataset.bounds,
            "dtype": dataset.dtypes[0],
        }


def _same_ground(one: dict[str, Any], other: dict[str, Any]) -> bool:
    cell = abs(other["transform"].a)
    return all(abs(a - b) <= cell for a, b in zip(one["bounds"], other["bounds"], strict=True))


BANDS: Final = Reader(
    "bands",
    "Satellite scene with a file for each band (Sentinel-2, Landsat)",
    (".safe.zip", ".safe", ".zip", ".tar"),
    _open,
    recognise=lambda path: bool(scenes(listing(path))),
    folders=True,
)
