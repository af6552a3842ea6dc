"""SAT trained on 5 images a class, drawn with seed 0; small batches for 1,280 steps (30 epochs of all images: 720).

    python tools/train.py configs/sat/sat_deitsmall_cub_5shot.py
"""

from mmengine.config import read_base

with read_base():
    from .sat_deitsmall_cub import *

train_dataloader.update(batch_size=32)
train_dataloader.dataset.update(shots=5, shots_seed=0)
train_cfg.update(max_epochs=40, val_interval=20)
