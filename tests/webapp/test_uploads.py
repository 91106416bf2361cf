"""Files over HTTP: limited, never trusted for paths, unpacked with care, removed."""

import bz2
import gzip
import io
import os
import stat
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from cim.errors import SourceError
from cim.store import open_city
from webapp import create_app, uploads
from webapp.archives import ArchiveLimits, check_packed, clean_name, unpack


def send(
    client: FlaskClient, *files: tuple[bytes, str], what: str = "load", **said: Any
) -> TestResponse:
    """Send these files, (content, name) each, and do something with them; the job, ended.

    What is refused before it becomes a job is the answer that says so.
    """
    data = {"file": [(io.BytesIO(body), name) for body, name in files]}
    begun = client.post("/api/uploads", data=data, content_type="multipart/form-data")
    if begun.status_code != 201:
        return begun
    upload = begun.get_json()["upload"]
    started = client.post(f"/api/uploads/{upload}/{what}", json=said)
    return ended(client, started) if started.status_code == 202 else started


def ended(client: FlaskClient, started: TestResponse) -> TestResponse:
    """The job that was started, when it has ended."""
    while True:
        found = client.get(f"/api/jobs/{started.get_json()['job']}")
        if found.get_json()["state"] not in {"waiting", "running"}:
            return found
        time.sleep(0.02)


def refusal(found: TestResponse) -> str:
    """Why a file was refused, before or while it was read."""
    told = found.get_json()
    if found.status_code != 200:
        assert found.status_code == 422, found.text
        return str(told["detail"])
    assert told["state"] == "failed", found.text
    return f"{told['error']['where']}: {told['error']['problem']}"


