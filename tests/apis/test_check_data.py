from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mmwsol.apis.check_data import find_splits, main
from mmwsol.datasets.catalog import CATALOG, published_size
from mmwsol.datasets.checks import FAULT_KINDS


def write_scene(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def photos(data_root):
    """Two classes with two images each, below train and test."""
    names = [f'{s}/{c}/{i}.png' for s in ('train', 'test') for c in ('cat', 'dog') for i in range(2)]
    for seed, name in enumerate(names):
        write_scene(data_root / 'photos' / name, seed)
    (data_root / 'all').symlink_to(data_root / 'photos/train')
    return data_root / 'photos'


def test_exit_code_and_text_of_a_clean_folder(photos, capsys):
    assert main(['photos', '--quiet', '--expect', 'train=4', 'test=4']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ['split', 'images', 'published', 'classes', 'per', 'class', 'boxes', 'masks']
    assert lines[3].split() == ['train', '4', '4', '2', '2-2', '0', '0']
    assert lines[-1].startswith('no fault found; 8 images checked in ')


def test_faults_are_listed_by_kind_up_to_a_limit(photos, capsys):
    for name in ('train/cat/0.png', 'train/dog/1.png'):
        (photos / name).write_text('x')
    assert main([str(photos), '--quiet', '--limit', '1', '--expect', 'test=3']) == 1
    out = capsys.readouterr().out
    assert 'broken_file (2): an image or mask cannot be decoded completely' in out
    assert f'  train: {photos}/train/cat/0.png: not an image\n  .. and 1 more' in out
    assert f'  test: {photos}/test: 4 images (published 3)' in out
    assert out.splitlines()[-1].startswith('3 faults of 2 kinds; ')
    assert main([str(photos), '--quiet', '--ignore', 'broken_file']) == 0
    assert '  2 faults of kind broken_file ignored as asked' in capsys.readouterr().out


def test_json_holds_everything(photos, capsys, tmp_path):
    (photos / 'test/dog/0.png').write_text('x')
    assert main(['photos', '--quiet', '--json', '-']) == 1
    printed = json.loads(capsys.readouterr().out)
    assert main(['photos', '--quiet', '--json', str(tmp_path / 'new' / 'report.json')]) == 1
    written = json.loads((tmp_path / 'new' / 'report.json').read_text())
    for result in (printed, written):
        assert result['ok'] is False
        assert result['faults'] == [
            {
                'kind': 'broken_file',
                'split': 'test',
                'path': str(photos / 'test/dog/0.png'),
                'detail': 'not an image',
            }
        ]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nothing'], 'nothing is neither a known data set (cub, '),
        (['photos', '--ignore', 'typo'], 'invalid choice'),
        (['photos', '--published', 'typo'], 'known data sets are cub'),
        (['photos', '--expect', 'val=3'], 'the splits are train, test'),
        (['photos', '--expect', 'train'], 'must be SPLIT=IMAGES'),
        (['photos', '--published', 'cubv2'], 'it has the splits val, none of which is among train, test'),
        (['all', '--published', 'voc12'], 'it has the splits train, val, none of which is among all'),
        (['photos', '--workers', '0'], "must be a whole number from 1 on, got '0'"),
        (['photos', '--limit', '-1'], "must be a whole number from 0 on, got '-1'"),
        (['photos/train/cat'], "neither CUB's files"),
        (['nothing.py'], 'neither a file nor a shipped config'),
        ([], 'required: dataset'),
    ],
)
def test_wrong_usage_is_code_2(photos, capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (
            "dict(type='CUB', split='trian')",
            "split of CUB must be one of ['train', 'val', 'test'], got 'trian'",
        ),
        ("dict(type='CUB', spilt='train')", "unexpected keyword argument 'spilt'"),
        ("dict(type='ConcatDataset', datasets=[dict(type='CUB')])", 'check the parts of a concatenated one'),
        ("dict(type='Birds')", 'Birds is no data set derived from WSOLDataset'),
        ("dict(split='train')", 'None is no data set derived from WSOLDataset'),
    ],
)
def test_wrong_data_set_of_a_config_is_named_with_its_loader(tmp_path, capsys, dataset, message):
    path = tmp_path / 'config.py'
    path.write_text(f'train_dataloader = dict(dataset={dataset})\n')
    with pytest.raises(SystemExit) as error:
        main([str(path)])
    assert error.value.code == 2
    err = capsys.readouterr().err
    assert f'{path}: train_dataloader.dataset: ' in err and message in err


