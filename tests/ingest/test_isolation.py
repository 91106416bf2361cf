"""A child process that crashes, swells, hangs or is stopped ends alone."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cities
import pytest
from feature_files import frame

from cim.errors import CimError, NotFoundError, ParamError, SourceError
from cim.store import create_city, open_city
from ingest import READERS, PartlyLoadedError, Progress, ReadOptions, load_apart, load_files
from ingest.delivery import Item
from ingest.isolation import CancelledError, Interpreter, Limits, run_apart
from ingest.one_dataset import Manner
from ingest.reader import Reader, Reading
from ingest.report import Follow


@dataclass(frozen=True)
class Does:
    """Work for a child."""

    what: str
    file: Path | None = None
    where: str = "x.ifc"

    def __call__(self, follow: Follow) -> Any:
        return getattr(self, self.what)(follow)

    def answer(self, follow: Follow) -> Any:
        follow(Progress("x.ifc", "reading", 3, 7))
        return {"parent": os.getppid(), "self": os.getpid(), "threads": threading.active_count()}

    def refuse(self, follow: Follow) -> Any:
        raise NotFoundError("no city", where="a.city", hint="cim init")

    def fault(self, follow: Follow) -> Any:
        raise ZeroDivisionError

    def crash(self, follow: Follow) -> Any:
        follow(Progress("x.ifc", "reading", 1200, None))
        os.write(2, b"Assertion failed: ring closed\n")
        ctypes.string_at(0)

    def leave(self, follow: Follow) -> Any:
        os._exit(3)

    def swell(self, follow: Follow) -> Any:
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 20)) * 16)

    def be_killed(self, follow: Follow) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self, follow: Follow) -> Any:
        follow(Progress("x.ifc", "reading", 5, None))
        time.sleep(600)

    def chatter(self, follow: Follow) -> Any:
        os.write(1, b"native code says something")
        os.write(2, b"and complains")
        return 1

    def finish_slowly(self, follow: Follow) -> Any:
        follow(Progress("x.ifc", "finishing", 5, None))
        time.sleep(4)
        return "done"

    def start_another(self, follow: Follow) -> Any:
        assert self.file
        child = os.fork()
        if child == 0:
            time.sleep(600)
        self.file.write_text(str(child))
        time.sleep(600)

    def take_back(self, follow: Follow) -> Any:
        assert self.file
        self.file.write_text("half")
        try:
            time.sleep(600)
        finally:
            self.file.unlink()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that other tests left waiting do not matter here."""
    monkeypatch.setattr("ingest.isolation._alone", lambda: True)


LIMITS = Limits(memory=600 << 20, silence=20)


def gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


