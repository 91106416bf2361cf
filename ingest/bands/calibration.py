"""From stored numbers to reflectance: what the metadata of a scene say, or its product's rules."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ingest.bands.names import OLI, TM
from ingest.bands.sets import Listing, Scene

MOST_BYTES: Final = 20_000_000
"""Of a file of metadata."""

QUANTIFICATION: Final = 10_000.0
SHIFT: Final = -1000.0
"""Added to Sentinel-2's numbers from processing baseline 04.00 on."""
SHIFTED_FROM: Final = "2022-01-25"
"""Day from which baseline 04.00 was in use."""

LEVEL_2: Final = (0.0000275, -0.2)
"""Scale and offset of surface reflectance, Landsat Collection 2 Level 2."""

_NUMBERS: Final[Mapping[str, str]] = {
    "blue": "1", "green": "2", "red": "3", "nir": "7", "swir1": "11", "swir2": "12",
}  # fmt: skip
"""Band → ``band_id`` of Sentinel-2's metadata."""


def calibrated(scene: Scene, found: Listing) -> Scene:
    """The scene with scale, offset and day, and with what had to be assumed."""
    if scene.sensor == "Sentinel-2":
        return _sentinel(scene, found)
    return _landsat(scene, found)


def _sentinel(scene: Scene, found: Listing) -> Scene:
    name = next((each for each in found.names if re.search(r"MTD_MSIL\w+\.xml$", each)), "")
    if name:
        text = found.text(name, MOST_BYTES)
        tree = _tree(text)
        if tree is not None:
            return _from_product(scene, tree)
        scene = scene.remarked("warning", "metadata_unread", f"{name} is no XML that can be read")
    baseline = re.search(r"_N(\d\d)(\d\d)_", f"{found.root.name} {' '.join(found.names[:5])}")
    if baseline:
        return _scaled(scene, 1 / QUANTIFICATION, SHIFT if int(baseline[1]) >= 4 else 0.0)
    if not scene.day:
        message = "nobody says its processing baseline: reflectances may be 0.1 too high"
        return _scaled(scene, 1 / QUANTIFICATION, 0.0).remarked(
            "warning", "baseline_unknown", message
        )
    shift = SHIFT if scene.day >= SHIFTED_FROM else 0.0
    message = f"no MTD_MSIL….xml: an offset of {shift:g} was taken, as is usual for {scene.day}"
    return _scaled(scene, 1 / QUANTIFICATION, shift).remarked(
        "warning", "baseline_assumed", message
    )


def _tree(text: bytes) -> ET.Element | None:
    """The root of plain XML; None if it is none, or declares entities."""
    if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
        return None
    try:
        return ET.fromstring(text)  # noqa: S314  # entities are refused above
    except ET.ParseError:
        return None


def _from_product(scene: Scene, tree: ET.Element) -> Scene:
    divisor, offsets, day = QUANTIFICATION, {}, scene.day
    for each in tree.iter():
        tag, text = each.tag.rpartition("}")[2], (each.text or "").strip()
        if tag in {"BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE"}:
            divisor = float(text)
        elif tag in {"BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"}:
            offsets[each.get("band_id", "")] = float(text)
        elif tag == "PRODUCT_START_TIME":
            day = text[:10]
    bands = {
        name: replace(
            band, scale=1 / divisor, offset=offsets.get(_NUMBERS.get(name, ""), 0.0) / divisor
        )
        for name, band in scene.bands.items()
    }
    return replace(scene, bands=bands, day=day)


def _scaled(scene: Scene, scale: float, shift: float) -> Scene:
    bands = {
        name: replace(band, scale=scale, offset=shift * scale) for name, band in scene.bands.items()
    }
    return replace(scene, bands=bands)


def _landsat(scene: Scene, found: Listing) -> Scene:
    name = next((each for each in found.names if each.upper().endswith("_MTL.TXT")), "")
    if name:
        groups = _groups(found.text(name, MOST_BYTES).decode("utf-8", "replace"))
        return _from_groups(scene, groups)
    if "_L2SP_" in scene.name and "_02_" in scene.name:
        scale, offset = LEVEL_2
        return _scaled(scene, scale, offset / scale)
    message = "no MTL.txt is with it: its numbers are not reflectances, only their ratios mean much"
    return scene.remarked("warning", "not_calibrated", message)


def _groups(text: str) -> Mapping[str, Mapping[str, str]]:
    """Key and value of each group of an MTL file."""
    groups: dict[str, dict[str, str]] = {}
    current = ""
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            current = value
        elif equals and key != "END_GROUP":
            groups.setdefault(current, {})[key] = value.strip('"')
    return groups


def _from_groups(scene: Scene, groups: Mapping[str, Mapping[str, str]]) -> Scene:
    """Surface reflectance where the scene has it, else that at the top of the atmosphere."""
    merged = {key: value for group in groups.values() for key, value in group.items()}
    wanted = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"
    factors = groups.get(wanted) or {
        key: value
        for name, group in groups.items()
        if name != wanted
        for key, value in group.items()
    }
    codes = {band: code for code, band in (OLI if scene.sensor.endswith("8-9") else TM).items()}
    bands = {}
    for name, band in scene.bands.items():
        number = codes[name].removeprefix("B")
        scale = float(factors.get(f"REFLECTANCE_MULT_BAND_{number}", "nan"))
        offset = float(factors.get(f"REFLECTANCE_ADD_BAND_{number}", "nan"))
        bands[name] = replace(band, scale=scale, offset=offset) if scale == scale else band  # noqa: PLR0124
    scene = replace(scene, bands=bands, day=merged.get("DATE_ACQUIRED", scene.day))
    if wanted not in groups:
        message = "reflectance is that above the atmosphere, not corrected for the sun's height"
        scene = scene.remarked("info", "top_of_atmosphere", message)
    if any(band.scale == 1.0 for band in scene.bands.values()):
        message = "its metadata do not say how numbers become reflectances"
        scene = scene.remarked("warning", "not_calibrated", message)
    return scene
