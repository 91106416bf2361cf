"""Made-up satellite scenes in the folders that agencies deliver, a file for each band."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

UTM = "EPSG:32650"
WEST, NORTH = 399_960.0, 4_500_000.0
SIDE = 1200.0
"""Metres of the square that a scene shows."""

REFLECTANCE: Mapping[str, float] = {
    "blue": 0.05, "green": 0.08, "red": 0.06, "nir": 0.42, "swir1": 0.21, "swir2": 0.11,
}  # fmt: skip
"""Of the western half, which is covered with plants; the eastern half is bare, 0.3 in all."""
BARE = 0.3

_SENTINEL = {
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "nir": "B08",
    "swir1": "B11",
    "swir2": "B12",
}
_OLI = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B5", "swir1": "B6", "swir2": "B7"}


def band(path: Path, reflectance: float, cell: float, factors: tuple[float, float]) -> None:
    """Write one band: number = (reflectance - offset) / scale, 0 in the first row of cells."""
    size = round(SIDE / cell)
    scale, offset = factors
    truth = np.full((size, size), reflectance)
    truth[:, size // 2 :] = BARE
    numbers = np.rint((truth - offset) / scale).astype(np.uint16)
    numbers[: round(60 / cell)] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    lossless = {"QUALITY": 100, "REVERSIBLE": "YES"} if path.suffix == ".jp2" else {}
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG" if path.suffix == ".jp2" else "GTiff", width=size,
        height=size, count=1, dtype="uint16", crs=UTM,
        transform=from_origin(WEST, NORTH, cell, cell), **lossless,
    ) as file:  # fmt: skip
        file.write(numbers, 1)


def safe(folder: Path, baseline: str = "0510", *, metadata: bool = True) -> Path:
    """A Sentinel-2 Level-2A product of 6 January 2023 below `folder`."""
    root = folder / f"S2A_MSIL2A_20230106T030111_N{baseline}_R032_T50TMK_20230106T055429.SAFE"
    shift = -1000.0 if baseline >= "0400" else 0.0
    images = root / "GRANULE" / "L2A_T50TMK_A039399_20230106T030110" / "IMG_DATA"
    for name, code in _SENTINEL.items():
        for metres in (20,) if name.startswith("swir") else (10, 20):
            file = images / f"R{metres}m" / f"T50TMK_20230106T030111_{code}_{metres}m.jp2"
            band(file, REFLECTANCE[name], metres, (1e-4, shift * 1e-4))
    band(images / "R60m" / "T50TMK_20230106T030111_B01_60m.jp2", 0.04, 60, (1e-4, 0.0))
    (images.parent / "QI_DATA").mkdir()
    band(images.parent / "QI_DATA" / "MSK_QUALIT_B02.jp2", 0.0, 60, (1e-4, 0.0))
    if metadata:
        numbers = {"blue": 1, "green": 2, "red": 3, "nir": 7, "swir1": 11, "swir2": 12}
        offsets = "".join(
            f'<BOA_ADD_OFFSET band_id="{number}">{shift:g}</BOA_ADD_OFFSET>'
            for number in numbers.values()
        )
        (root / "MTD_MSIL2A.xml").write_text(
            '<?xml version="1.0"?><n1:Level-2A_User_Product xmlns:n1="https://psd-14">'
            "<PRODUCT_START_TIME>2023-01-06T03:01:11.024Z</PRODUCT_START_TIME>"
            f"<PROCESSING_BASELINE>{baseline[:2]}.{baseline[2:]}</PROCESSING_BASELINE>"
            "<BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE>"
            f"{offsets}</n1:Level-2A_User_Product>",
            "utf-8",
        )
    return root


def landsat(folder: Path, *, metadata: bool = True, level: int = 2) -> Path:
    """A Landsat 8 Collection 2 product of 17 May 2021 below `folder`."""
    name = f"LC08_L{level}S{'P' if level == 2 else '1'}_123032_20210517_20210525_02_T1"
    root = folder / name
    factors = (0.0000275, -0.2) if level == 2 else (2e-5, -0.1)
    for each, code in _OLI.items():
        band(
            root / f"{name}{'_SR' if level == 2 else ''}_{code}.TIF", REFLECTANCE[each], 30, factors
        )
    band(root / f"{name}_ST_B10.TIF", 0.5, 30, factors)
    if metadata:
        (root / f"{name}_MTL.txt").write_text(_mtl(level), "utf-8")
    return root


def _mtl(level: int) -> str:
    def group(title: str, scale: float, offset: float) -> str:
        lines = "".join(
            f"    REFLECTANCE_MULT_BAND_{n} = {scale}\n    REFLECTANCE_ADD_BAND_{n} = {offset}\n"
            for n in range(1, 8)
        )
        return f"  GROUP = {title}\n{lines}  END_GROUP = {title}\n"

    surface = group("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", 0.0000275, -0.2) if level == 2 else ""
    return (
        "GROUP = LANDSAT_METADATA_FILE\n  GROUP = IMAGE_ATTRIBUTES\n"
        '    SPACECRAFT_ID = "LANDSAT_8"\n    DATE_ACQUIRED = 2021-05-17\n'
        f"  END_GROUP = IMAGE_ATTRIBUTES\n{surface}"
        f"{group('LEVEL1_RADIOMETRIC_RESCALING', 2e-5, -0.1)}"
        "END_GROUP = LANDSAT_METADATA_FILE\nEND\n"
    )
