"""What values of many spellings mean."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.schema import ACCESS_LEVELS, STATUSES
from ingest import values
from ingest.values import NotUnderstoodError


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("12", 12),
        ("12.5 m", 12.5),
        ("12,5", 12.5),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1 234", 1234),
        ("40 ft", 12.192),
        ("40'", 12.192),
        ("18米", 18),
        ("250 cm", 2.5),
        ("-3", -3),
        ("1e3", 1000),
        ("0,250", 0.25),
    ],
)
def test_numbers_are_read_in_metres(text: str, metres: float) -> None:
    assert values.number(text) == pytest.approx(metres)


@pytest.mark.parametrize("text", ["", "high", "12 km", "1,234", "3-4", "12;15", "inf", "１２a"])
def test_what_is_no_number_is_not_made_one(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        values.number(text)


@pytest.mark.parametrize(("text", "storeys"), [("6", 6), ("6F", 6), ("地上6层", 6), ("共12层", 12)])
def test_storeys_are_counted(text: str, storeys: int) -> None:
    assert values.count(text) == storeys


@pytest.mark.parametrize("text", ["2.5", "12/-2", "B1", "many"])
def test_what_is_no_count_is_not_made_one(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        values.count(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2008", "2008-01-01"),
        ("2008.0", "2008-01-01"),
        ("2008年", "2008-01-01"),
        ("2008年5月", "2008-05-01"),
        ("2008年5月12日", "2008-05-12"),
        ("2008-05-12", "2008-05-12"),
        ("2008/5/12", "2008-05-12"),
        ("20080512", "2008-05-12"),
        ("2008-05-12T14:28:00Z", "2008-05-12"),
    ],
)
def test_days_are_read_in_many_ways(text: str, day: str) -> None:
    assert values.day(text) == day


@pytest.mark.parametrize("text", ["0", "99", "2008-13-01", "2009-02-29", "12.5.2008", "C18"])
def test_what_is_no_day_is_not_made_one(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        values.day(text)


@given(st.dates(min_value=date(1000, 1, 1)).filter(lambda d: d.year < 3000))
def test_iso_days_are_themselves(day: date) -> None:
    assert values.day(str(day)) == str(day)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1))
def test_numbers_as_text_are_those_numbers(numbers: list[float | None]) -> None:
    texts = [None if each is None else repr(each) for each in numbers]
    found = np.asarray(values.numbers(pa.array(texts, pa.string())).values)
    expected = np.array([np.nan if each is None else each for each in numbers])
    expected[np.isin(expected, values.NO_DATA)] = np.nan
    assert np.array_equal(found, expected, equal_nan=True)


@given(st.lists(st.one_of(st.none(), st.text(max_size=8))))
@pytest.mark.parametrize(
    "read",
    [
        values.numbers,
        values.days,
        values.texts,
        lambda column: values.words(column, values.status),
        lambda column: values.words(column, values.function),
        lambda column: values.numbers(column, values.count),
        lambda column: values.numbers(column, values.coordinate),
    ],
)
def test_no_text_disturbs(
    read: Callable[[pa.Array], values.Converted], texts: list[str | None]
) -> None:
    found = read(pa.array(texts, pa.string()))
    assert len(found.values) == len(texts)
    assert found.changed is None or len(found.changed) == len(texts)


def test_numbers_that_stand_for_nothing_are_unknown() -> None:
    found = values.numbers(pa.array([-9999.0, 3.0, None]))
    assert np.isnan(np.asarray(found.values)).tolist() == [True, False, True]
    assert found.junk == 0


def test_words_lead_to_the_vocabulary() -> None:
    assert set(values.STATUS_WORDS.values()) == set(STATUSES)
    assert set(values.ACCESS_WORDS.values()) == set(ACCESS_LEVELS)


def test_what_was_changed_is_marked() -> None:
    found = values.words(pa.array(["现状", "existing", "?!", None]), values.status)
    assert found.changed is not None
    assert found.changed.tolist() == [True, False, True, False]
    assert (found.junk, found.example) == (1, "?!")
