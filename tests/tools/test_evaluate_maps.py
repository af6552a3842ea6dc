from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

IDS = ['a/one.jpg', 'a/two.jpeg', 'b/three.png']
LABELS = [0, 0, 1]
# in images of 120 x 60 pixels, of which the map is a squashed view
BOXES = {
    'a/one.jpg': [[30, 6, 90, 30]],
    'a/two.jpeg': [[0, 0, 24, 12], [60, 30, 120, 60]],
    'b/three.png': [[30, 6, 90, 30]],
}


@pytest.fixture(scope='module')
def tool(repo_dir: Path) -> ModuleType:
    file = repo_dir / 'tools' / 'analysis' / 'evaluate_maps.py'
    spec = importlib.util.spec_from_file_location('evaluate_maps', file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    folder = tmp_path / 'metadata'
    folder.mkdir()
    lines = {
        'image_ids': IDS,
        'class_labels': [f'{i},{label}' for i, label in zip(IDS, LABELS)],
        'image_sizes': [f'{i},120,60' for i in IDS],
        'localization': [','.join(map(str, [i, *box])) for i in IDS for box in BOXES[i]],
    }
    for name, rows in lines.items():
        (folder / f'{name}.txt').write_text('\n'.join(rows))
    return folder


def _perfect_maps() -> dict[str, np.ndarray]:
    """40 x 40 maps that are one inside the last box; the third image's lies elsewhere."""
    maps = {}
    for img_id, boxes in BOXES.items():
        x0, y0, x1, y1 = (round(v * 40 / side) for v, side in zip(boxes[-1], (120, 60, 120, 60)))
        maps[img_id] = np.zeros((40, 40))
        maps[img_id][y0:y1, x0:x1] = 1
    maps['b/three.png'] = maps['b/three.png'][::-1].copy()
    return maps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / 'maps'
    for img_id, values in _perfect_maps().items():
        name = img_id if img_id.startswith('a/one') else str(Path(img_id).with_suffix(''))
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / f'{name}.npy', values)
    return root


def _run(tool, *arguments) -> dict:
    metric = tool.evaluate_maps(tool.parse_args([*map(str, arguments), '--map-size', '40', '--quiet']))
    return {row['name']: row for row in metric.summary['rows']}


def test_class_maps_are_ranked_by_the_predictions(tool, metadata, tmp_path):
    perfect = _perfect_maps()
    maps = {i: np.stack([perfect[i] if k == 3 else np.eye(40) for k in range(6)]) for i in IDS}
    maps['b/three.png'][3] = perfect['a/one.jpg']  # a perfect box, of the wrong class
    np.savez(tmp_path / 'maps.npz', **maps)
    scores = {i: np.array([0.2, 0.1, 0, 0.4, 0, 0]) for i in IDS}
    np.savez(tmp_path / 'scores.npz', **scores)
    arguments = [tmp_path / 'maps.npz', '--metadata', metadata, '--predictions', tmp_path / 'scores.npz']
    rows = _run(tool, *arguments, '--protocol', 'scm', '--protocol', 'tscam', '--protocol', 'bas:topk=1')
    assert rows['scm']['GT-known (predicted top-1)'] == 100
    assert rows['tscam']['GT-known'] == rows['scm']['MaxBoxAcc'] < 100
    assert rows['scm']['Top-1 Loc'] == 0


def test_class_maps_need_predictions_for_all_of_them(tool, metadata, tmp_path):
    np.savez(tmp_path / 'maps.npz', **{i: np.ones((6, 40, 40)) for i in IDS})
    with pytest.raises(ValueError, match='has 6 classes; give --predictions'):
        _run(tool, tmp_path / 'maps.npz', '--metadata', metadata)
    np.savez(tmp_path / 'scores.npz', **{i: np.ones(2) for i in IDS})
    with pytest.raises(ValueError, match=r'a score, of which --predictions has 2'):
        _run(tool, tmp_path / 'maps.npz', '--metadata', metadata, '--predictions', tmp_path / 'scores.npz')


def test_folder_is_scored_under_several_protocols(tool, folder, metadata):
    rows = _run(
        tool, folder, '--metadata', metadata, '--protocol', 'choe_v2', '--protocol', 'bas_ext:threshold=0.5'
    )
    assert set(rows) == {'choe_v2', 'bas_ext'}
    assert rows['bas_ext']['threshold'] == 0.5
    for row in rows.values():
        assert row['GT-known'] == pytest.approx(200 / 3)
        assert 'Top-1 Loc' not in row


def test_archive_gives_what_the_folder_gives(tool, folder, metadata, tmp_path):
    np.savez(tmp_path / 'maps.npz', **_perfect_maps())
    one = _run(tool, folder, '--metadata', metadata)
    two = _run(tool, tmp_path / 'maps.npz', '--metadata', metadata)
    assert one == two


def test_predicted_labels_give_top1_and_top5(tool, folder, metadata, tmp_path):
    file = tmp_path / 'predictions.txt'
    file.write_text('a/one.jpg,0,1\na/two.jpeg,1,0\nb/three.png,1,0\n')
    row = _run(tool, folder, '--metadata', metadata, '--predictions', file)['choe_v2']
    assert (row['Top-1 Loc'], row['Top-5 Loc']) == (pytest.approx(100 / 3), pytest.approx(200 / 3))
    assert (row['Cls top-1'], row['Cls top-5']) == (pytest.approx(200 / 3), 100)


