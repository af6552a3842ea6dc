from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmwsol.registry import DATASETS

from .class_draw import draw_of_each_class
from .wsol_dataset import WSOLDataset


@DATASETS.register_module()
class FullySupervised(Dataset):
    """Training samples *with* boxes and masks, for fully supervised baselines alone: what learns from it is no WSOL method.

    Wraps a data set in test mode, for example ``dict(type=CUB, split='val', test_mode=True, pipeline=train_pipeline)``, and
    hands its samples to training as they are. It says so in the log and in its meta information
    (``supervision='full'``). All other data sets drop boxes and masks in training.

    Args:
        dataset: the data set, with the pipeline of training.
        images_per_class: so many images of each class, or as many as it has; 0: all (wsolevaluation's
            ``num_val_sample_per_class``; the few-shot baseline of Choe et al., CVPR 2020, takes 10 on ILSVRC, 5 on CUB and
            OpenImages).
        seed: of the draw, which is made for each class on its own.
    """

    def __init__(self, dataset: Mapping[str, Any], images_per_class: int = 0, seed: int = 0) -> None:
        if images_per_class < 0:
            raise ValueError(f'images_per_class must not be negative (0: all images), got {images_per_class}')
        self.dataset: WSOLDataset = DATASETS.build(dict(dataset))
        if not self.dataset.test_mode:
            raise ValueError(
                f'{type(self.dataset).__name__} drops boxes and masks in training mode; give FullySupervised a data set '
                'with test_mode=True'
            )
        self.images_per_class = images_per_class
        self.seed = seed
        self.full_init()

    def full_init(self) -> None:
        """Read the data set and draw the images; called by the runner too, which then changes nothing."""
        if hasattr(self, 'indices'):
            return
        self.dataset.full_init()
        self.indices = np.arange(len(self.dataset))
        if self.images_per_class:
            labels = [self.dataset.get_cat_ids(i)[:1] for i in range(len(self.dataset))]
            self.indices = draw_of_each_class(labels, self.images_per_class, self.seed)
        print_log(
            f'FULLY SUPERVISED: the boxes and masks of {len(self)} images enter training; the result is a baseline, '
            'not one of weak supervision',
            logger='current',
            level=logging.WARNING,
        )

    @property
    def metainfo(self) -> dict[str, Any]:
        return {**self.dataset.metainfo, 'supervision': 'full'}

    @property
    def num_classes(self) -> int:
        return self.dataset.num_classes

    @property
    def data_root(self) -> str:
        return self.dataset.data_root

    def get_data_info(self, idx: int) -> dict[str, Any]:
        return self.dataset.get_data_info(int(self.indices[idx]))

    def image_paths(self) -> list[str]:
        """The image file of every sample."""
        paths = self.dataset.image_paths()
        return [paths[index] for index in self.indices]

    def get_cat_ids(self, idx: int) -> list[int]:
        return self.dataset.get_cat_ids(int(self.indices[idx]))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, idx: int) -> Any:
        return self.dataset[int(self.indices[idx])]
