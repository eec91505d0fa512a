"""Predicates and properties of particles by PDG code, as expressions over the column `type`.

The functions of the package `particle` are the reference for what needs the numbering scheme (charge, baryon,
nucleus, …); they are asked once for each distinct code. A code that the scheme does not know has no charge:
it is neither neutral nor charged.
"""

from functools import cache, partial

import polars as pl


@cache
def pdg_property(name: str, code: int) -> float | bool | None:
    """What `particle.pdgid.<name>` says of one PDG code; None where it does not know."""
    from particle import pdgid

    value = getattr(pdgid, name)(code)
    return value if value is None or isinstance(value, bool) else float(value)


def _look_up(codes: pl.Series, name: str, dtype: pl.DataType) -> pl.Series:
    distinct = codes.drop_nulls().unique()
    values = pl.Series([pdg_property(name, code) for code in distinct.to_list()], dtype=dtype)
    return codes.replace_strict(distinct, values, default=None, return_dtype=dtype)


def _ask_particle(name: str, dtype: pl.DataType) -> pl.Expr:
    look_up = partial(_look_up, name=name, dtype=dtype)
    return pl.col("type").map_batches(look_up, return_dtype=dtype, is_elementwise=True).alias(name)


abs_pdg = pl.col("type").abs().alias("abs_pdg")

is_electron = (abs_pdg == 11).alias("is_electron")
is_muon = (abs_pdg == 13).alias("is_muon")
is_tau = (abs_pdg == 15).alias("is_tau")
is_photon = (abs_pdg == 22).alias("is_photon")
is_proton = (abs_pdg == 2212).alias("is_proton")
is_neutron = (abs_pdg == 2112).alias("is_neutron")

charge = _ask_particle("charge", pl.Float64())
is_neutral = (charge == 0).alias("is_neutral")
is_charged = (charge != 0).alias("is_charged")
is_lepton = _ask_particle("is_lepton", pl.Boolean())
is_hadron = _ask_particle("is_hadron", pl.Boolean())
is_meson = _ask_particle("is_meson", pl.Boolean())
is_baryon = _ask_particle("is_baryon", pl.Boolean())
is_nucleus = _ask_particle("is_nucleus", pl.Boolean())