def test_a_class_that_is_not_listed_is_not_in_the_top_five(tool, folder, metadata, tmp_path):
    file = tmp_path / 'predictions.txt'
    file.write_text('a/one.jpg,3\na/two.jpeg,3\nb/three.png,1\n')
    row = _run(tool, folder, '--metadata', metadata, '--predictions', file)['choe_v2']
    assert (row['Top-5 Loc'], row['Cls top-5']) == (0, pytest.approx(100 / 3))


def test_scores_give_what_the_labels_give(tool, folder, metadata, tmp_path):
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    np.savez(tmp_path / 'scores.npz', **dict(zip(IDS, scores)))
    row = _run(tool, folder, '--metadata', metadata, '--predictions', tmp_path / 'scores.npz')['choe_v2']
    assert (row['Top-1 Loc'], row['Cls top-1']) == (pytest.approx(100 / 3), pytest.approx(200 / 3))


def test_cub_layout_is_read_by_split_and_the_crop_is_the_centre(tool, tmp_path):
    root = tmp_path / 'CUB'
    names = ['1.A/x.jpg', '1.A/y.jpg']
    for name in names:
        (root / 'images' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (96, 48)).save(root / 'images' / name)
    tables = {
        'images': [f'{i} {name}' for i, name in enumerate(names, 1)],
        'image_class_labels': ['1 1', '2 1'],
        'train_test_split': ['1 1', '2 0'],
        'bounding_boxes': ['1 0.0 0.0 9.0 9.0', '2 24.0 12.0 48.0 24.0'],
        'classes': ['1 1.A'],
    }
    for name, rows in tables.items():
        (root / f'{name}.txt').write_text('\n'.join(rows) + '\n')
    # resized to 48 x 48 the box is 12, 12, 36, 36; in the centre crop of 40 it begins at 8
    values = np.zeros((40, 40))
    values[8:32, 8:32] = 1
    np.savez(tmp_path / 'maps.npz', **{'1.A/y.jpg': values})
    arguments = (tmp_path / 'maps.npz', '--cub', root, '--resize', 48, '--protocol', 'bas_ext')
    row = _run(tool, *arguments)['bas_ext']
    assert row['IoU@70'] == 100
    with pytest.raises(FileNotFoundError, match=r'no map of 1\.A/x\.jpg'):
        _run(tool, *arguments, '--split', 'train')


def test_result_is_written_with_what_repeats_it(tool, folder, metadata, tmp_path):
    out = tmp_path / 'results' / 'out.json'
    arguments = (folder, '--metadata', metadata, '--map-size', 40, '--quiet', '--out', out)
    tool.main([str(argument) for argument in arguments])
    result = json.loads(out.read_text())
    assert result['arguments']['maps'] == str(folder)
    assert result['num_images'] == 3
    assert result['rows'][0]['protocol']['component'] == 'all_contours'


def test_missing_map_names_image_and_folder(tool, folder, metadata):
    (folder / 'b' / 'three.npy').unlink()
    with pytest.raises(
        SystemExit, match=r'no map of b/three\.png: there is neither b/three\.png\.npy nor b/three\.npy in'
    ):
        tool.main([str(folder), '--metadata', str(metadata), '--quiet'])


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (np.full((4, 4), np.nan), r'map of a/one\.jpg must hold finite numbers only'),
        (np.zeros((1, 1, 4, 4)), r'map of a/one\.jpg must be .*, got the shape \(1, 1, 4, 4\)'),
        (np.zeros((0, 4)), r'must be two-dimensional, .* got the shape \(0, 4\)'),
        (np.full((2, 2), 'x'), r'must hold finite numbers only'),
    ],
)
def test_broken_map_is_named(tool, folder, metadata, values, message):
    np.save(folder / 'a' / 'one.jpg.npy', values)
    with pytest.raises(ValueError, match=message):
        _run(tool, folder, '--metadata', metadata)


def test_missing_prediction_is_named(tool, folder, metadata, tmp_path):
    (tmp_path / 'predictions.txt').write_text('a/one.jpg,0\n')
    with pytest.raises(ValueError, match=r'no prediction for 2 of 3 images, e\.g\. a/two\.jpeg'):
        _run(tool, folder, '--metadata', metadata, '--predictions', tmp_path / 'predictions.txt')


def test_unknown_protocol_lists_the_presets(tool, folder, metadata):
    with pytest.raises(ValueError, match='presets are bas, bas_ext, choe_v1, choe_v2'):
        _run(tool, folder, '--metadata', metadata, '--protocol', 'choe')


def test_thresholds_that_other_images_should_choose_are_refused(tool, folder, metadata):
    arguments = [str(folder), '--metadata', str(metadata), '--map-size', '40', '--quiet']
    with pytest.raises(
        SystemExit, match=r'strict takes a threshold that other images chose: .*strict:threshold=0\.3'
    ):
        tool.main([*arguments, '--protocol', 'choe_v2', '--protocol', 'strict'])
    tool.main(
        [*arguments, '--protocol', 'strict:threshold=.3', '--protocol', 'strict:threshold_source=oracle']
    )


def test_crop_larger_than_the_resized_image_is_refused(tool, folder, metadata):
    with pytest.raises(ValueError, match=r'--resize .* must not be smaller than --map-size'):
        _run(tool, folder, '--metadata', metadata, '--resize', 32)
