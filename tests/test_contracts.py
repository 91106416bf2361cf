"""What every listed thing promises: checked for all of them the moment they are listed."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cities
import click
import pytest
from generate import commands_of, explanation, routes
from pandas.testing import assert_frame_equal

from cim.analyses import ANALYSES
from cim.analysis import Analysis, Outcome
from cim.errors import CimError, InputError
from cim.model import CityModel, Dataset
from cim.schema import CLASSES, COVERAGE_KINDS, TABLES, THEMES, CityClass
from cim.store import Store, create_city
from cim.store.writing import Delivery
from ingest import READERS
from ingest.reader import Reader, ReadOptions
from layers import LAYERS
from layers.layer import Layer
from webapp.cli import main

HAN = re.compile(r"[\u4e00-\u9fff]")
COMMANDS = dict(commands_of("cim", main))


def values(declared: Analysis) -> dict[str, Any]:
    """A value for every parameter: its default, its first choice, or its smallest."""
    return {
        each.name: each.convert(each.choices[0] if each.choices else each.ge or 1)
        if each.required
        else each.default
        for each in declared.params
    }


def answered(analysis: Analysis, city: CityModel) -> Outcome:
    """The outcome; where the city lacks what it needs, the error must say what to load."""
    try:
        return analysis.outcome(city, values(analysis))
    except InputError as error:
        (pytest.skip if error.hint else pytest.fail)(f"the made-up town is not enough: {error}")


@pytest.fixture
def town_store(tmp_path: Path) -> Iterator[Store]:
    """A street with an unknown house, a cube, and a water main below."""
    with create_city(str(tmp_path / "town"), cities.CRS) as store:
        with store.load(Delivery(Dataset("town"), file="town")) as load:
            for batch in (
                cities.street(), cities.unknown_house(), cities.cube(), cities.water_main(),
            ):  # fmt: skip
                load.put(batch)
        yield store


@pytest.fixture
def town(town_store: Store) -> CityModel:
    return town_store.select()


def titled(thing: object) -> str:
    return str(getattr(thing, "name", thing))


@pytest.mark.parametrize("city_class", CLASSES.values(), ids=titled)
def test_class_has_a_title_in_both_languages(city_class: CityClass) -> None:
    assert city_class.title.isascii()
    assert HAN.search(city_class.title_zh)


def test_class_codes_are_unique() -> None:
    assert len({each.code for each in CLASSES.values()}) == len(CLASSES)


@pytest.mark.parametrize("table", TABLES)
def test_columns_of_a_table_are_unique_and_explained(table: str) -> None:
    columns = TABLES[table]
    assert len({each.name for each in columns}) == len(columns)
    assert all(each.meaning.strip() for each in columns)


@pytest.mark.parametrize("reader", READERS.values(), ids=titled)
class TestEveryReader:
    def test_is_explained(self, reader: Reader) -> None:
        assert reader.title
        assert explanation(reader).partition("\n")[0].endswith(".")

    def test_suffixes_are_lower_case_and_start_with_a_dot(self, reader: Reader) -> None:
        assert reader.suffixes
        assert all(each == each.lower() and each.startswith(".") for each in reader.suffixes)

    def test_refuses_an_empty_file_with_its_name(self, reader: Reader, tmp_path: Path) -> None:
        file = tmp_path / f"nothing{reader.suffixes[0]}"
        file.write_bytes(b"")
        if not reader.accepts(file):
            assert reader.recognise(file) is False
            return
        work = tmp_path / "work"
        work.mkdir()
        with pytest.raises(CimError, match=file.name):
            list(reader.open(file, ReadOptions(), work))

    def test_refuses_noise_with_its_name(self, reader: Reader, tmp_path: Path) -> None:
        file = tmp_path / f"noise{reader.suffixes[0]}"
        file.write_bytes(bytes(range(256)) * 20)
        work = tmp_path / "work"
        work.mkdir()
        if not reader.accepts(file):
            assert reader.recognise(file) is False
            return
        with pytest.raises(CimError, match=file.name):
            list(reader.open(file, ReadOptions(crs="EPSG:4326"), work))


def test_reader_names_are_identifiers() -> None:
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in READERS)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=titled)
class TestEveryLayer:
    def test_has_a_title_in_both_languages(self, layer: Layer) -> None:
        assert layer.title
        assert HAN.search(layer.title_zh)

    def test_has_a_legend_in_both_languages(self, layer: Layer) -> None:
        assert all(each.label and each.label_zh for each in layer.legend)
        assert all(re.fullmatch(r"#[0-9a-f]{6}", each.color) for each in layer.legend)

    def test_says_how_it_draws(self, layer: Layer) -> None:
        assert (layer.draw.__doc__ or "").strip().partition("\n")[0].endswith(".")

    def test_shows_only_known_themes(self, layer: Layer) -> None:
        assert set(layer.themes) <= set(THEMES)
        assert layer.codes or not layer.themes


@pytest.mark.parametrize("analysis", ANALYSES.values(), ids=titled)
class TestEveryAnalysis:
    def test_has_a_title_in_both_languages(self, analysis: Analysis) -> None:
        assert analysis.title
        assert HAN.search(analysis.title_zh)

    def test_is_explained_in_a_sentence(self, analysis: Analysis) -> None:
        assert analysis.summary.endswith(".")

    def test_every_parameter_is_explained_in_both_languages(self, analysis: Analysis) -> None:
        assert all(each.help and HAN.search(each.help_zh) for each in analysis.params)

    def test_reads_known_classes(self, analysis: Analysis) -> None:
        assert analysis.reads
        assert set(analysis.reads) <= CLASSES.keys()

    def test_names_its_source(self, analysis: Analysis) -> None:
        assert analysis.source

    def test_gives_the_columns_it_declares(self, analysis: Analysis, town: CityModel) -> None:
        outcome = answered(analysis, town.of_class(*analysis.reads))
        assert list(outcome.table.columns) == list(analysis.column_names)
        assert outcome.table.index.name

    def test_leaves_the_city_as_it_was(self, analysis: Analysis, town: CityModel) -> None:
        before = town.objects.copy(deep=True)
        answered(analysis, town)
        assert_frame_equal(town.objects, before)

    def test_works_on_an_empty_city(self, analysis: Analysis, town: CityModel) -> None:
        nobody = replace(town, objects=town.objects.iloc[:0], edges=town.edges.iloc[:0])
        assert len(answered(analysis, nobody).table) == 0

    def test_answers_the_same_question_from_the_store(
        self, analysis: Analysis, town_store: Store
    ) -> None:
        answered(analysis, town_store.select(classes=analysis.reads))
        first = analysis.run(town_store, values(analysis))
        again = analysis.run(town_store, values(analysis))
        assert (first.from_store, again.from_store) == (False, True)
        assert again.as_dict() | {"from_store": False} == first.as_dict()

    def test_parameters_have_a_json_schema(self, analysis: Analysis) -> None:
        assert all(each.json_schema()["description"] for each in analysis.params)


@pytest.mark.parametrize("name", COMMANDS)
class TestEveryCommand:
    def test_is_explained_in_a_sentence(self, name: str) -> None:
        first = (COMMANDS[name].help or "").strip().partition("\n\n")[0].split("\n")[0]
        assert first.endswith("."), first

    def test_every_option_is_explained(self, name: str) -> None:
        options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
        assert [each.name for each in options if not each.help] == []

    def test_can_answer_in_json(self, name: str) -> None:
        flags = {flag for each in COMMANDS[name].params for flag in each.opts}
        assert "--json" in flags


def test_every_coverage_kind_is_a_word() -> None:
    assert all(re.fullmatch(r"[a-z_]+", kind) for kind in COVERAGE_KINDS)


class TestEveryRoute:
    def test_is_explained_in_a_sentence(self) -> None:
        unexplained = [path for _, path, meaning in routes() if not meaning.endswith(".")]
        assert unexplained == []

    def test_only_the_api_takes_anything(self) -> None:
        writing = {path for methods, path, _ in routes() if "GET" not in methods}
        assert all(path.startswith("/api/") for path in writing)
