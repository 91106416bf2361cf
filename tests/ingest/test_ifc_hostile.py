"""IFC files that crash, hang or fool kernels: each is read as far as it is sound, or refused."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ifc_models import House

from cim.errors import SourceError
from cim.model import Batch
from ingest.ifc import IFC, extract, kernels, meshes, shapes
from ingest.ifc.limits import ChildError, Limits, Report, run_limited
from ingest.ifc.reading import read as read_limited
from ingest.ifc.source import load
from ingest.reader import Reading, ReadOptions

LIMITS = Limits(seconds=20, memory=2**30)


@dataclass(frozen=True)
class Act:
    """A job that does one thing, named so that it can be pickled."""

    what: str
    path: Path

    def __call__(self, report: Report) -> None:
        report("acting")
        ACTS[self.what](self.path)


def _fill_memory(path: Path) -> None:
    kept = [np.ones(10_000_000) for _ in range(1000)]
    path.write_text(str(len(kept)), "ascii")


def _spin(path: Path) -> None:
    while path.name:
        pass


def _refuse(path: Path) -> None:
    raise SourceError("is odd", where=path.name, hint="mend it")


def _raise(path: Path) -> None:
    raise ZeroDivisionError(path.name)


ACTS: dict[str, Callable[[Path], None]] = {
    "write": lambda path: path.write_text("done", "ascii") and None,
    "crash": lambda path: os.kill(os.getpid(), signal.SIGSEGV),
    "sleep": lambda path: time.sleep(60),
    "spin": _spin,
    "memory": _fill_memory,
    "refuse": _refuse,
    "raise": _raise,
    "print": lambda path: sys.stdout.write(path.name) and None,
}


def act(what: str, folder: Path, limits: Limits = LIMITS) -> Path:
    run_limited(Act(what, folder / "out.txt"), limits, folder / "kernel.log")
    return folder / "out.txt"


def test_child_leaves_its_result(tmp_path: Path) -> None:
    assert act("write", tmp_path).read_text("ascii") == "done"


@pytest.mark.parametrize(
    ("what", "limits", "problem"),
    [
        ("crash", LIMITS, "crashed with SIGSEGV"),
        ("sleep", Limits(0.3, 2**30), "took longer"),
        ("spin", Limits(0.3, 2**30), "took longer"),
        ("memory", Limits(20, 2**28), "more than 256 MiB"),
        ("raise", LIMITS, "ZeroDivisionError: out.txt"),
    ],
)
def test_what_ends_a_child_is_told_with_its_stage(
    tmp_path: Path, what: str, limits: Limits, problem: str
) -> None:
    with pytest.raises(ChildError, match=problem) as caught:
        act(what, tmp_path, limits)
    assert caught.value.stage == "acting"


def test_refusal_of_a_child_reaches_the_caller_whole(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        act("refuse", tmp_path)
    assert (caught.value.problem, caught.value.where, caught.value.hint) == (
        "is odd",
        "out.txt",
        "mend it",
    )


def test_kernels_print_into_the_log_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    act("print", tmp_path)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_no_child_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ChildError):
        act("sleep", tmp_path, Limits(0.2, 2**30))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels work in a child, and a fork of this process at that, however small the model."""
    monkeypatch.setattr(extract, "harmless", lambda *given: False)
    monkeypatch.setattr(kernels, "_used_by", [])


@pytest.mark.usefixtures("apart")
def test_with_other_threads_about_a_fresh_interpreter_reads(tmp_path: Path) -> None:
    ready = threading.Event()
    other = threading.Thread(target=ready.wait)
    other.start()
    try:
        assert len(only(read(tmp_path, House().encode()))) == 6
    finally:
        ready.set()
        other.join()


def read(folder: Path, content: bytes) -> Reading:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (folder / "house.ifc").write_bytes(content)
    return IFC.open(folder / "house.ifc", ReadOptions(), work)


def only(reading: Reading) -> Batch:
    return next(iter(reading))


