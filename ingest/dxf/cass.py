"""What drawings of CASS, the usual survey program in China, call things, and what that means.

Labels of buildings follow GB/T 20257.1: structure and storeys, such as ``砖3`` or ``混5-1``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ELEVATIONS: Final = re.compile(r"^(gcd|kzd|dmtz)|高程点|控制点|spot_?height", re.IGNORECASE)
"""Layers whose points are heights of the ground."""

RELIEF_LINES: Final = re.compile(r"^(dgx|sqx|jqx|jsx)|等高线|contour", re.IGNORECASE)
"""Layers of contours: closed ones are lines, too."""

AIDS: Final = re.compile(r"^(tk|assist|zdh|jzp|defpoints|ditu|图框|骨架线)$", re.IGNORECASE)
"""Layers that help to draw: frames, skeleton lines, numbers of survey points."""

STRUCTURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "钢筋混凝土": "reinforced concrete",
        "钢混": "reinforced concrete",
        "框架": "reinforced concrete frame",
        "框剪": "reinforced concrete frame",
        "砖混": "brick and concrete",
        "砖木": "brick and timber",
        "混凝土": "concrete",
        "钢": "steel",
        "砼": "concrete",
        "混": "mixed",
        "砖": "brick",
        "石": "stone",
        "木": "timber",
        "土": "earth",
        "简": "simple",
        "棚": "shed",
        "破": "ruined",
        "建": "under construction",
    }
)
"""Structure of a building as it is drawn → in words."""

_LABEL: Final = re.compile(
    rf"({'|'.join(sorted(STRUCTURES, key=len, reverse=True))})\s*(\d{{1,3}})?(?:\s*[-－]\s*(\d))?"
)


@dataclass(frozen=True, slots=True)
class BuildingLabel:
    """What a label says of the building in which it stands."""

    structure: str
    storeys: int | None
    below: int | None


def building_label(text: str) -> BuildingLabel | None:
    """Structure and storeys of a label such as ``混5-1``; None if it says something else."""
    found = _LABEL.fullmatch(text.strip())
    if found is None:
        return None
    storeys, below = (None if each is None else int(each) for each in found.groups()[1:])
    return BuildingLabel(STRUCTURES[found[1]], storeys or None, below)
