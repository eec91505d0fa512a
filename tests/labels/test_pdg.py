from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from particle import pdgid

from numl_polars import labels
from numl_polars.labels.particle_codes import (
    charge,
    is_baryon,
    is_charged,
    is_neutral,
    is_nucleus,
    pdg_property,
)

CODES = [0, 11, -13, 15, 22, 111, 211, -321, 2112, 2212, -3122, 1000180400, 99999999, 2**31 - 1, -(2**31) + 1]


def evaluate(expression: pl.Expr, codes: list[int | None], dtype: pl.DataType | None = None) -> list[Any]:
    return (
        pl.DataFrame({"type": codes}, schema={"type": dtype or pl.Int32()})
        .select(expression)
        .to_series()
        .to_list()
    )


@pytest.mark.parametrize("name", ["is_lepton", "is_hadron", "is_meson", "is_baryon", "is_nucleus"])
@pytest.mark.parametrize("dtype", [pl.Int32(), pl.Int64()])
def test_predicate__says_what_particle_says(name: str, dtype: pl.DataType) -> None:
    assert evaluate(getattr(labels, name), [*CODES], dtype) == [getattr(pdgid, name)(code) for code in CODES]


def test_charge__is_null_where_the_code_is_not_valid() -> None:
    charges = [pdgid.charge(code) for code in CODES]
    assert None in charges
    assert evaluate(charge, [*CODES]) == [None if charge is None else float(charge) for charge in charges]


def test_neutral_and_charged__neither_holds_for_an_unknown_code() -> None:
    codes = [22, 2112, 11, -2212, 99999999, None]
    assert evaluate(is_neutral, codes) == [True, True, False, False, None, None]
    assert evaluate(is_charged, codes) == [False, False, True, True, None, None]


def test_is_nucleus__counts_nucleons() -> None:
    assert evaluate(is_nucleus, [2212, 2112, 1000180400, 11]) == [True, True, True, False]


def test_named_particles__take_both_signs() -> None:
    codes = [11, -11, 13, -13, 15, 22, 2212, -2212, 2112]
    for name, wanted in {
        "is_electron": {11, -11},
        "is_muon": {13, -13},
        "is_tau": {15},
        "is_photon": {22},
        "is_proton": {2212, -2212},
        "is_neutron": {2112},
    }.items():
        assert evaluate(getattr(labels, name), [*codes]) == [code in wanted for code in codes]


def test_pdg_property__is_asked_once_for_each_distinct_code() -> None:
    pdg_property.cache_clear()
    evaluate(is_baryon, [2212, 11, 2212, 2212, 11])
    assert pdg_property.cache_info().misses == 2
    evaluate(is_baryon, [11] * 10)
    assert pdg_property.cache_info().misses == 2


def test_predicate__of_an_empty_column() -> None:
    assert evaluate(is_baryon, []) == []


@given(
    codes=st.lists(st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-40, 40), st.none()), max_size=20)
)
@settings(deadline=None, max_examples=40)
def test_properties__of_any_codes(codes: list[int | None]) -> None:
    def asked(name: str) -> list[Any]:
        return [None if code is None else getattr(pdgid, name)(code) for code in codes]

    # that of a quark is a fraction
    assert evaluate(charge, codes) == [None if one is None else float(one) for one in asked("charge")]
    assert evaluate(is_baryon, codes) == asked("is_baryon")
    assert evaluate(is_nucleus, codes) == asked("is_nucleus")


def test_words__keep_the_name_that_they_are_called_by() -> None:
    for name in ("abs_pdg", "charge", "is_electron", "is_neutral", "is_nucleus"):
        assert getattr(labels, name).meta.output_name() == name