def test_config_of_a_stranger_imports_the_modules_beside_it(tmp_path, photos, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'path', list(sys.path))
    (tmp_path / 'own').mkdir()
    (tmp_path / 'own/folder_beside.py').write_text(
        'from mmwsol.datasets import ImageFolder\nfrom mmwsol.registry import DATASETS\n'
        '@DATASETS.register_module(force=True)\nclass FolderBeside(ImageFolder):\n    pass\n'
    )
    config = tmp_path / 'own/config.py'
    config.write_text(
        "custom_imports = dict(imports=['folder_beside'])\n"
        "train_dataloader = dict(dataset=dict(type='FolderBeside', data_root='photos/train'))\n"
    )
    assert main([str(config), '--quiet']) == 0, capsys.readouterr().out
    config.write_text(config.read_text().replace('folder_beside', 'not_beside'))
    with pytest.raises(SystemExit) as error:
        main([str(config), '--quiet'])
    assert error.value.code == 2
    assert 'not_beside' in capsys.readouterr().err


def test_inatloc500_is_checked_by_its_config(data_root, capsys):
    """There is no recipe and no published size of it; three species in its layout pass."""
    for seed, split in enumerate(('train', 'val', 'test')):
        names = [f'{split}/{label}/{i}.jpg' for label in range(500) for i in range(label < 3)]
        for i, name in enumerate(names):
            write_scene(data_root / 'iNatLoc500' / name, 10 * seed + i)
        folder = data_root / 'metadata/iNatLoc500' / split
        folder.mkdir(parents=True)
        (folder / 'image_ids.txt').write_text('\n'.join(names))
        (folder / 'class_labels.txt').write_text(''.join(f'{n},{n.split("/")[1]}\n' for n in names))
        if split != 'train':
            (folder / 'localization.txt').write_text('\n'.join(f'{name},2,3,20,25' for name in names))
    arguments = ['_base_/datasets/inatloc500.py', '--quiet', '--ignore', 'class_gap']
    assert main(arguments) == 0, capsys.readouterr().out
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[3:6]]
    assert [(row[0], row[1], row[3], row[5]) for row in rows] == [
        ('train', '3', '500', '0'),
        ('val', '3', '500', '3'),
        ('test', '3', '500', '3'),
    ]


def test_data_root_may_be_named_on_the_command_line(photos, monkeypatch, tmp_path):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(tmp_path / 'elsewhere'))
    assert main(['photos', '--quiet', '--data-root', str(photos.parent)]) == 0


def test_example_project_is_checked(repo_dir, data_root, monkeypatch):
    monkeypatch.setattr(sys, 'path', list(sys.path))
    _, splits = find_splits(str(repo_dir / 'projects/example_head/log_sum_exp_toy_text.py'))
    assert [split.name for split in splits] == ['train', 'val']


def test_single_split_is_compared_with_the_only_published_one(photos, capsys):
    assert main(['all', '--quiet', '--published', 'cubv2']) == 1
    assert '4 images (published 1000)' in capsys.readouterr().out


def test_what_readers_log_does_not_spoil_the_json(photos, repo_dir):
    """In a process of its own, whose logger is made while the data are checked."""
    (photos / 'train/cat/notes.doc').touch()
    command = [sys.executable, 'tools/data_preparation/check.py', str(photos), '--quiet', '--json', '-']
    environment = {**os.environ, 'PYTHONPATH': str(repo_dir)}
    run = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True, env=environment)
    assert json.loads(run.stdout)['ok'] is True
    assert 'left out 1 files' in run.stderr


def test_missing_data_is_a_fault_that_names_the_file(data_root, capsys):
    assert main(['cub', '--quiet']) == 1
    assert (
        f'annotation (2): an annotation file is missing or cannot be read\n  test: {data_root}'
        in capsys.readouterr().out
    )


def test_shared_data_set_of_a_config_is_checked_once():
    title, splits = find_splits('configs/_base_/datasets/cub.py')
    assert title == 'configs/_base_/datasets/cub.py'
    assert [(split.name, split.dataset['split'], split.is_train) for split in splits] == [
        ('train', 'train', True),
        ('val', 'test', False),
    ]


def test_layouts_of_folders_are_recognised(data_root):
    (data_root / 'b').mkdir()
    (data_root / 'b' / 'train_test_split.txt').touch()
    for name in ('m', 'n/train', 'n/val'):
        (data_root / name).mkdir(parents=True)
        (data_root / name / 'image_ids.txt').touch()
    for name in ('f/cat', 'f/dog'):
        (data_root / name).mkdir(parents=True)
    found = {
        folder: [(split.name, split.dataset['type']) for split in find_splits(folder)[1]]
        for folder in ('b', 'm', 'n', 'f')
    }
    assert found == {
        'b': [('train', 'CUB'), ('test', 'CUB')],
        'm': [('all', 'WSOLMetadata')],
        'n': [('train', 'WSOLMetadata'), ('val', 'WSOLMetadata')],
        'f': [('all', 'ImageFolder')],
    }


