"""What the server answers, right and wrong."""

import gzip
import json
import struct
import threading
from typing import Any

import cities
import numpy as np
import pytest
import small_city
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import layers
from cim import geodesy
from cim.errors import BusyError, StoreError
from cim.store import Store, open_city
from webapp import create_app

ZOOM = 16


def place(z: int = ZOOM) -> str:
    """``z/x/y`` of the tile that the street lies in."""
    lon, lat = geodesy.transform(
        cities.CRS,
        geodesy.WGS84,
        np.array([cities.ORIGIN[0] + 5]),
        np.array([cities.ORIGIN[1] + 5]),
    )
    size = 2**z
    x = int((lon[0] + 180) / 360 * size)
    y = int((1 - np.arcsinh(np.tan(np.radians(lat[0]))) / np.pi) / 2 * size)
    return f"{z}/{x}/{y}"


def problem(answer: TestResponse, status: int) -> Any:
    """The problem document of an answer with that status."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    found = answer.get_json()
    assert {"type", "title", "status", "detail"} <= found.keys()
    assert found["status"] == status
    assert "Traceback" not in answer.text
    return found


class TestCity:
    def test_tells_what_the_city_is(self, client: FlaskClient) -> None:
        found = client.get("/api/city").get_json()
        assert (found["name"], found["version"], found["crs"]) == ("Testville", 2, "EPSG:4547")
        assert (found["datasets"], found["clearance"]) == (2, "internal")
        assert found["bbox"] == pytest.approx([114.33874, 34.7958, 114.33951, 34.79687], abs=1e-4)

    def test_counts_only_what_the_clearance_may_see(self, client: FlaskClient, city: str) -> None:
        assert client.get("/api/city").get_json()["classes"]["Building"] == 3
        public = create_app(city, clearance="public").test_client()
        assert public.get("/api/city").get_json()["classes"]["Building"] == 2

    def test_has_a_new_version_after_a_load_by_another_process(
        self, client: FlaskClient, city: str
    ) -> None:
        small_city.put(city, "more", cities.street(1, prefix="x"))
        assert client.get("/api/city").get_json()["version"] == 3

    def test_is_not_sent_again_unchanged(self, client: FlaskClient) -> None:
        first = client.get("/api/city")
        again = client.get("/api/city", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        assert first.headers["Cache-Control"] == "no-cache"

    def test_unknown_clearance_is_refused(self, city: str) -> None:
        with pytest.raises(ValueError, match="did you mean 'internal'"):
            create_app(city, clearance="internl")

    def test_no_city_is_refused(self, tmp_path: Any) -> None:
        with pytest.raises(LookupError, match="no city"):
            create_app(str(tmp_path / "none"))


class TestScene:
    def test_is_a_deck_of_tiles_of_this_version(self, client: FlaskClient, tiles: str) -> None:
        found = client.get("/api/scene").get_json()
        assert {"initialViewState", "views", "layers"} <= found.keys()
        addresses = [each["data"] for each in found["layers"] if isinstance(each.get("data"), str)]
        assert any(each.startswith(f"{tiles}/2/buildings/") for each in addresses)

    def test_layers_are_listed_in_both_languages(self, client: FlaskClient) -> None:
        found = {each["id"]: each for each in client.get("/api/layers").get_json()}
        assert found["buildings"]["title_zh"] == "建筑"
        assert found["pipes"]["underground"]


class TestTiles:
    def test_are_kept_for_ever_by_version(self, client: FlaskClient, tiles: str) -> None:
        found = client.get(f"{tiles}/2/buildings/{place()}.glb")
        assert found.status_code == 200
        assert found.content_type == "model/gltf-binary"
        assert found.data[:4] == b"glTF"
        assert struct.unpack("<I", found.data[8:12])[0] == len(found.data)
        assert "immutable" in found.headers["Cache-Control"]
        again = client.get(
            f"{tiles}/2/buildings/{place()}.glb", headers={"If-None-Match": found.headers["ETag"]}
        )
        assert again.status_code == 304

    def test_are_packed_where_that_is_taken(self, client: FlaskClient, tiles: str) -> None:
        path = f"{tiles}/2/buildings/{place()}.glb"
        plain = client.get(path)
        packed = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(packed.data) == plain.data
        assert len(packed.data) < len(plain.data)

    def test_empty_ones_have_no_content(self, client: FlaskClient, tiles: str) -> None:
        found = client.get(f"{tiles}/2/buildings/{ZOOM}/0/0.glb")
        assert (found.status_code, found.data) == (204, b"")
        assert "immutable" in found.headers["Cache-Control"]

    def test_of_an_old_version_are_gone(self, client: FlaskClient, city: str, tiles: str) -> None:
        path = f"{tiles}/2/buildings/{place()}.glb"
        assert client.get(path).status_code == 200
        small_city.put(city, "more", cities.street(1, prefix="x"))
        found = client.get(path)
        assert problem(found, 410)["version"] == 3
        assert found.headers["Cache-Control"] == "no-store"
        assert client.get(path.replace("/2/", "/3/", 1)).status_code == 200

    def test_of_a_version_that_will_be_are_gone_too(self, client: FlaskClient, tiles: str) -> None:
        problem(client.get(f"{tiles}/9/buildings/{place()}.glb"), 410)

    def test_of_an_earlier_city_at_the_same_place_are_gone(
        self, client: FlaskClient, tiles: str
    ) -> None:
        other = tiles[:-1] + ("0" if tiles[-1] != "0" else "1")
        problem(client.get(f"{other}/2/buildings/{place()}.glb"), 410)

    def test_are_not_given_if_a_load_came_in_between(
        self, client: FlaskClient, city: str, monkeypatch: pytest.MonkeyPatch, tiles: str
    ) -> None:
        draw = layers.tile

        def slow(*arguments: Any, **options: Any) -> Any:
            small_city.put(city, "more", cities.street(1, prefix="x"))
            return draw(*arguments, **options)

        monkeypatch.setattr("layers.tile", slow)
        problem(client.get(f"{tiles}/2/buildings/{place()}.glb"), 410)

    def test_show_a_day_in_the_past(self, client: FlaskClient, tiles: str) -> None:
        path = f"{tiles}/2/buildings/{place()}.glb"
        assert client.get(f"{path}?at=2015-01-01").status_code in {200, 204}
        problem(client.get(f"{path}?at=yesterday"), 400)

    @pytest.mark.parametrize(
        "tail",
        ["99/0/0.glb", "2/9/0.glb", "2/0/4.glb", "a/0/0.glb", "2/0/b.glb", "-1/0/0.glb",
         "2/0/-1.glb", "2/0/1e1.glb", "2/0/٣.glb", f"2/0/{'9' * 40}.glb", "2/1.5/0.glb",
         "2/0/0x1.glb"],
    )  # fmt: skip
    def test_that_cannot_be_are_bad_requests(
        self, client: FlaskClient, tail: str, tiles: str
    ) -> None:
        problem(client.get(f"{tiles}/2/buildings/{tail}"), 400)

    @pytest.mark.parametrize("tail", ["16/0/0.exe", "16/0/0", "16/0/0.png"])
    def test_of_another_kind_are_not_found(
        self, client: FlaskClient, tail: str, tiles: str
    ) -> None:
        found = client.get(f"{tiles}/2/buildings/{tail}")
        assert found.status_code in {204, 404}

    def test_of_the_wrong_kind_where_there_is_something_are_not_found(
        self, client: FlaskClient, tiles: str
    ) -> None:
        problem(client.get(f"{tiles}/2/buildings/{place()}.png"), 404)

    def test_of_an_unknown_layer_are_not_found(self, client: FlaskClient, tiles: str) -> None:
        assert (
            "did you mean" in problem(client.get(f"{tiles}/2/bildings/{place()}.glb"), 404)["hint"]
        )

    def test_of_a_version_that_is_no_number_are_bad_requests(
        self, client: FlaskClient, tiles: str
    ) -> None:
        problem(client.get(f"{tiles}/x/buildings/{place()}.glb"), 400)


class TestObjects:
    def test_are_described_with_source_and_history(self, client: FlaskClient) -> None:
        (hit,) = client.get("/api/search?q=b0").get_json()["hits"]
        found = client.get(f"/api/objects/{hit['oid']}").get_json()
        assert (found["object_id"], found["class"], found["height"]) == ("b0", "Building", 3.0)
        assert found["class_title_zh"] == "建筑"
        assert found["provenance"]["dataset"] == "houses"
        assert len(found["history"]) == 1
        assert len(found["position"]) == 3

    def test_above_the_clearance_do_not_exist(self, client: FlaskClient, city: str) -> None:
        with open_city(city) as store:
            secret = store.find("b3")
        problem(client.get(f"/api/objects/{secret}"), 404)
        assert client.get("/api/search?q=b3").get_json()["hits"] == []
        ids = {each["id"] for each in client.get("/api/features").get_json()["features"]}
        assert "b1" in ids
        assert not ids & {"b2", "b3"}
        trusted = create_app(city, clearance="secret").test_client()
        assert trusted.get(f"/api/objects/{secret}").status_code == 200

    @pytest.mark.parametrize("oid", ["x", "-1", "1.5", str(2**63), "9" * 30])
    def test_that_are_no_number_are_bad_requests(self, client: FlaskClient, oid: str) -> None:
        problem(client.get(f"/api/objects/{oid}"), 400)

    def test_that_are_not_there_are_not_found(self, client: FlaskClient) -> None:
        problem(client.get("/api/objects/999999"), 404)


class TestFeatures:
    def test_are_geojson(self, client: FlaskClient) -> None:
        found = client.get("/api/features?class=Pipe,Manhole&limit=3")
        assert found.content_type == "application/geo+json"
        assert len(found.get_json()["features"]) == 3

    def test_are_narrowed(self, client: FlaskClient) -> None:
        tall = client.get(
            "/api/features", query_string={"where": "height >= 6", "class": "Building"}
        )
        assert {each["id"] for each in tall.get_json()["features"]} == {"b1", "c0"}
        assert client.get("/api/features?bbox=1,1,2,2").get_json()["features"] == []

    @pytest.mark.parametrize(
        ("query", "status"),
        [("bbox=1,2,3", 400), ("bbox=a,b,c,d", 400), ("bbox=0,0,inf,1", 400), ("bbox=5,0,1,1", 400),
         ("limit=0", 400), ("limit=-5", 400), ("limit=999999", 400), ("limit=ten", 400),
         ("at=2015-13-01", 400), ("class=Bilding", 422), ("where=height >", 422)],
    )  # fmt: skip
    def test_with_junk_are_refused(self, client: FlaskClient, query: str, status: int) -> None:
        problem(client.get(f"/api/features?{query}"), status)


class TestSearch:
    def test_finds_by_name(self, client: FlaskClient) -> None:
        hits = client.get("/api/search?q=east street").get_json()["hits"]
        assert {each["object_id"] for each in hits} == {"b0"}
        assert len(hits[0]["position"]) == 2

    def test_of_nothing_finds_nothing(self, client: FlaskClient) -> None:
        assert client.get("/api/search").get_json() == {"hits": []}

    @pytest.mark.parametrize("query", ["q=a&limit=0", "q=a&limit=1000", "q=" + "a" * 300])
    def test_with_junk_is_refused(self, client: FlaskClient, query: str) -> None:
        problem(client.get(f"/api/search?{query}"), 400)


class TestAnalyses:
    def test_are_listed(self, client: FlaskClient) -> None:
        assert isinstance(client.get("/api/analyses").get_json(), list)

    def test_are_run(self, client: FlaskClient) -> None:
        found = client.post(
            "/api/analyses/building_stock/execution", json={"inputs": {"by": "function"}}
        )
        assert found.status_code == 200, found.text
        result = found.get_json()
        assert (result["analysis"], result["version"]) == ("building_stock", 2)
        assert sum(row["buildings"] for row in result["rows"]) == 3

    def test_say_what_is_wrong_with_a_parameter(self, client: FlaskClient) -> None:
        path = "/api/analyses/still_water/execution"
        problem(client.post(path, json={"inputs": {"water_level": "high"}}), 400)
        problem(client.post(path, json={"inputs": {}}), 400)
        assert (
            "water_level"
            in problem(client.post(path, json={"inputs": {"waterlevel": 3}}), 400)["hint"]
        )

    def test_unknown_ones_are_not_found(self, client: FlaskClient) -> None:
        problem(client.post("/api/analyses/nothing/execution", json={"inputs": {}}), 404)

    @pytest.mark.parametrize("body", ["[]", '{"inputs": 3}', '"x"'])
    def test_want_an_object(self, client: FlaskClient, body: str) -> None:
        found = client.post(
            "/api/analyses/nothing/execution", data=body, content_type="application/json"
        )
        problem(found, 400)

    def test_want_json(self, client: FlaskClient) -> None:
        problem(client.post("/api/analyses/nothing/execution", data="{"), 415)
        found = client.post(
            "/api/analyses/nothing/execution", data="{", content_type="application/json"
        )
        problem(found, 400)


class TestErrors:
    def test_unknown_addresses_are_problems(self, client: FlaskClient) -> None:
        problem(client.get("/api/nothing"), 404)
        assert "GET" in client.post("/api/city").headers["Allow"]
        problem(client.post("/api/city"), 405)

    def test_a_busy_store_asks_to_come_back(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*_: Any) -> None:
            raise BusyError("another process is writing")

        monkeypatch.setattr(Store, "undo", busy)
        found = client.post("/api/loads/1/undo")
        problem(found, 503)
        assert found.headers["Retry-After"]

    def test_a_lost_store_is_opened_again(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lost(*_: Any) -> None:
            raise StoreError("connection lost")

        with monkeypatch.context() as patch:
            patch.setattr(Store, "version", lost)
            problem(client.get("/healthz"), 503)
        assert client.get("/healthz").status_code == 200

    def test_a_fault_tells_nothing_about_the_program(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fault(*_: Any) -> None:
            raise RuntimeError("secret detail")

        app.config["PROPAGATE_EXCEPTIONS"] = False
        monkeypatch.setattr(Store, "datasets", fault)
        answer = app.test_client().get("/api/datasets")
        assert "secret detail" not in json.dumps(problem(answer, 500))


class TestThreads:
    def test_each_has_a_store_of_its_own(self, app: Flask, tiles: str) -> None:
        answers: list[int] = []

        def ask() -> None:
            client = app.test_client()
            for _ in range(20):
                answers.append(client.get("/api/city").status_code)
                answers.append(client.get(f"{tiles}/2/buildings/{place()}.glb").status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert answers == [200] * 160


class TestPages:
    def test_page_is_in_the_language_asked_for(self, client: FlaskClient) -> None:
        assert '<html lang="zh"' in client.get("/?lang=zh").text
        assert '<html lang="en"' in client.get("/?lang=en", headers={"Accept-Language": "zh"}).text

    def test_page_is_in_the_browsers_language_else(self, client: FlaskClient) -> None:
        chinese = client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
        assert '<html lang="zh"' in chinese.text
        assert "Accept-Language" in chinese.headers["Vary"]
        assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "fr"}).text

    def test_server_tells_that_it_is_alive(self, client: FlaskClient) -> None:
        assert client.get("/healthz").get_json() == {"status": "ok", "version": 2}
