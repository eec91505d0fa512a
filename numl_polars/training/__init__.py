"""Training files of any format as a data set for torch, with batches built from columns.

Each name is imported when it is first used; only `DataModule` needs pytorch_lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numl_polars.training.batches import collate
    from numl_polars.training.dataset import Dataset
    from numl_polars.training.lightning import DataModule
    from numl_polars.training.loader import DataLoader
    from numl_polars.training.sampling import BalancedSampler

_HOMES = {
    "BalancedSampler": "sampling",
    "DataLoader": "loader",
    "DataModule": "lightning",
    "Dataset": "dataset",
    "collate": "batches",
}

__all__ = ["BalancedSampler", "DataLoader", "DataModule", "Dataset", "collate"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("torch", "torch_geometric"):
            raise
        raise ImportError(
            f"numl_polars.training needs {missing}: pip install 'numl-polars[torch]'"
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
