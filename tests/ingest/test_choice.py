"""Which of the files that came together are to be loaded."""

from pathlib import Path

import pytest

from cim.errors import InputError
from ingest.choice import belonging, loadable


class TestChoice:
    def files(self, folder: Path, *names: str) -> list[Path]:
        made = [folder / each for each in names]
        for each in made:
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_bytes(b"x")
        return made

    def test_is_a_delivery_alone(self, tmp_path: Path) -> None:
        files = self.files(tmp_path, "a.csv", "delivery.toml")
        assert loadable(files) == [tmp_path / "delivery.toml"]

    def test_leaves_out_sidecars_and_notes(self, tmp_path: Path) -> None:
        files = self.files(tmp_path, "a.shp", "a.dbf", "a.shx", "a.prj", "readme.txt")
        assert loadable(files) == [tmp_path / "a.shp"]

    def test_takes_a_text_if_there_is_nothing_else(self, tmp_path: Path) -> None:
        assert loadable(self.files(tmp_path, "points.txt")) == [tmp_path / "points.txt"]

    def test_takes_a_file_geodatabase_as_one(self, tmp_path: Path) -> None:
        files = self.files(tmp_path, "a.gdb/a1.gdbtable", "a.gdb/a2.gdbtable")
        assert loadable(files) == [tmp_path / "a.gdb"]

    def test_of_nothing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no format that is read"):
            loadable(self.files(tmp_path, "a.exe", "b.vrt"))

    def test_what_belongs_to_a_file_is_found(self, tmp_path: Path) -> None:
        files = self.files(tmp_path, "a.shp", "a.dbf", "b.shp", "c.gdb/x", "c.gdb/y")
        assert sorted(belonging(files[0])) == sorted(files[:2])
        assert sorted(belonging(tmp_path / "c.gdb")) == files[3:]