def replaced(house: House, kind: str, new: str) -> bytes:
    """The house with the first entity of that kind changed."""
    line = next(each for each in house.file.lines if f"={kind}(" in each)
    return str(house).replace(line, line.split("=")[0] + "=" + new).encode()


def test_model_of_simple_shapes_is_harmless_and_every_way_to_harm_is_seen(tmp_path: Path) -> None:
    house = House()
    assert judged(house.encode(), tmp_path)
    site = house.site_place
    circle = replaced(house, "IFCLOCALPLACEMENT", f"IFCLOCALPLACEMENT({site},{house.axes});")
    endless = replaced(
        house, "IFCRECTANGLEPROFILEDEF", "IFCRECTANGLEPROFILEDEF(.AREA.,$,$,1.E400,1.);"
    )
    dangling = replaced(house, "IFCLOCALPLACEMENT", "IFCLOCALPLACEMENT($,#99999);")
    unknown = house.encode().replace(b"IFCEXTRUDEDAREASOLID", b"IFCSURFACECURVESWEPTAREASOLID", 1)
    house.file.root("IFCRELNESTS", None, None, house.wall, [house.slab])
    house.file.root("IFCRELNESTS", None, None, house.slab, [house.wall])
    for harmful in (circle, endless, dangling, unknown, house.encode(), copies_of_copies()):
        assert not judged(harmful, tmp_path)


def judged(content: bytes, folder: Path) -> bool:
    """Whether that model is taken for harmless."""
    (folder / "judged.ifc").write_bytes(content)
    model = load(folder / "judged.ifc")
    return extract.Extraction(folder / "judged.ifc", model, ReadOptions()).wanted().harmless


def copies_of_copies() -> bytes:
    """A slab of ten copies of ten copies …: 10¹⁰ boxes in a few kilobytes."""
    house = House()
    add = house.file.add
    shape = house.box(1, 1, 1)
    items = [f"#{len(house.file.lines) - 2}"]
    to = add("IFCCARTESIANTRANSFORMATIONOPERATOR3D", None, None, "#1", None, None)
    for _ in range(10):
        inner = add(
            "IFCSHAPEREPRESENTATION", house.context, "'Body'", "'MappedRepresentation'", items
        )
        source = add("IFCREPRESENTATIONMAP", house.axes, inner)
        items = [add("IFCMAPPEDITEM", source, to) for _ in range(10)]
    body = add("IFCSHAPEREPRESENTATION", house.context, "'Body'", "'MappedRepresentation'", items)
    shape = add("IFCPRODUCTDEFINITIONSHAPE", None, None, [body])
    house.element("IFCSLAB", "Copies", house.level, shape, ".FLOOR.")
    return house.encode()


def test_copies_of_copies_end_in_one_clear_way(tmp_path: Path) -> None:
    (tmp_path / "house.ifc").write_bytes(copies_of_copies())
    (tmp_path / "work").mkdir()
    limits = Limits(8, 2**29)
    told = outcome(
        lambda: read_limited(tmp_path / "house.ifc", ReadOptions(), tmp_path / "work", limits)
    )
    assert told & {"refused", "kernel_failed", "no_shape"}


def outcome(read_it: Callable[[], Reading]) -> set[str]:
    """Codes of all findings of a reading with objects; ``refused`` for one clear error."""
    try:
        reading = read_it()
    except SourceError as error:
        return {"refused"} if error.hint else set()
    objects = sum(len(each) for each in reading)
    return {"read"} | {each.code for each in reading.findings} if objects else set()


@pytest.mark.parametrize("cut", [0.1, 0.35, 0.6, 0.9, 0.999])
def test_file_cut_anywhere_is_refused(tmp_path: Path, cut: float) -> None:
    content = House().encode()
    with pytest.raises(SourceError, match="is cut off"):
        read(tmp_path, content[: int(len(content) * cut)])


