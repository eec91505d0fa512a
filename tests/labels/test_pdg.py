import polars as pl
import pytest
from particle import pdgid

from numl_polars.labels import pdg

CODES = [0, 11, -13, 15, 22, 111, 211, -321, 2112, 2212, -3122, 1000180400, 99999999, 2**31 - 1, -(2**31) + 1]


def evaluate(expression: pl.Expr, codes: list[int | None], dtype: pl.DataType | None = None) -> list[object]:
    return (
        pl.DataFrame({"type": codes}, schema={"type": dtype or pl.Int32()})
        .select(expression)
        .to_series()
        .to_list()
    )


@pytest.mark.parametrize("name", ["is_lepton", "is_hadron", "is_meson", "is_baryon", "is_nucleus"])
@pytest.mark.parametrize("dtype", [pl.Int32(), pl.Int64()])
def test_predicate__says_what_particle_says(name: str, dtype: pl.DataType) -> None:
    assert evaluate(getattr(pdg, name), [*CODES], dtype) == [getattr(pdgid, name)(code) for code in CODES]


def test_charge__is_null_where_the_code_is_not_valid() -> None:
    charges = [pdgid.charge(code) for code in CODES]
    assert None in charges
    assert evaluate(pdg.charge, [*CODES]) == [None if charge is None else float(charge) for charge in charges]


def test_neutral_and_charged__neither_holds_for_an_unknown_code() -> None:
    codes = [22, 2112, 11, -2212, 99999999, None]
    assert evaluate(pdg.is_neutral, codes) == [True, True, False, False, None, None]
    assert evaluate(pdg.is_charged, codes) == [False, False, True, True, None, None]


def test_is_nucleus__counts_nucleons() -> None:
    assert evaluate(pdg.is_nucleus, [2212, 2112, 1000180400, 11]) == [True, True, True, False]


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
        assert evaluate(getattr(pdg, name), [*codes]) == [code in wanted for code in codes]


def test_pdg_property__is_asked_once_for_each_distinct_code() -> None:
    pdg.pdg_property.cache_clear()
    evaluate(pdg.is_baryon, [2212, 11, 2212, 2212, 11])
    assert pdg.pdg_property.cache_info().misses == 2
    evaluate(pdg.is_baryon, [11] * 10)
    assert pdg.pdg_property.cache_info().misses == 2


def test_predicate__of_an_empty_column() -> None:
    assert evaluate(pdg.is_baryon, []) == []
