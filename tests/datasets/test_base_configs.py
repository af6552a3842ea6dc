"""The data set configs that recipes inherit."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmwsol.registry import DATASETS


def build(repo_dir, name, split, pipeline=None):
    cfg = Config.fromfile(str(repo_dir / 'configs/_base_/datasets' / f'{name}.py'))
    dataset = cfg[f'{split}_dataloader']['dataset']
    if pipeline is not None:
        dataset['pipeline'] = cfg[pipeline]
    return DATASETS.build(dataset)


def small_toy(monkeypatch):
    """Two images a class instead of 60, so that drawing takes no time."""
    from mmwsol.datasets import ToyShapes

    original = ToyShapes.__init__
    monkeypatch.setattr(
        ToyShapes, '__init__', lambda self, **kwargs: original(self, **{**kwargs, 'images_per_class': 2})
    )


@pytest.mark.parametrize(('split', 'count'), [('train', 690), ('val', 340), ('test', 340)])
def test_cub_config_builds_the_real_birds(repo_dir, shared_dir, monkeypatch, split, count):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    dataset = build(repo_dir, 'cub', split)
    assert len(dataset) == count
    assert dataset.test_mode is (split != 'train')
    assert dataset[0]['inputs'].shape == (3, 224, 224)


def test_ten_crop_pipeline_of_the_cub_config(repo_dir, cub_root):
    sample = build(repo_dir, 'cub', 'test', 'ten_crop_pipeline')[0]
    assert sample['inputs'].shape == (10, 3, 224, 224)
    assert sample['data_samples'].crop_offset == (16, 16)


@pytest.mark.parametrize('split', ['train', 'val'])
def test_toy_config_batches(repo_dir, data_root, monkeypatch, split):
    small_toy(monkeypatch)
    dataset = build(repo_dir, 'toy_shapes', split)
    batch = next(iter(DataLoader(dataset, batch_size=4, num_workers=2, collate_fn=pseudo_collate)))
    assert [tuple(inputs.shape) for inputs in batch['inputs']] == [(3, 112, 112)] * 4
    assert all(('gt_bboxes' in sample) is (split == 'val') for sample in batch['data_samples'])


def test_openimages_config_gives_masks_to_both_metrics(repo_dir, mask_root, data_root):
    """The metadata lie beside the images, which also hold the masks."""
    (data_root / 'OpenImages').symlink_to(mask_root)
    (data_root / 'metadata/OpenImages').mkdir(parents=True)
    for split in ('train', 'val', 'test'):
        (data_root / 'metadata/OpenImages' / split).symlink_to(mask_root)
    sample = build(repo_dir, 'openimages', 'test')[0]['data_samples']
    assert sample.gt_mask.shape == (224, 224) and 'gt_bboxes' not in sample
    cfg = Config.fromfile(str(repo_dir / 'configs/_base_/datasets/openimages.py'))
    assert [evaluator['type'].__name__ for evaluator in cfg.test_evaluator] == [
        'PixelMetric',
        'LocalizationMetric',
    ]
    assert (cfg.val_dataloader.dataset.ann_dir, cfg.test_dataloader.dataset.ann_dir) == (
        'metadata/OpenImages/val',
        'metadata/OpenImages/test',
    )
