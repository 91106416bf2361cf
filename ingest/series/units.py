"""Units of observations: how sources write them, and their UCUM codes."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SPELLINGS: Final = """
    Cel = c degc °c ℃ celsius deg_c degree_celsius degreecelsius 摄氏度
    [degF] = f degf °f ℉ fahrenheit
    K = k kelvin
    % = % percent 百分比 %rh
    1 = 1 - none dimensionless 无量纲
    Pa = pa
    hPa = hpa mbar 百帕
    kPa = kpa 千帕
    MPa = mpa 兆帕
    m = m meter metre 米
    mm = mm 毫米
    cm = cm 厘米
    km = km 千米 公里
    [ft_i] = ft feet
    [in_i] = in inch
    m/s = m/s mps 米/秒 m.s-1 ms-1
    km/h = km/h kmh
    [kn_i] = kt kn knots
    [mi_i]/h = mph
    deg = deg degree degrees ° 度
    L/s = l/s lps 升/秒
    L/min = l/min lpm
    m3/s = m3/s m³/s cms 立方米/秒
    m3/h = m3/h m³/h cmh 立方米/小时
    m3/d = m3/d m³/d cmd
    [cft_i]/s = ft3/s ft³/s cfs
    [gal_us]/min = gpm gal/min
    [gal_us] = gal gallon
    L = l liter litre 升
    m3 = m3 m³ 立方米
    ug/m3 = ug/m3 µg/m3 μg/m3 µg/m³ μg/m³ ug/m³ 微克/立方米
    mg/m3 = mg/m3 mg/m³ 毫克/立方米
    mg/L = mg/l 毫克/升
    ug/L = ug/l µg/l μg/l
    [ppm] = ppm
    [ppb] = ppb
    [ston_av]/d = tons/day
    uS/cm = us/cm µs/cm μs/cm us/cm@25c
    [NTU] = ntu
    [pH] = ph
    W = w watt 瓦
    kW = kw 千瓦
    MW = mw 兆瓦
    W.h = wh
    kW.h = kwh 千瓦时 kw·h kw.h
    MW.h = mwh
    GW.h = gwh
    J = j
    MJ = mj
    GJ = gj 吉焦
    W/m2 = w/m2 w/m²
    W.h/m2 = wh/m2 wh/m²
    lx = lx lux
    cd/m2 = cd/m2
    V = v volt 伏
    A = a amp ampere 安
    Hz = hz
    dB[SPL] = db dba db(a) 分贝
    s = s sec second seconds 秒
    min = min minute minutes 分钟
    h = h hr hour hours 小时
    d = d day days 天
    kg = kg 千克 公斤
    t = t tonne 吨标煤
"""

UCUM: Final[Mapping[str, str]] = MappingProxyType(
    {
        spelling: code.strip()
        for line in _SPELLINGS.splitlines()
        if line.strip()
        for code, _, spellings in [line.partition(" = ")]
        for spelling in spellings.split()
    }
)
"""Spelling in lower case → UCUM code."""

CODES: Final = frozenset(UCUM.values())

_BRACKETED: Final = re.compile(
    r"^(?P<name>.*?)\s*[\[(（【](?P<unit>[^\[\]()（）【】]*)[\])）】]\s*$"
)
_TAILED: Final = re.compile(r"^(?P<name>.+?)[_/ ](?P<unit>[A-Za-z%°℃µμ]+[0-9A-Za-z/³²]*)$")
_SURE_TAILS: Final = frozenset(
    {"kwh", "kw", "mwh", "hpa", "kpa", "mpa", "degc", "mm", "lps", "ppm", "ppb"}
)


def ucum(text: str) -> str:
    """The UCUM code of a unit as a source writes it; ``""`` if nobody knows it."""
    bare = text.strip()
    if bare in CODES:
        return bare
    return UCUM.get(bare.lower().replace(" ", "").replace("^", ""), "")


def name_and_unit(header: str) -> tuple[str, str]:
    """(name, unit as written) of a column such as ``Water flow [l/s]`` or ``power_kwh``."""
    found = _BRACKETED.match(header.strip())
    if found and found["name"]:
        return found["name"].strip(), found["unit"].strip()
    tailed = _TAILED.match(header.strip())
    if tailed and tailed["unit"].lower() in _SURE_TAILS:
        return tailed["name"].strip(), tailed["unit"]
    return header.strip(), ""
