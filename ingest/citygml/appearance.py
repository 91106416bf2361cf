"""Appearances of CityGML: which polygon has which colour or picture."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.citygml.geometry import local_name

_CONTENT: Final = frozenset({"X3DMaterial", "ParameterizedTexture", "GeoreferencedTexture"})


@dataclass(frozen=True, slots=True)
class Look:
    """What an appearance says: a colour, or a picture that stays where it is."""

    theme: str
    colour: tuple[float, float, float, float] | None = None
    """Red, green, blue, opacity, 0 to 1."""
    image: str = ""
    """Reference as in the file."""


@dataclass(slots=True)
class Looks:
    """All that is said about looks, and about what."""

    said: list[Look] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    """Id of a surface → entry of `said`; a picture counts more than a colour."""

    def read(self, appearance: Any) -> None:
        """Take in an ``Appearance`` element."""
        theme = next((each.text or "" for each in appearance.iterchildren("{*}theme")), "")
        for data in appearance.iter():
            if local_name(data.tag) in _CONTENT:
                look = _look(data, theme.strip())
                for target in _targets(data):
                    known = self.targets.get(target)
                    if known is None or (look.image and not self.said[known].image):
                        self.targets[target] = len(self.said)
                self.said.append(look)


def _look(data: Any, theme: str) -> Look:
    texts = {local_name(each.tag): (each.text or "").strip() for each in data}
    if "imageURI" in texts:
        return Look(theme, None, texts["imageURI"])
    try:
        red, green, blue = (float(each) for each in texts.get("diffuseColor", "").split())
        opacity = 1.0 - float(texts.get("transparency") or 0)
    except ValueError:
        return Look(theme)
    return Look(theme, (red, green, blue, opacity))


def _targets(data: Any) -> Iterator[str]:
    for target in data.iterchildren("{*}target", "{*}textureParameterization"):
        told = [target.get("uri"), target.text]
        told += [each.get("uri") or each.text for each in target.iterdescendants("{*}target")]
        for each in told:
            if each and each.strip():
                yield each.strip().rpartition("#")[2]
