"""Safe by default: each promise has a test here or in test_uploads.py."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import small_city
from flask import Flask
from flask.testing import FlaskClient

import webapp
from cim.store import Store, open_city
from webapp import create_app
from webapp.cli.serving import serve
from webapp.redaction import RedactingFormatter, redact, redacted

PASSWORD = "geh3im:/?&é"
PAGES = ("/", "/api/city", "/api/layers", "/healthz", "/static/icon.svg", "/api/nothing")


class TestListening:
    def test_is_on_loopback_unless_told(self) -> None:
        defaults = {each.name: each.default for each in serve.params}
        assert defaults["host"] == "127.0.0.1"
        assert defaults["clearance"] == "internal"


class TestHeaders:
    @pytest.mark.parametrize("path", PAGES)
    def test_every_answer_has_a_strict_policy(self, client: FlaskClient, path: str) -> None:
        with client.get(path) as answer:
            headers = answer.headers
        policy = dict(
            each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == policy["script-src"] == policy["worker-src"] == "'self'"
        assert policy["object-src"] == policy["base-uri"] == "'none'"
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert "http:" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers

    def test_page_has_no_inline_script_and_asks_nobody_else(self, client: FlaskClient) -> None:
        text = client.get("/").text
        assert all("src=" in each for each in re.findall(r"<script[^>]*>", text))
        assert not re.search(r"\son\w+=", text)
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)


class TestHosts:
    @pytest.mark.parametrize(
        "host",
        ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.8.9.1", "LOCALHOST."],
    )
    def test_loopback_is_served(self, client: FlaskClient, host: str) -> None:
        assert client.get("/healthz", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.1.2.3",
                 "[fe80::1]", "localhost.evil.example", "127.0.0.1@evil.example"]
    )  # fmt: skip
    def test_another_name_is_misdirected(self, client: FlaskClient, host: str) -> None:
        answer = client.get("/api/features", headers={"Host": host})
        assert answer.status_code in {400, 421}
        assert answer.content_type == "application/problem+json"
        assert "b0" not in answer.text

    def test_a_name_is_served_when_told(self, city: str) -> None:
        client = create_app(city, hosts=["Twin.Example.org", "*"]).test_client()
        for host in ("twin.example.org", "10.1.2.3:8000"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421


class TestOrigins:
    @pytest.mark.parametrize(
        "headers",
        [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:9999"},
         {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
    )  # fmt: skip
    def test_another_site_changes_nothing(
        self, client: FlaskClient, city: str, headers: dict[str, str]
    ) -> None:
        for path in ("/api/loads/2/undo", "/api/uploads", "/api/analyses/any/execution"):
            assert client.post(path, headers=headers).status_code == 403
        with open_city(city) as store:
            assert store.version() == 2

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "http://localhost"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ],
    )
    def test_own_page_and_programs_do(self, client: FlaskClient, headers: dict[str, str]) -> None:
        assert client.post("/api/loads/2/undo", headers=headers).status_code == 200

    def test_reading_server_changes_nothing(self, city: str) -> None:
        client = create_app(city, writable=False).test_client()
        for path in ("/api/loads/2/undo", "/api/uploads"):
            assert client.post(path).status_code == 403
        assert client.get("/api/city").get_json()["writable"] is False


class TestQueries:
    INJECTIONS = (
        "'; DROP TABLE city_object; --",
        "1=1) OR (1=1",
        "name = '' UNION SELECT key, value FROM meta --",
        "\x00",
        "%' OR '1'='1",
    )

    @pytest.mark.parametrize("text", INJECTIONS)
    def test_text_stays_text(self, client: FlaskClient, city: str, text: str) -> None:
        before = client.get("/api/city").get_json()["classes"]
        for name in ("where", "class", "at", "bbox", "limit"):
            answer = client.get("/api/features", query_string={name: text})
            assert answer.status_code in {400, 422}, (name, answer.text)
        found = client.get("/api/search", query_string={"q": text})
        assert found.status_code == 400 or found.get_json()["hits"] == []
        assert client.get("/api/city").get_json()["classes"] == before
        with open_city(city) as store:
            assert store.check() == []


class TestText:
    def test_is_never_html(self, client: FlaskClient) -> None:
        for path in ("/api/search?q=" + "%3Cimg", "/api/features"):
            answer = client.get(path)
            assert small_city.EVIL in answer.text
            assert answer.mimetype in {"application/json", "application/geo+json"}
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_of_a_request_does_not_come_back_as_html(self, client: FlaskClient) -> None:
        for path in (f"/{small_city.EVIL}", f"/?lang={small_city.EVIL}", f"/api/{small_city.EVIL}"):
            answer = client.get(path)
            assert answer.mimetype != "text/html" or small_city.EVIL not in answer.text

    def test_page_never_parses_text_as_html(self) -> None:
        source = Path(webapp.__file__).parent / "frontend" / "src"
        for path in source.rglob("*.ts"):
            text = path.read_text(encoding="utf-8")
            found = re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
            )
            assert found is None, path


class TestSecrets:
    URL = "postgresql://planner:geh3im@db.example.org:5432/kaifeng"

    @pytest.mark.parametrize(
        "text",
        [URL, f"cannot open {URL}: no", "postgres://u:geh3im@h/x", "postgresql://h/x?user=u&password=geh3im",
         "host=h password=geh3im dbname=x", "password = 'geh3im' x", "postgresql://u:p@geh3im@h/x"],
    )  # fmt: skip
    def test_are_masked_in_text(self, text: str) -> None:
        assert "geh3im" not in redact(text)
        assert "***" in redact(text)

    def test_text_without_secrets_stays(self) -> None:
        for text in (
            "a@b.org",
            "postgresql://u@h:5432/x",
            "12:30 at 5@x",
            "http://127.0.0.1:8000/a",
        ):
            assert redact(text) == text

    def test_are_masked_however_deep(self) -> None:
        assert "geh3im" not in str(redacted({"a": [{"b": (self.URL, 1, None)}]}))

    def test_are_masked_in_the_log_and_its_tracebacks(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(RuntimeError) as caught:
            open_badly(self.URL)
        record = logging.LogRecord(
            "cim", logging.ERROR, __file__, 1, "at %s", (self.URL,), caught._excinfo
        )
        line = RedactingFormatter("%(message)s").format(record)
        assert "RuntimeError" in line
        assert "geh3im" not in line

    def test_are_masked_in_answers(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Store, "datasets", lambda *_: [{"dataset": "a", "uri": self.URL}])
        assert "geh3im" not in client.get("/api/datasets").text

    def test_folders_of_the_machine_are_not_told(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            Store, "datasets", lambda *_: [{"dataset": "a", "uri": "file:///home/li/a.shp"}]
        )
        assert client.get("/api/datasets").get_json() == [{"dataset": "a", "uri": "file:a.shp"}]


def open_badly(url: str) -> None:
    """Fail with the address in the message, as a driver may."""
    raise RuntimeError(url)


def test_static_files_do_not_leave_their_folder(client: FlaskClient) -> None:
    for path in ("/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/api.py"):
        assert client.get(path).status_code in {400, 404}


def test_app_without_a_city_has_its_routes(app: Flask) -> None:
    bare: Any = create_app()
    assert {str(each) for each in bare.url_map.iter_rules()} == {
        str(each) for each in app.url_map.iter_rules()
    }
