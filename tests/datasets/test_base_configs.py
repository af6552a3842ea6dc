"""The data set configs that recipes inherit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image
from torch.utils.data import DataLoader

from mmwsol.datasets import PublishedDataset
from mmwsol.registry import DATASETS, METRICS

WITH_VAL = {
    'openimages',
    'inatloc500',
}  # and *_val: epochs are scored on images that are not those of the result
BASES = Path(__file__).parents[2].glob('configs/_base_/datasets/*.py')
CONFIGS = sorted(path for path in BASES if not path.stem.endswith('_fullsup'))  # these train on boxes


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
    assert (cfg.val_dataloader.dataset.split, cfg.test_dataloader.dataset.split) == ('val', 'test')


@pytest.mark.parametrize('path', CONFIGS, ids=[path.stem for path in CONFIGS])
def test_every_config_reads_its_classes_and_keeps_splits_apart(path):
    cfg = Config.fromfile(str(path))
    datasets = {
        loader: DATASETS.build(dict(cfg[f'{loader}_dataloader']['dataset'], lazy_init=True))
        for loader in ('train', 'val', 'test')
    }
    assert [dataset.test_mode for dataset in datasets.values()] == [False, True, True]

    def split_of(loader):
        dataset = cfg[f'{loader}_dataloader']['dataset']
        return dataset.get('split') or dataset['ann_dir'].rsplit('/', 1)[-1]

    assert split_of('train').startswith('train') and not split_of('test').startswith('train')
    has_val = path.stem in WITH_VAL or path.stem.endswith('_val')
    assert (split_of('val') != split_of('test')) is has_val
    assert not has_val or split_of('val') == 'val'
    for dataset in datasets.values():
        if isinstance(dataset, PublishedDataset):
            assert cfg.num_classes == dataset.NUM_CLASSES


def test_image_and_mask_reach_the_metrics_of_a_multi_label_set(repo_dir, data_root, image_writer):
    cfg = Config.fromfile(str(repo_dir / 'configs/_base_/datasets/voc12.py'))
    root = data_root / 'VOCdevkit/VOC2012'
    for folder in ('Annotations', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True)
    image_writer(root / 'JPEGImages/2007_000032.jpg')
    numbers = np.zeros((10, 20), np.uint8)
    numbers[2:9, 2:12] = 1
    (root / 'SegmentationClass').mkdir()
    Image.fromarray(numbers).save(root / 'SegmentationClass/2007_000032.png')
    (root / 'ImageSets/Segmentation/val.txt').write_text('2007_000032\n')
    (root / 'Annotations/2007_000032.xml').write_text(
        '<annotation><size><width>20</width><height>10</height></size><object><name>aeroplane</name><bndbox>'
        '<xmin>3</xmin><ymin>3</ymin><xmax>12</xmax><ymax>9</ymax></bndbox></object></annotation>'
    )
    batch = [DATASETS.build(cfg.test_dataloader.dataset)[0]['data_samples'].to_dict()]
    sample = batch[0]
    assert sample['gt_mask'].shape == (224, 224)
    # the perfect map at the network's input is right at every level and every pixel
    sample.update(
        pred_maps=sample['gt_mask'][None].float(),
        map_labels=torch.tensor([0]),
        pred_scores=torch.eye(20)[0],
    )
    results = {}
    for evaluator in cfg.test_evaluator:
        metric = METRICS.build(evaluator)
        metric.process(None, batch)
        results.update(metric.evaluate(1))
    assert results['wsol/choe_v2/MaxBoxAccV2'] == results['wsol/choe_v2/PxAP'] == 100