def test_birds_without_a_stated_size_are_compared_with_the_published_one(shared_dir, capsys):
    assert main([str(shared_dir / 'data/CUB_200_2011'), '--quiet']) == 1
    out = capsys.readouterr().out
    assert 'train: ' in out and '690 images (published 5994), 23 classes (published 200)' in out
    assert out.splitlines()[-1].startswith('2 faults of 1 kind; 1030 images')


def test_config_that_holds_images_out_passes(shared_dir, monkeypatch, capsys):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    sizes = ['--expect', 'train=575', 'val=115', 'test=340']
    assert main(['sat/sat_deittiny_cub_strict.py', '--quiet', '--no-near', *sizes]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[3:6]]
    assert [row[:2] for row in rows] == [['train', '575'], ['val', '115'], ['test', '340']]


def test_published_sizes_of_a_config_are_those_of_the_parts_it_reads():
    _, splits = find_splits('sat/sat_deittiny_cub_strict.py')
    assert [split.published.images for split in splits] == [4994, 1000, 5794]


@pytest.mark.parametrize(
    ('dataset', 'images', 'classes'),
    [
        (dict(type='VOC12', split='val', image_set='Main'), 5823, 20),
        (dict(type='VOC12', split='val', labels='one'), None, 20),
        (dict(type='FGVCAircraft', split='test', level='family'), 3333, 70),
        (dict(type='CUB', split='train', holdout=2), 5594, 200),
        (dict(type='CUB', indices=100), None, 200),
        (dict(type='COCO14', holdout=2), None, 80),
    ],
)
def test_published_size_follows_the_arguments(dataset, images, classes):
    size = published_size(dataset)
    assert (size.images, size.classes) == (images, classes)


def test_splits_that_are_not_required_are_checked_where_they_are(data_root):
    assert [split.name for split in find_splits('CUB')[1]] == ['train', 'test']
    (data_root / 'metadata/CUB/val').mkdir(parents=True)  # with the metadata of other sets
    assert [split.name for split in find_splits('cub')[1]] == ['train', 'test']
    (data_root / 'CUBV2').mkdir()
    assert [split.name for split in find_splits('cub')[1]] == ['train', 'val', 'test']


def test_catalog_holds_the_published_table():
    """Sizes of wsolevaluation's metadata (Choe et al., CVPR 2020)."""
    sizes = {
        name: {split.name: split.published.images for split in entry.splits}
        for name, entry in CATALOG.items()
    }
    assert sizes['cub'] == {'train': 5994, 'val': 1000, 'test': 5794}
    assert sizes['ilsvrc'] == {'train': 1_281_167, 'val': 10_000, 'test': 50_000}
    assert sizes['openimages'] == {'train': 29_819, 'val': 2500, 'test': 5000}
    boxes = {split.name: split.published.boxes for split in CATALOG['ilsvrc'].splits}
    assert (boxes['val'], boxes['test']) == (18_532, 80_477)


def test_real_birds_and_real_imagenet_pass_but_for_their_size(shared_dir, monkeypatch, capsys):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    assert main(['CUB_200_2011', '--quiet', '--expect', 'train=690', 'test=340']) == 0
    assert main(['ILSVRC_val', '--quiet', '--expect', 'all=600']) == 0
    assert main(['ILSVRC_val', '--quiet', '--published', 'ilsvrc']) == 1
    out = capsys.readouterr().out
    assert '600 images (published 50000), 0-5 images of a class (published 50-50), 915 boxes' in out


def test_docs_name_every_kind_of_fault_and_every_data_set(repo_dir):
    text = (repo_dir / 'docs' / 'datasets.md').read_text()
    assert [name for name in (*FAULT_KINDS, *CATALOG) if f'`{name}`' not in text] == []


def test_tool_returns_the_exit_code(photos, repo_dir):
    (photos / 'train/cat/0.png').unlink()
    (photos / 'train/cat/0.txt').touch()
    command = [
        sys.executable,
        'tools/data_preparation/check.py',
        str(photos),
        '--quiet',
        '--expect',
        'train=4',
    ]
    environment = {**os.environ, 'PYTHONPATH': str(repo_dir)}
    run = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True, env=environment)
    assert run.returncode == 1, run.stderr
    assert '3 images (published 4)' in run.stdout
