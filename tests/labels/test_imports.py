import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "used",
    [
        "from numl_polars.labels import parent, is_muon, is_baryon, deposited_energy; parent(is_baryon)",
        "import numl_polars as nl; [scheme().check() for scheme in (nl.StandardLabels, nl.CCQELabels, "
        "nl.TopologyLabels, nl.DeltaRayLabels, nl.FlavorLabels)]; nl.SimpleLabels().columns",
    ],
    ids=["words", "schemes"],
)
def test_imports__words_and_schemes_load_without_what_computes_them(used: str) -> None:
    heavy = ("numba", "particle", "h5py", "pyarrow", "torch")
    code = f"import sys; {used}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
