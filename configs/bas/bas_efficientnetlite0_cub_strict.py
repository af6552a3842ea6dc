"""BAS, EfficientNet-Lite0 at input 160, CUB-200-2011, epoch and threshold chosen without test boxes.

Five training images of each class are the validation split; every epoch is validated and kept, so that one training serves
every way to choose (tools/analysis/select_checkpoint.py).

    python tools/train.py configs/bas/bas_efficientnetlite0_cub_strict.py
"""

from mmengine.config import read_base

with read_base():
    from .bas_efficientnetlite0_cub import *
    from .._base_.selection.strict import *

train_dataloader.dataset.update(holdout=holdout)
val_dataloader = dict(
    test_dataloader, dataset=dict(test_dataloader.dataset, split='train', holdout=holdout, held_out=True)
)
train_cfg.update(val_interval=1)
default_hooks.checkpoint.update(max_keep_ckpts=-1, save_best=save_best, rule='greater')
