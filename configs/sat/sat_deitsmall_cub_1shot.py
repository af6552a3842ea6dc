"""SAT trained on 1 image a class, drawn with seed 0; small batches for as many steps as 30 epochs would have.

    python tools/train.py configs/sat/sat_deitsmall_cub_1shot.py
"""

from mmengine.config import read_base

with read_base():
    from .sat_deitsmall_cub import *

train_dataloader.update(batch_size=32)
train_dataloader.dataset.update(shots=1, shots_seed=0)
train_cfg.update(max_epochs=100, val_interval=20)
