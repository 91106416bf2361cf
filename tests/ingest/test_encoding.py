"""Encodings of dBASE tables and text: what the bytes say, and what a file claims."""

from pathlib import Path

import pytest
import realdata
from feature_files import dbf

from ingest.encoding import canonical, dbf_encoding, detect, text_encoding

NAMES = {
    "GB18030": ["龙亭区", "顺河回族区", "鼓楼区", "禹王台区", "清明上河园", "开封府"],
    "big5": ["臺北市信義路", "高雄市三民區", "新竹縣竹北市", "國立臺灣大學"],
    "cp932": ["東京都港区", "渋谷スクランブル交差点", "大阪市北区", "ひばりヶ丘"],
    "utf-8": ["龙亭区", "Straße", "Δρόμος", "улица"],
    "cp1251": ["Москва", "улица Ленина", "площадь Победы", "Невский проспект"],
    "cp1252": ["Straße", "Köln Süd", "Forêt", "Señor Núñez"],
}


@pytest.mark.parametrize("encoding", NAMES)
def test_bytes_tell_the_encoding(encoding: str) -> None:
    found = detect([name.encode(encoding) for name in NAMES[encoding]], [])
    decoded = [name.encode(encoding).decode(found.name) for name in NAMES[encoding]]
    assert decoded == NAMES[encoding]


@pytest.mark.parametrize("name", NAMES["GB18030"])
def test_one_chinese_name_is_enough(name: str) -> None:
    assert detect([name.encode("gbk")], []).name == "GB18030"


def test_plain_ascii_is_certain() -> None:
    assert detect([b"Main Street"], [("cpg", "GBK")]).confidence == "certain"


@pytest.mark.parametrize("claim", ["ISO-8859-1", "UTF-8", "1252", "ANSI 1252"])
def test_a_lying_code_page_file_is_refuted(claim: str) -> None:
    found = detect(["龙亭区".encode("gbk"), "鼓楼区".encode("gbk")], [("cpg", claim)])
    assert found.name == "GB18030"
    assert found.refuted


def test_a_true_claim_is_believed() -> None:
    found = detect(["Łódź".encode("cp1250")], [("cpg", "windows-1250")])
    assert (found.name, found.source) == ("cp1250", "cpg")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("GBK", "GB18030"),
        ("cp936", "GB18030"),
        ("936", "GB18030"),
        ("ANSI 936", "GB18030"),
        ("65001", "utf-8"),
        ("8859_1", "iso8859-1"),
        ("88591", "iso8859-1"),
        ("950", "big5"),
        ("UTF8", "utf-8"),
        ("no such thing", ""),
    ],
)
def test_names_of_encodings_are_understood(name: str, known: str) -> None:
    assert canonical(name) == known


@pytest.mark.parametrize("width", [5, 7, 9, 11])
def test_a_character_cut_in_half_at_the_field_width_does_not_matter(
    tmp_path: Path, width: int
) -> None:
    rows = [[name.encode("gbk")] for name in NAMES["GB18030"]]
    path = tmp_path / "x.dbf"
    path.write_bytes(dbf([("名称".encode("gbk"), width)], rows))
    assert dbf_encoding(path).name == "GB18030"


@pytest.mark.parametrize("width", [4, 5, 7, 8, 10])
def test_utf8_cut_in_half_is_still_utf8(tmp_path: Path, width: int) -> None:
    path = tmp_path / "x.dbf"
    path.write_bytes(dbf([(b"name", width)], [["龙亭区开封".encode()], ["鼓楼区".encode()]]))
    assert dbf_encoding(path).name == "utf-8"


def test_chinese_field_names_alone_tell_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.dbf"
    path.write_bytes(
        dbf([("建筑名称".encode("gbk"), 5), ("层数".encode("gbk"), 3)], [[b"A", b"3"]])
    )
    assert dbf_encoding(path).name == "GB18030"


def test_the_language_byte_is_believed_where_bytes_agree(tmp_path: Path) -> None:
    path = tmp_path / "x.dbf"
    path.write_bytes(dbf([(b"name", 12)], [["開封".encode("big5")]], language_driver=0x4F))
    found = dbf_encoding(path)
    assert (found.name, found.source) == ("big5", "language byte")


def test_the_language_byte_is_refuted_by_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.dbf"
    rows = [[name.encode("gbk")] for name in NAMES["GB18030"]]
    path.write_bytes(dbf([(b"name", 20)], rows, language_driver=0x57))
    found = dbf_encoding(path)
    assert (found.name, found.refuted) == ("GB18030", "cp1252")


@pytest.mark.parametrize("content", [b"", b"\x03", b"\x00" * 40, b"\x03" * 100])
def test_a_broken_table_is_no_error_here(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.dbf"
    path.write_bytes(content)
    assert dbf_encoding(path).name


def test_a_byte_order_mark_is_certain(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("名称,lon\n", encoding="utf-8-sig")
    assert text_encoding(path).name == "utf-8-sig"
    path.write_text("名称,lon\n", encoding="utf-16")
    assert text_encoding(path).name == "utf-16"


def test_text_is_utf8_only_if_all_of_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" * 1000 + "龙亭区,鼓楼区\n".encode("gbk") * 3)
    assert text_encoding(path).name == "GB18030"


@realdata.real
@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("big5.dbf", "big5"),
        ("gb2312.dbf", "GB18030"),
        ("gbk.dbf", "GB18030"),
        ("chinese.dbf", "GB18030"),
    ],
)
def test_real_chinese_tables_are_recognised_from_one_record(name: str, encoding: str) -> None:
    assert dbf_encoding(realdata.path(f"china/gbk/{name}")).name == encoding
