import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("pytorch_lightning")

from numl_polars.errors import InputError, OptionError
from numl_polars.training import BalancedSampler, DataModule, Dataset


def test_data_module__loaders(small: dict[str, Path]) -> None:
    module = DataModule(small["arrow"], batch_size=4, num_workers=0, shuffle="balance", balance_frac=0.25)
    assert module.planes == ("u", "v", "y")
    assert (module.semantic_classes, module.event_classes) == (("track", "shower"), ("cc_nue", "nc"))
    assert (module.gen, module.num_hit_features) == (2, 6)
    train = module.train_dataloader()
    assert isinstance(train.sampler, BalancedSampler)
    assert [batch.num_graphs for batch in train] == [4] * (len(module.train_dataset) // 4)
    for loader, split in ((module.val_dataloader(), "validation"), (module.test_dataloader(), "test")):
        events = [event for batch in loader for event in batch["metadata"].event.tolist()]
        assert [f"r1_sr0_evt{event}" for event in events] == Dataset(small["arrow"], split).names


def test_data_module__options(small: dict[str, Path]) -> None:
    with pytest.raises(OptionError, match="shuffle 'sorted' is neither 'random' nor 'balance'"):
        DataModule(small["arrow"], shuffle="sorted")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="both a model and a transform"):
        DataModule(small["arrow"], model=object, transform=lambda data: data)
    with pytest.raises(InputError, match="'semantic_classes' is"):
        DataModule(small["arrow"], classes={"semantic_classes": ["other"]})

    class Model:
        @staticmethod
        def transform(planes: tuple[str, ...]) -> Any:
            def add(data: Any) -> Any:
                data["hit"].num_planes = torch.tensor([len(planes)])
                return data

            return add

    module = DataModule(small["hdf5"], model=Model, batch_size=2, num_workers=0)
    assert next(iter(module.train_dataloader()))["hit"].num_planes.tolist() == [3, 3]


@pytest.mark.filterwarnings("ignore")
def test_data_module__trains(small: dict[str, Path], tmp_path: Path) -> None:
    import pytorch_lightning

    class Model(pytorch_lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(6, 1)
            self.seen = 0

        def training_step(self, batch: Any, _: int) -> Any:
            self.seen += batch.num_graphs
            return self.layer(batch["hit"].x).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    model = Model()
    module = DataModule(small["arrow"], batch_size=4, num_workers=0, shuffle="balance")
    trainer = pytorch_lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, module)
    assert model.seen == 2 * (len(module.train_dataset) // 4 * 4)


def test_data_module__without_lightning(tmp_path: Path) -> None:
    (tmp_path / "pytorch_lightning.py").write_text("raise ImportError('none')")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import numl_polars as nl; nl.training.DataModule"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.stderr.strip().endswith(
        "numl_polars.training.DataModule needs pytorch_lightning: pip install 'numl-polars[lightning]'"
    )