@pytest.mark.parametrize("seed", range(6))
def test_bytes_gone_wrong_are_an_error_or_a_reading_but_never_a_crash(
    tmp_path: Path, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    content = bytearray(House().encode())
    for place in chance.integers(300, len(content) - 40, 30):
        content[place] = int(chance.integers(32, 127))
    assert outcome(lambda: read(tmp_path, bytes(content)))


def test_placement_that_contains_itself_does_no_harm(tmp_path: Path) -> None:
    house = House()
    number = house.site_place
    content = replaced(house, "IFCLOCALPLACEMENT", f"IFCLOCALPLACEMENT({number},{house.axes});")
    assert len(only(read(tmp_path, content))) == 6


def test_hierarchy_that_goes_in_circles_ends(tmp_path: Path) -> None:
    house = House()
    house.file.root("IFCRELAGGREGATES", None, None, house.storey, [house.site_ref])
    house.file.root("IFCRELNESTS", None, None, house.wall, [house.building])
    house.file.root("IFCRELNESTS", None, None, house.building, [house.wall])
    assert len(only(read(tmp_path, house.encode()))) == 6


def test_references_to_nothing_are_passed_over(tmp_path: Path) -> None:
    house = House()
    for kind in ("IFCRELDEFINESBYPROPERTIES", "IFCRELASSOCIATESMATERIAL", "IFCRELDEFINESBYTYPE"):
        house.file.root(kind, None, None, ["#77777", house.wall], "#88888")
    house.file.root("IFCRELAGGREGATES", None, None, "#99999", [house.slab])
    assert len(only(read(tmp_path, house.encode()))) == 6


def test_coordinates_without_end_leave_the_element_without_shape(tmp_path: Path) -> None:
    content = replaced(
        House(), "IFCRECTANGLEPROFILEDEF", "IFCRECTANGLEPROFILEDEF(.AREA.,$,$,1.E400,1.);"
    )
    batch = only(read(tmp_path, content))
    assert len(batch) == 6
    assert all(np.isfinite(mesh.vertices).all() for mesh in batch.meshes)


def test_numbers_without_end_in_properties_are_unknown(tmp_path: Path) -> None:
    content = House().encode().replace(b"IFCPOSITIVELENGTHMEASURE(3.0)", b"IFCREAL(1.E400)")
    objects = only(read(tmp_path, content)).objects.set_index("name")
    assert objects.loc["South wall", "attributes"]["Pset_WallCommon"]["ClearHeight"] is None


@pytest.mark.usefixtures("apart")
def test_kernel_that_crashes_is_left_out_and_the_other_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "fast_shapes", lambda *given: os.kill(os.getpid(), signal.SIGSEGV))
    reading = read(tmp_path, House().encode())
    assert len(only(reading).meshes) == 4
    assert "kernel_failed" in {each.code for each in reading.findings}


@pytest.mark.usefixtures("apart")
def test_both_kernels_crashing_leaves_the_elements_without_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*given: object) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    monkeypatch.setattr(shapes, "fast_shapes", crash)
    monkeypatch.setattr(meshes.ThoroughKernel, "shapes", crash)
    reading = read(tmp_path, House().encode())
    assert len(only(reading)) == 6
    assert {"kernel_failed", "no_shape"} <= {each.code for each in reading.findings}


@pytest.mark.usefixtures("apart")
def test_reading_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "house.ifc").write_bytes(House().encode())
    with pytest.raises(SourceError, match="took longer than"):
        read_limited(tmp_path / "house.ifc", ReadOptions(), tmp_path, Limits(0.0, 2**30))


def test_thorough_kernel_makes_the_same_walls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = {mesh.object_id: mesh.volume for mesh in only(read(tmp_path, House().encode())).meshes}
    monkeypatch.setattr(shapes, "fast_shapes", lambda *given: {})
    slow = {mesh.object_id: mesh.volume for mesh in only(read(tmp_path, House().encode())).meshes}
    assert slow == pytest.approx(fast, rel=1e-4)