def archive(members: dict[str, bytes]) -> bytes:
    """A zip archive of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in members.items():
            made.writestr(name, body)
    return stream.getvalue()


def left(city: str) -> list[str]:
    return [each.name for each in (Path(city) / "work").iterdir()]


def version(city: str) -> int:
    with open_city(city) as store:
        return store.version()


class TestLoading:
    def test_a_file_is_loaded_and_reported(
        self, client: FlaskClient, city: str, geojson: Path
    ) -> None:
        said = {geojson.name: {"dataset": "New houses"}}
        found = send(client, (geojson.read_bytes(), geojson.name), files=said)
        (report,) = found.get_json()["result"]["loads"]
        assert (report["dataset"], report["new"], report["rejected"]) == ("New houses", 5, [])
        assert client.get("/api/city").get_json()["version"] == 3
        load = client.get("/api/loads").get_json()[0]["load"]
        assert client.post(f"/api/loads/{load}/undo").status_code == 200
        assert client.get("/api/city").get_json()["classes"]["Building"] == 3

    def test_nothing_is_left_behind(self, client: FlaskClient, city: str, geojson: Path) -> None:
        send(client, (geojson.read_bytes(), geojson.name))
        assert left(city) == []
        failed = send(client, (b"{", "broken.geojson")).get_json()
        assert left(city) == [f"upload-{failed['upload']}"]
        assert client.delete(f"/api/uploads/{failed['upload']}").status_code == 204
        assert left(city) == []

    def test_options_are_those_of_the_shell(
        self, client: FlaskClient, city: str, geojson: Path
    ) -> None:
        body = geojson.read_bytes()
        said = {"a.geojson": {"options": {"class_name": "Bridge"}}}
        tried = send(client, (body, "a.geojson"), what="dry-run", files=said)
        assert tried.get_json()["result"]["loads"][0]["new"] == 5
        assert version(city) == 2
        said = {"a.geojson": {"options": {"crs": "EPSG:0"}}}
        assert "EPSG:0" in refusal(send(client, (body, "a.geojson"), files=said))

    def test_a_zip_is_loaded_with_its_folders(self, client: FlaskClient, geojson: Path) -> None:
        body = archive({"data/notes": b"x", "data/新房.geojson": geojson.read_bytes()})
        found = send(client, (body, "a.zip"))
        assert found.get_json()["result"]["loads"][0]["file"] == "新房.geojson"

    def test_a_delivery_stands_for_what_it_lists(self, client: FlaskClient, geojson: Path) -> None:
        plan = b'[[dataset]]\nfile = "sub/a.geojson"\nname = "Plan"\n'
        body = archive({"delivery.toml": plan, "sub/a.geojson": geojson.read_bytes()})
        found = send(client, (body, "delivery.zip"))
        assert found.get_json()["result"]["loads"][0]["dataset"] == "Plan"

    @pytest.mark.parametrize(
        ("body", "name"),
        [(b"{", "broken.geojson"), (b"", "empty.geojson"), (b"PK\x03\x04", "broken.zip"),
         (b"x", "a.exe"), (b"ISO-10303-21;", "cut.ifc"), (b"\x00" * 100, "noise.gpkg")],
    )  # fmt: skip
    def test_what_cannot_be_read_changes_nothing(
        self, client: FlaskClient, city: str, body: bytes, name: str
    ) -> None:
        assert name in refusal(send(client, (body, name)))
        assert version(city) == 2

    def test_nothing_sent_is_a_bad_request(self, client: FlaskClient) -> None:
        assert send(client).status_code == 400

    @pytest.mark.parametrize(
        "options",
        [{"colour": "red"}, {"crs": 4547}, {"swap_axes": "yes"}, {"height_offset": True},
         {"fields": {"a": 1}}, {"values": {"function": "x", "b": 2}}, {"crs": "x" * 5000}, ["crs"]],
    )  # fmt: skip
    def test_options_of_another_kind_are_a_bad_request(
        self, client: FlaskClient, options: Any
    ) -> None:
        found = send(client, (b"x", "a.geojson"), files={"a.geojson": {"options": options}})
        assert found.status_code == 400

    def test_what_is_not_wanted_is_skipped(self, client: FlaskClient, geojson: Path) -> None:
        body = geojson.read_bytes()
        said = {"b.geojson": {"skip": True}}
        found = send(client, (body, "a.geojson"), (body, "b.geojson"), files=said)
        assert [each["dataset"] for each in found.get_json()["result"]["loads"]] == ["a"]

    def test_one_bad_file_fails_alone(self, client: FlaskClient, city: str, geojson: Path) -> None:
        found = send(client, (b"{", "bad.geojson"), (geojson.read_bytes(), "good.geojson"))
        told = found.get_json()
        assert told["state"] == "done"
        assert [each["dataset"] for each in told["result"]["loads"]] == ["good"]
        assert [each["dataset"] for each in told["result"]["failed"]] == ["bad"]
        assert version(city) == 3


class TestPointers:
    """Formats of GDAL that point at other files: whatever such a file is called."""

    def evil(self, target: Path) -> bytes:
        return (
            "<OGRVRTDataSource><OGRVRTLayer name='secret'>"
            f"<SrcDataSource>{target}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
        ).encode()

    @pytest.mark.parametrize("suffix", ["gpkg", "geojson", "gml", "vrt", "fgb"])
    def test_give_nothing_away(
        self, client: FlaskClient, city: str, geojson: Path, tmp_path: Path, suffix: str
    ) -> None:
        target = tmp_path / "secret.geojson"
        geojson.rename(target)
        layer = target.stem
        body = self.evil(target).replace(b"name='secret'", f"name='{layer}'".encode())
        said = {f"a.{suffix}": {"options": {"crs": "EPSG:4326"}}}
        assert refusal(send(client, (body, f"a.{suffix}"), files=said))
        assert version(city) == 2
        assert client.get("/api/search?q=n0").get_json()["hits"] == []

    def test_of_rasters_give_nothing_away(self, client: FlaskClient, city: str) -> None:
        body = (
            b"<VRTDataset rasterXSize='1' rasterYSize='1'><VRTRasterBand dataType='Byte' band='1'>"
            b"<SimpleSource><SourceFilename>/etc/hostname</SourceFilename></SimpleSource>"
            b"</VRTRasterBand></VRTDataset>"
        )
        for name in ("a.tif", "a.vrt", "a.img"):
            assert name in refusal(send(client, (body, name)))
        assert version(city) == 2


class TestLimits:
    def test_more_than_allowed_is_refused(self, city: str) -> None:
        client = create_app(city, max_upload=100_000).test_client()
        found = send(client, (b"x" * 200_000, "big.geojson"))
        assert found.status_code == 413
        assert found.content_type == "application/problem+json"
        assert "100,000 bytes" in found.get_json()["detail"]
        assert version(city) == 2

    def test_more_than_allowed_is_refused_without_a_length(self, city: str) -> None:
        client = create_app(city, max_upload=1000).test_client()
        upload, body = begun(client), io.BytesIO(b"x" * 5000)
        found = client.put(f"/api/uploads/{upload}/files/a.txt", input_stream=body,
                           headers={"Transfer-Encoding": "chunked"},
                           environ_overrides={"wsgi.input_terminated": True})  # fmt: skip
        assert found.status_code == 413
        sizes = [each["bytes"] for each in client.get(f"/api/uploads/{upload}").get_json()["files"]]
        assert sum(sizes) <= 1000

    def test_too_many_files_are_refused(
        self, client: FlaskClient, city: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploads, "MOST_FILES", 3)
        assert send(client, *[(b"", f"{n}.geojson") for n in range(4)]).status_code == 400
        assert left(city) == []

    def test_two_files_of_one_name_are_refused(self, client: FlaskClient) -> None:
        assert send(client, (b"a", "a.geojson"), (b"b", "a.geojson")).status_code == 400

    def test_together_they_are_no_more_than_one_may_be(self, city: str) -> None:
        client = create_app(city, max_upload=5000).test_client()
        upload = begun(client)
        assert client.put(f"/api/uploads/{upload}/files/a", data=b"x" * 3000).status_code == 200
        assert client.put(f"/api/uploads/{upload}/files/b", data=b"x" * 3000).status_code == 413


def begun(client: FlaskClient) -> str:
    return str(client.post("/api/uploads").get_json()["upload"])


class TestPieces:
    def test_are_put_together(self, client: FlaskClient) -> None:
        at = f"/api/uploads/{begun(client)}"
        assert client.put(f"{at}/files/d/a.txt?offset=0", data=b"one").get_json()["bytes"] == 3
        assert client.put(f"{at}/files/d/a.txt?offset=3", data=b"two").get_json()["bytes"] == 6
        assert client.get(at).get_json()["files"] == [{"name": "d/a.txt", "bytes": 6}]

    def test_that_do_not_fit_are_refused_and_can_be_gone_on_with(self, client: FlaskClient) -> None:
        at = f"/api/uploads/{begun(client)}/files/a.txt"
        client.put(at, data=b"one")
        for offset in (1, 2, 4):
            found = client.put(f"{at}?offset={offset}", data=b"x")
            assert found.status_code == 409
            assert "has 3 bytes" in found.get_json()["detail"]
        assert client.put(f"{at}?offset=3", data=b"!").get_json()["bytes"] == 4
        assert client.put(at, data=b"anew").get_json()["bytes"] == 4

    @pytest.mark.parametrize(
        "name", ["../a.txt", "..%2F..%2Fa.txt", "x/../../../a.txt", "%5Ca.txt"]
    )
    def test_do_not_leave_their_folder(self, client: FlaskClient, city: str, name: str) -> None:
        upload = begun(client)
        found = client.put(f"/api/uploads/{upload}/files/{name}", data=b"x")
        assert found.status_code in {200, 404}
        outside = [
            each for each in Path(city).rglob("a.txt") if f"upload-{upload}" not in str(each)
        ]
        assert outside == []

    @pytest.mark.parametrize("name", ["0" * 16, "..", "x", "upload-1"])
    def test_of_no_upload_are_refused(self, client: FlaskClient, name: str) -> None:
        assert client.put(f"/api/uploads/{name}/files/a", data=b"x").status_code in {404, 308}
        assert client.get(f"/api/uploads/{name}").status_code == 404


class TestNames:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [("../../etc/passwd", "passwd"), ("/etc/passwd", "passwd"), ("C:\\a\\b.shp", "b.shp"),
         ("..\\..\\x.shp", "x.shp"), ("..", "upload"), ("", "upload"), (".bashrc", "bashrc"),
         ("管线 2024.shp", "管线 2024.shp"), ("a\x00b\n.tif", "a_b_.tif"),
         ("a:b|c?.csv", "a_b_c_.csv"), ("-rf.csv", "rf.csv"), ("\u202egnp.exe", "_gnp.exe")],
    )  # fmt: skip
    def test_are_cleaned(self, given: str, kept: str) -> None:
        assert clean_name(given) == kept

    def test_long_ones_keep_their_suffix(self) -> None:
        assert clean_name("长" * 300 + ".geojson").endswith("长.geojson")

    @given(st.text())
    def test_never_leave_a_folder(self, name: str) -> None:
        kept = clean_name(name)
        assert kept not in {"", ".", ".."}
        assert not set(kept) & set("/\\\x00")
        assert len(kept) <= 120
        assert clean_name(kept) == kept

    def test_of_an_upload_do_not_choose_its_place(
        self, client: FlaskClient, city: str, tmp_path: Path
    ) -> None:
        kept = {"work", "runs"}
        before = {each for each in tmp_path.rglob("*") if not kept & set(each.parts)}
        for name in ("../../../evil.geojson", str(tmp_path / "evil.geojson"), "..\\evil.geojson"):
            send(client, (b"{}", name))
        after = {each for each in tmp_path.rglob("*") if not kept & set(each.parts)}
        assert {each.name for each in after - before} <= {"city.sqlite-wal", "city.sqlite-shm"}


class TestArchives:
    def refused(self, folder: Path, body: bytes, limits: ArchiveLimits | None = None) -> str:
        path = folder / "a.zip"
        path.write_bytes(body)
        with pytest.raises(SourceError) as caught:
            unpack(path, folder / "inside", limits)
        outside = {each.name for each in folder.iterdir()} - {"a.zip", "inside"}
        assert outside == set()
        return str(caught.value)

    @pytest.mark.parametrize(
        "name",
        ["../evil.shp", "a/../../evil.shp", "/etc/evil.shp", "C:/evil.shp", "..\\evil.shp",
         "a\\..\\b.shp", "a/" * 20 + "b.shp"],
    )  # fmt: skip
    def test_do_not_leave_their_folder(self, tmp_path: Path, name: str) -> None:
        info = zipfile.ZipInfo("x")
        info.filename = name
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as made:
            made.writestr(info, b"x")
        assert "a.zip" in self.refused(tmp_path, stream.getvalue())

    def test_have_no_links(self, tmp_path: Path) -> None:
        info = zipfile.ZipInfo("link.shp")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as made:
            made.writestr(info, "/etc/passwd")
        assert "link" in self.refused(tmp_path, stream.getvalue())

    def test_do_not_explode(self, tmp_path: Path) -> None:
        bomb = archive({"bomb.tif": bytes(50 << 20)})
        assert len(bomb) < 100_000
        assert "200 times its size" in self.refused(tmp_path, bomb)

    def test_are_limited_in_total(self, tmp_path: Path) -> None:
        body = archive({"a": b"x" * 600, "b": b"y" * 600})
        assert "1,200 bytes" in self.refused(tmp_path, body, ArchiveLimits(total=1000))

    def test_are_limited_in_members(self, tmp_path: Path) -> None:
        body = archive({str(n): b"" for n in range(20)})
        assert "20 members" in self.refused(tmp_path, body, ArchiveLimits(members=10))

    def test_that_lie_about_their_size_are_refused(self, tmp_path: Path) -> None:
        body = bytearray(archive({"a.tif": bytes(3 << 20)}))
        where = body.rindex(b"PK\x01\x02")
        body[where + 24 : where + 28] = (1000).to_bytes(4, "little")
        self.refused(tmp_path, bytes(body))

    def test_that_are_encrypted_are_refused(self, tmp_path: Path) -> None:
        body = bytearray(archive({"a.tif": b"x"}))
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            body[body.index(mark) + offset] |= 1
        assert "encrypted" in self.refused(tmp_path, bytes(body))

    def test_with_two_members_of_one_name_are_refused(self, tmp_path: Path) -> None:
        assert "same name" in self.refused(tmp_path, archive({"A.shp": b"1", "a.shp": b"2"}))

    @pytest.mark.parametrize("cut", [10, 30, 60])
    def test_that_are_cut_off_are_refused(self, tmp_path: Path, cut: int) -> None:
        assert "damaged" in self.refused(tmp_path, archive({"a.shp": b"x" * 200})[:cut])

    def test_streams_do_not_explode(self, tmp_path: Path) -> None:
        for name, pack in (("a.geojson.gz", gzip.compress), ("a.osm.bz2", bz2.compress)):
            path = tmp_path / name
            path.write_bytes(pack(bytes(64 << 20)))
            with pytest.raises(SourceError, match="it unpacks to more"):
                check_packed(path)
            path.write_bytes(pack(b"fine" * 1000))
            check_packed(path)
            path.write_bytes(pack(b"cut" * 10_000)[:-9])
            with pytest.raises(SourceError, match="damaged"):
                check_packed(path)

    @pytest.mark.parametrize("name", ["a.kmz", "a.ifczip"])
    def test_of_other_names_do_not_explode(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_bytes(archive({"doc.kml": bytes(50 << 20)}))
        with pytest.raises(SourceError, match="200 times its size"):
            check_packed(path)

    def test_within_archives_are_refused(self, client: FlaskClient) -> None:
        body = archive({"inner.zip": archive({"a.geojson": b"{}"})})
        assert "inner.zip" in refusal(send(client, (body, "outer.zip")))

    def test_names_in_gbk_are_understood(self, tmp_path: Path) -> None:
        told = "管线.shp".encode("gbk")
        body = archive({"x" * len(told): b"1"}).replace(b"x" * len(told), told)
        path = tmp_path / "a.zip"
        path.write_bytes(body)
        assert [each.name for each in unpack(path, tmp_path / "inside")] == ["管线.shp"]

    def test_bomb_over_http_changes_nothing(self, client: FlaskClient, city: str) -> None:
        assert refusal(send(client, (archive({"bomb.tif": bytes(50 << 20)}), "bomb.zip")))
        assert version(city) == 2
        assert [each for each in left(city) if not each.startswith("upload-")] == []


def test_what_a_killed_server_left_is_swept(tmp_path: Path) -> None:
    old, young = tmp_path / "work" / "upload-old", tmp_path / "work" / "upload-young"
    for each in (old, young):
        each.mkdir(parents=True)
    os.utime(old, (0, time.time() - 2 * uploads.FORGOTTEN_SECONDS))
    uploads.sweep(tmp_path)
    assert not old.exists()
    assert young.exists()