class Stop:
    """Cancels after some questions."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


class TestRunApart:
    def test_gives_what_the_work_gives_and_tells_how_far_it_is(self) -> None:
        heard: list[Progress] = []
        told = run_apart(Does("answer"), follow=heard.append)
        assert told["parent"] == os.getpid() != told["self"]
        assert heard == [Progress("x.ifc", "reading", 3, 7)]

    def test_raises_what_the_work_raises(self) -> None:
        with pytest.raises(NotFoundError, match="no city") as raised:
            run_apart(Does("refuse"))
        assert (raised.value.where, raised.value.hint) == ("a.city", "cim init")

    def test_a_fault_of_ours_keeps_its_traceback(self) -> None:
        with pytest.raises(RuntimeError, match=r"(?s)in fault.*ZeroDivisionError"):
            run_apart(Does("fault"))

    def test_a_crash_names_file_signal_place_and_last_words(self) -> None:
        with pytest.raises(SourceError) as raised:
            run_apart(Does("crash"))
        assert raised.value.where == "x.ifc"
        told = "the reader crashed (SIGSEGV) after 1,200 objects; it said: Assertion failed: ring"
        assert raised.value.problem.startswith(told)
        assert "the city is as it was" in raised.value.hint

    def test_an_end_without_a_result_is_an_error(self) -> None:
        with pytest.raises(SourceError, match=r"without a result \(status 3\)"):
            run_apart(Does("leave"))

    def test_a_kill_by_the_system_is_told(self) -> None:
        with pytest.raises(SourceError, match="memory ran out"):
            run_apart(Does("be_killed"))

    def test_too_much_memory_ends_it(self) -> None:
        with pytest.raises(SourceError, match="more than 600 MB of memory"):
            run_apart(Does("swell"), limits=LIMITS)

    def test_silence_ends_it(self) -> None:
        started = time.monotonic()
        with pytest.raises(SourceError, match="no progress for 4 s after 5 objects"):
            run_apart(Does("hang"), limits=Limits(memory=1 << 30, silence=4))
        assert time.monotonic() - started < 60

    def test_our_own_finishing_may_take_its_time(self) -> None:
        limits = Limits(memory=1 << 30, silence=3)
        assert run_apart(Does("finish_slowly"), limits=limits) == "done"

    def test_cancelling_lets_it_take_back_what_it_did(self, tmp_path: Path) -> None:
        half = tmp_path / "half"
        with pytest.raises(CancelledError):
            run_apart(Does("take_back", half), cancelled=half.exists)
        assert not half.exists()

    def test_what_it_started_ends_with_it(self, tmp_path: Path) -> None:
        noted = tmp_path / "noted"
        with pytest.raises(CancelledError):
            run_apart(Does("start_another", noted), cancelled=lambda: bool(read(noted)))
        deadline = time.monotonic() + 5
        while not gone(int(read(noted))) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert gone(int(read(noted)))

    def test_what_native_code_prints_is_not_ours(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert run_apart(Does("chatter")) == 1
        assert capfd.readouterr() == ("", "")

    def test_nothing_is_left_open(self) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for what in ("answer", "leave"):
            try:
                run_apart(Does(what))
            except SourceError:
                continue
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    def test_a_limit_that_is_no_number_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CIM_READER_SECONDS", "soon")
        with pytest.raises(ParamError, match="CIM_READER_SECONDS: 'soon' is no amount"):
            Limits()


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@dataclass(frozen=True)
class Environment:
    """Work that can be pickled to a fresh interpreter."""

    where: str = "x"

    def __call__(self, follow: Follow) -> Any:
        follow(Progress("x", "reading", 1, 1))
        return os.environ.get("CIM_TEST_SETTING")


def test_settings_are_there_before_anything_is_imported() -> None:
    heard: list[Progress] = []
    work = Environment()
    ready = Interpreter({"CIM_TEST_SETTING": "on"})
    assert run_apart(work, interpreter=ready, follow=heard.append) == "on"
    assert len(heard) == 1
    assert "CIM_TEST_SETTING" not in os.environ


def test_work_is_cancelled_while_its_interpreter_still_starts() -> None:
    with pytest.raises(CancelledError):
        run_apart(Environment(), interpreter=Interpreter(), cancelled=lambda: True)


def test_beside_other_threads_the_child_is_a_fresh_interpreter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        found = run_apart(Started())
    finally:
        over.set()
        other.join()
    assert found == "-c"


@dataclass(frozen=True)
class Started:
    """How a process was started."""

    where: str = "x"

    def __call__(self, follow: Follow) -> Any:
        return sys.argv[0]


# Loading


def hostile(what: str) -> Reader:
    """A reader of *.bad files that does `what` after a first batch."""

    def batches() -> Iterator[Any]:
        yield cities.street(3)
        Does(what)(lambda progress: None)

    return Reader(
        "bad", "Bad", (".bad",), lambda path, options, work: Reading(cities.CRS, "file", batches())
    )


@pytest.fixture
def city(tmp_path: Path) -> str:
    location = str(tmp_path / "a.city")
    create_city(location, cities.CRS).close()
    return location


def houses(path: Path, count: int = 4) -> Path:
    frame({"name": [f"n{at}" for at in range(count)]}).to_file(path)
    return path


def items(*paths: Path) -> list[Item]:
    return [Item(path, path.stem) for path in paths]


def state(city: str) -> tuple[int, int, list[str]]:
    with open_city(city) as store:
        left = [each.name for each in (store.folder / "work").glob("*")]
        return store.version(), sum(store.info().classes.values()), left


def test_a_load_apart_is_the_load_itself(city: str, tmp_path: Path) -> None:
    path = houses(tmp_path / "h.gpkg")
    other = str(tmp_path / "b.city")
    create_city(other, cities.CRS).close()
    heard: list[Progress] = []
    (apart,) = load_apart(city, items(path), manner=Manner(follow=heard.append))
    with open_city(other) as store:
        (here,) = load_files(store, [path], name="h")
    assert apart == here
    assert apart.new == 4
    assert {each.stage for each in heard} == {"reading", "finishing"}
    (again,) = load_apart(city, items(path))
    assert (again.same, again.findings[0].code) == (4, "identical")


@pytest.mark.parametrize(
    ("what", "said"),
    [("crash", "SIGSEGV"), ("swell", "of memory"), ("hang", "no progress"), ("leave", "status 3")],
)
def test_a_bad_file_fails_alone(
    city: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, said: str
) -> None:
    reader = hostile(what)
    monkeypatch.setattr("ingest.catalogue.READERS", {"bad": reader, **READERS})
    bad = tmp_path / "evil.bad"
    bad.write_text("x")
    one, two = houses(tmp_path / "one.gpkg"), houses(tmp_path / "two.gpkg")
    limits = Limits(memory=900 << 20, silence=8 if what == "hang" else 60)
    with pytest.raises(PartlyLoadedError) as raised:
        load_apart(city, items(one, bad, two), limits=limits)
    (failure,) = raised.value.failures.values()
    assert said in failure.problem
    assert failure.where == "evil.bad"
    assert [each.dataset for each in raised.value.reports] == ["one", "two"]
    assert state(city)[:2] == (2, 8)
    load_apart(city, items(houses(tmp_path / "three.gpkg")))
    assert state(city) == (3, 12, [])


def test_cancelling_leaves_the_city_as_it_was(
    city: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = hostile("hang")
    monkeypatch.setattr("ingest.catalogue.READERS", {"bad": reader})
    bad = tmp_path / "evil.bad"
    bad.write_text("x")
    with pytest.raises(CancelledError):
        load_apart(city, items(bad, bad), cancelled=Stop(5))
    assert state(city)[:2] == (0, 0)


def test_a_city_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(CimError, match="no city"):
        load_apart(str(tmp_path / "none.city"), [])


def test_options_come_along(city: str, tmp_path: Path) -> None:
    item = Item(houses(tmp_path / "h.gpkg"), "h", ReadOptions(class_name="Bridge"))
    (report,) = load_apart(city, [item], manner=Manner(dry_run=True))
    assert (report.new, report.dry_run, state(city)[1]) == (4, True, 0)
