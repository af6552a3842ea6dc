from __future__ import annotations

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmwsol.registry import HOOKS


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse to start when model and data disagree about the number of classes."""

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        self._check(runner, runner.train_dataloader)

    def before_val(self, runner: Runner) -> None:
        self._check(runner, runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        self._check(runner, runner.test_dataloader)

    @staticmethod
    def _check(runner: Runner, dataloader: DataLoader) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        outputs = getattr(getattr(model, 'head', None), 'num_classes', None)
        dataset: BaseDataset = dataloader.dataset
        classes = dataset.metainfo.get('classes')
        if outputs is None or classes is None or outputs == len(classes):
            return
        raise ValueError(
            f'the model has {outputs} classes, the data set {type(dataset).__name__} at {dataset.data_root} has '
            f'{len(classes)}; set model.head.num_classes, for example with '
            f'`--cfg-options model.head.num_classes={len(classes)}`'
        )
