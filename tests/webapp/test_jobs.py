"""Jobs: queued, followed, cancelled, remembered; what a stopped server left is interrupted."""

import io
import os
import signal
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from cim.errors import ConflictError, NotFoundError
from cim.store import open_city
from ingest.isolation import CancelledError
from ingest.report import Progress
from webapp import create_app
from webapp.apart import UploadWork
from webapp.jobs import ENDED, Job, Jobs


def work(folder: Path, kind: str = "load") -> UploadWork:
    return UploadWork(kind, str(folder), folder, (folder / "a.gpkg",), {})


class Stage:
    """Stands for the process that does the work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.free = False
        monkeypatch.setattr("webapp.jobs.run_apart", self.run)
        monkeypatch.setattr("webapp.jobs.Interpreter", lambda *_: None)

    def run(self, work: UploadWork, *, follow: Any, cancelled: Any, **_: Any) -> dict[str, Any]:
        self.begun.append(work.kind)
        follow(Progress("a.gpkg", "reading", 5, 10))
        while not self.free:
            if cancelled():
                raise CancelledError("cancelled")
            time.sleep(0.005)
        return {"loads": [], "failed": []}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def finish(stage: Stage, jobs: Jobs) -> None:
    """Let everything end, before the next test sets its own stage."""
    stage.free = True
    until(lambda: all(each.state in ENDED for each in jobs.all()))


def ignore(job: Job) -> None:
    assert job.state in ENDED


class TestQueue:
    def test_there_is_one_load_at_a_time(self, tmp_path: Path, stage: Stage) -> None:
        jobs = Jobs(tmp_path)
        one, two = (jobs.start(work(tmp_path), name, ignore) for name in "ab")
        until(lambda: one.progress)
        assert (one.state, two.state) == ("running", "waiting")
        assert one.progress == {"file": "a.gpkg", "stage": "reading", "done": 5, "total": 10}
        stage.free = True
        until(lambda: two.state == "done")
        assert stage.begun == ["load", "load"]

    def test_an_examination_does_not_wait_for_a_load(self, tmp_path: Path, stage: Stage) -> None:
        jobs = Jobs(tmp_path)
        loading = jobs.start(work(tmp_path), "a", ignore)
        examining = jobs.start(work(tmp_path, "examination"), "b", ignore)
        until(lambda: loading.state == examining.state == "running")
        stage.free = True
        until(lambda: loading.state == examining.state == "done")

    def test_of_one_upload_there_is_one_job(self, tmp_path: Path, stage: Stage) -> None:
        jobs = Jobs(tmp_path)
        jobs.start(work(tmp_path), "a", ignore)
        with pytest.raises(ConflictError, match="something is being done"):
            jobs.start(work(tmp_path), "a", ignore)
        finish(stage, jobs)

    def test_it_has_an_end(
        self, tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webapp.jobs.MOST_WAITING", 2)
        jobs = Jobs(tmp_path)
        for name in "ab":
            jobs.start(work(tmp_path), name, ignore)
        with pytest.raises(ConflictError, match="too many"):
            jobs.start(work(tmp_path), "c", ignore)
        finish(stage, jobs)


class TestCancelling:
    def test_ends_what_runs(self, tmp_path: Path, stage: Stage) -> None:
        jobs = Jobs(tmp_path)
        job = jobs.start(work(tmp_path), "a", ignore)
        until(lambda: job.state == "running")
        jobs.cancel(job.job)
        until(lambda: job.state == "cancelled")
        assert stage.begun == ["load"]

    def test_takes_what_waits_out_of_the_queue(self, tmp_path: Path, stage: Stage) -> None:
        jobs = Jobs(tmp_path)
        one, two, three = (jobs.start(work(tmp_path), name, ignore) for name in "abc")
        until(lambda: one.state == "running")
        assert jobs.cancel(two.job).state == "cancelled"
        stage.free = True
        until(lambda: three.state == "done")
        assert (stage.begun, two.started) == (["load", "load"], None)

    def test_of_what_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="no such job"):
            Jobs(tmp_path).cancel("0")


class TestMemory:
    def test_another_server_knows_what_was_done(self, tmp_path: Path, stage: Stage) -> None:
        stage.free = True
        job = Jobs(tmp_path).start(work(tmp_path), "a", ignore)
        until(lambda: job.state == "done" and job.ended)
        (found,) = Jobs(tmp_path).all()
        assert (found.job, found.state, found.result) == (job.job, "done", job.result)

    @pytest.mark.parametrize("server", [os.getpid(), 2**22 + 1], ids=["this one", "one that ended"])
    def test_what_was_at_work_is_found_interrupted(
        self, tmp_path: Path, stage: Stage, server: int
    ) -> None:
        before = Jobs(tmp_path)
        job = before.start(work(tmp_path), "a", ignore)
        until(lambda: job.state == "running")
        job.server = server
        before._write(job)
        (found,) = Jobs(tmp_path).all()
        assert found.state == "interrupted"
        assert found.ended
        finish(stage, before)

    def test_what_another_server_does_is_left_alone(self, tmp_path: Path, stage: Stage) -> None:
        before = Jobs(tmp_path)
        job = before.start(work(tmp_path), "a", ignore)
        until(lambda: job.state == "running")
        job.server = os.getppid()
        before._write(job)
        assert Jobs(tmp_path).find(job.job).state == "running"
        finish(stage, before)

    def test_files_that_are_no_jobs_are_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        for name, body in (("a", b"{"), ("b", b"{}"), ("c", b"[1]")):
            (tmp_path / "runs" / f"job-{name}.json").write_bytes(body)
        assert Jobs(tmp_path).all() == []

    def test_old_jobs_are_forgotten(
        self, tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webapp.jobs.KEPT", 2)
        stage.free = True
        jobs = Jobs(tmp_path)
        for name in "abcd":
            job = jobs.start(work(tmp_path), name, ignore)
            until(lambda job=job: job.state == "done")
        until(lambda: len(list((tmp_path / "runs").glob("job-*.json"))) == 2)
        assert [each.upload for each in jobs.all()] == ["d", "c"]


class TestOverHttp:
    def begin(self, client: FlaskClient, path: Path) -> str:
        data = {"file": (io.BytesIO(path.read_bytes()), path.name)}
        return str(client.post("/api/uploads", data=data).get_json()["upload"])

    def ended(self, client: FlaskClient, job: str) -> dict[str, Any]:
        until(lambda: client.get(f"/api/jobs/{job}").get_json()["state"] in ENDED)
        return dict(client.get(f"/api/jobs/{job}").get_json())

    def test_the_doctor_examines_what_came(self, client: FlaskClient, geojson: Path) -> None:
        upload = self.begin(client, geojson)
        body = {"files": {geojson.name: {"dataset": "x", "options": {"class_name": "Bridge"}}}}
        job = client.post(f"/api/uploads/{upload}/examination", json=body)
        assert job.status_code == 202
        (report,) = self.ended(client, job.get_json()["job"])["result"]["files"]
        assert report["path"] == geojson.name
        assert (report["dataset"], report["options"]) == ("x", {"class_name": "Bridge"})
        assert report["classes"] == {"Bridge": 5}

    def test_the_list_has_no_results(self, client: FlaskClient, geojson: Path) -> None:
        upload = self.begin(client, geojson)
        job = client.post(f"/api/uploads/{upload}/dry-run").get_json()["job"]
        assert self.ended(client, job)["result"]["loads"][0]["new"] == 5
        (listed,) = client.get("/api/jobs").get_json()
        assert (listed["job"], listed["kind"], listed["result"]) == (job, "dry_run", None)
        assert "server" not in listed

    def test_rejected_objects_come_as_a_table(self, app: Any, client: FlaskClient) -> None:
        jobs = app.extensions["cim-jobs"]
        rejected = [{"object": "=cmd()", "code": "bad", "reason": "why, so", "raw": "管"}] * 150
        result = {"loads": [{"file": "a.shp", "rejected": rejected}], "failed": []}
        jobs._jobs["1"] = Job("1", "load", "a", [], state="done", result=result)
        shown = client.get("/api/jobs/1").get_json()["result"]["loads"][0]
        assert (len(shown["rejected"]), shown["rejected_count"]) == (100, 150)
        table = client.get("/api/jobs/1/rejected.csv").data.decode("utf-8-sig").splitlines()
        assert table[:2] == ["file,object,code,reason,raw", 'a.shp,\'=cmd(),bad,"why, so",管']
        assert len(table) == 151

    def test_a_reader_process_that_is_killed_ends_the_job_alone(
        self, client: FlaskClient, city: str, geojson: Path, tmp_path: Path
    ) -> None:
        upload = self.begin(client, geojson)
        job = client.post(f"/api/uploads/{upload}/load").get_json()["job"]
        until(children)
        for each in children():
            os.kill(each, signal.SIGKILL)
        told = self.ended(client, job)
        assert told["state"] == "failed"
        assert "killed" in told["error"]["problem"]
        with open_city(city) as store:
            assert store.version() == 2

    def test_a_read_only_server_has_no_jobs(self, city: str) -> None:
        assert create_app(city, writable=False).test_client().get("/api/jobs").status_code == 403

    def test_a_job_on_disk_is_plain_json(self, city: str, client: FlaskClient) -> None:
        upload = client.post("/api/uploads").get_json()["upload"]
        client.put(f"/api/uploads/{upload}/files/a.geojson", data=b"{")
        job = client.post(f"/api/uploads/{upload}/load").get_json()["job"]
        self.ended(client, job)
        kept = orjson.loads((Path(city) / "runs" / f"job-{job}.json").read_bytes())
        assert (kept["state"], kept["error"]["where"]) == ("failed", "a.geojson")


def children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(each) for task in tasks for each in (task / "children").read_text().split()]
