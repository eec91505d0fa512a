import subprocess
import sys


def test_imports__schemes_load_without_numba_and_particle() -> None:
    code = (
        "import sys, numl_polars.labels.standard, numl_polars.labels.event_labels; "
        "print([name for name in ('numba', 'particle', 'h5py', 'torch') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
