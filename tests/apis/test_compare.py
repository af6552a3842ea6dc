from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_results import planted_results

from mmwsol.apis.compare import compare, main, parse_arguments
from mmwsol.evaluation.image_results import ImageResults
from mmwsol.evaluation.metrics import PixelMetric

RIGHT, WRONG = 'correct', 'part'


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., str]:
    """``store(name, hits, config, seed)`` leaves the test of a run with so many images and gives its work dir.

    ``chosen`` is what the row says of the checkpoint, ``summary`` changes the evaluation, ``classifier`` is the record
    of that of a two-stage test, ``masks`` what a PixelMetric found; other changes are of the images.
    """

    def build(
        name: str,
        hits: list[int],
        config: str = 'cam_x',
        seed: int = 6,
        chosen: str | None = None,
        summary: dict | None = None,
        classifier: dict | None = None,
        masks: dict | None = None,
        **changes: object,
    ) -> str:
        folder = tmp_path / name
        folder.mkdir()
        results = planted_results([RIGHT if hit else WRONG for hit in hits], **changes)
        results.save(folder / 'result.images.npz')
        run = dict(
            config=f"model = dict(type='{config}')",
            training_config=f"model = dict(type='{config}')\nrandomness = dict(seed={seed})",
            config_file=f'configs/{config}.py',
            checkpoint=f'{name}/epoch_1.pth',
            checkpoint_sha256=name,
            checkpoint_epoch=1,
            training_seed=seed,
            data=dict(type='Birds', split='test', images=len(hits)),
        )
        row = dict(name=results.rows[0].name) | (dict(checkpoint=chosen) if chosen else {})
        evaluation = dict(iou_thresholds=[30, 50, 70], interval=0.001, rows=[row]) | (summary or {})
        evaluations = [masks, evaluation] if masks else [evaluation]
        content = dict(date='2026-01-01', evaluation=evaluations, images='result.images.npz', run=run)
        content['classifier'] = classifier
        (folder / 'result.json').write_text(json.dumps(content))
        return str(folder)

    return build


def table(*arguments: str, place: int = 0) -> dict[str, dict[str, str]]:
    """Cells of the first Markdown table, or that at another place, by config and column."""
    lines = compare(parse_arguments(arguments)).split('\n\n')[place].splitlines()
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line.startswith('| ')]
    return {row[1]: dict(zip(rows[0], row)) for row in rows[1:]}


def test_seeds_of_a_config_are_one_line_with_their_spread(store: Callable) -> None:
    runs = [store('a6', [1, 1, 0, 0]), store('a7', [1, 1, 1, 0], seed=7), store('b', [1, 0, 0, 0], 'bas_x')]
    found = table(*runs, '--metric', 'Top-1 Loc')
    assert list(found) == ['cam_x', 'bas_x']
    assert found['cam_x']['seeds'] == '6, 7' and found['cam_x']['threshold'] == '0.1'
    assert found['cam_x']['Top-1 Loc'] == f'62.50 ± {25 / math.sqrt(2):.2f}'
    # differences by image: 0, -1, -0.5, 0
    assert found['bas_x']['Top-1 Loc'].startswith('25.00 (-37.50 [')


def test_difference_is_that_of_the_same_images(store: Callable) -> None:
    """Two runs of equal accuracy on other images differ by zero, with a width; on the same images without."""
    first = store('a', [1, 0] * 50)
    found = table(
        first, store('b', [0, 1] * 50, 'other'), store('c', [1, 0] * 50, 'same'), '--metric', 'Top-1 Loc'
    )
    assert found['same']['Top-1 Loc'] == '50.00 (+0.00 [+0.00, +0.00])'
    low, high = found['other']['Top-1 Loc'].split('[')[1].rstrip('])').split(', ')
    # the mean of 100 draws of +-1 has a standard deviation of 10 points
    assert float(low) == pytest.approx(-19.6, abs=1) and float(high) == pytest.approx(19.6, abs=1)


def test_images_are_paired_by_name_not_by_place(store: Callable) -> None:
    names = np.array([f'a/{i}.jpg' for i in (3, 2, 1, 0)])
    runs = [store('a', [1, 1, 0, 0]), store('b', [0, 0, 1, 1], 'bas_x', img_id=names)]
    assert table(*runs, '--metric', 'Top-1 Loc')['bas_x']['Top-1 Loc'] == '50.00 (+0.00 [+0.00, +0.00])'


def test_baseline_can_be_chosen(store: Callable) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 1], 'bas_x')]
    found = table(*runs, '--metric', 'Top-1 Loc', '--baseline', 'bas_x')
    assert found['bas_x']['Top-1 Loc'] == '100.00'
    assert found['cam_x']['Top-1 Loc'].startswith('50.00 (-50.00 [')
    with pytest.raises(ValueError, match="no 'sat' to compare with; there are cam_x, bas_x"):
        table(*runs, '--baseline', 'sat')


def test_class_averages_are_compared_as_such(store: Callable) -> None:
    rules = dict(labels=[0, 0, 0, 1], protocol='bas')
    runs = [store('a', [0, 0, 0, 1], **rules), store('b', [1, 1, 1, 1], 'bas_x', **rules)]
    found = table(*runs, '--metric', 'Top-1 Loc')
    assert found['cam_x']['Top-1 Loc'] == '50.00'
    assert found['bas_x']['Top-1 Loc'] == '100.00 (+50.00 [+50.00, +50.00])'  # each class is constant


def test_file_has_every_number_by_itself(store: Callable, tmp_path: Path) -> None:
    runs = [store('a6', [1, 1, 0, 0]), store('a7', [1, 1, 1, 0], seed=7), store('b', [1, 0, 0, 0], 'bas_x')]
    main([*runs, '--out', str(tmp_path / 'x.csv')])
    with open(tmp_path / 'x.csv', newline='') as file:
        first, second = csv.DictReader(file)
    assert (first['config'], first['seeds'], first['runs']) == ('cam_x', '6, 7', '2')
    assert float(first['Top-1 Loc mean']) == 62.5 and first['Top-1 Loc difference'] == ''
    assert float(second['Top-1 Loc difference']) == -37.5 and second['Top-1 Loc spread'] == ''
    main([*runs, '--out', str(tmp_path / 'x.md')])
    text = (tmp_path / 'x.md').read_text()
    assert text.startswith('| protocol | config |') and '4 images, the same in all runs' in text
    assert 'takes checkpoints and thresholds as given, also those chosen on these very images (oracle' in text
    with pytest.raises(SystemExit, match=r'must end in \.md or \.csv'):
        main([*runs, '--out', str(tmp_path / 'x.txt')])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(protocol='sat'), r'no protocol is in all results \(.*a: tscam; .*b: sat\)'),
        (
            dict(protocol=dict(name='tscam', inclusive_iou=False)),
            'different protocols: inclusive_iou of tscam',
        ),
        (dict(protocol=dict(name='tscam', threshold_source='oracle per level')), 'threshold_source of tscam'),
        (dict(img_id=np.array(['a/0.jpg', 'a/9.jpg'])), r'different images: 2 images occur .* a/1\.jpg'),
        (dict(labels=[0, 1]), 'different classes, e.g. a/1.jpg'),
        (dict(shares=[0.25, 0.5]), r'different true boxes, e\.g\. of a/1\.jpg'),
    ],
)
def test_what_is_not_comparable_is_refused(store: Callable, changes: dict, message: str) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', **changes)]
    with pytest.raises(ValueError, match=message):
        table(*runs)


def test_other_split_is_named(store: Callable) -> None:
    with pytest.raises(SystemExit, match=r'a \(Birds test, 2 images\) and .*b \(Birds test, 3 images\)'):
        main([store('a', [1, 0]), store('b', [1, 0, 1], 'bas_x')])


def test_two_stage_is_not_compared_with_one_stage(store: Callable) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', summary=dict(predictions='scores.npz'))]
    with pytest.raises(ValueError, match=r'b takes its classes from another classifier \(two-stage\)'):
        table(*runs)


def classifier(digest: str, config: str = "model = dict(type='ResNet')") -> dict:
    return dict(
        config=config, config_file='c/resnet.py', checkpoint=f'{digest}.pth', checkpoint_sha256=digest
    )


@pytest.mark.parametrize(
    ('one', 'two'),
    [
        (dict(classifier=classifier('d1')), dict(classifier=classifier('d2'))),
        (dict(classifier=classifier('d1')), dict(classifier=classifier('d1', "model = dict(type='ViT')"))),
        (
            dict(summary=dict(predictions='s.npz', predictions_sha256='f1')),
            dict(summary=dict(predictions='s.npz', predictions_sha256='f2')),
        ),
        ({}, {}),
    ],
    ids=['weights', 'config', 'file', 'unsaid'],
)
def test_classes_of_different_classifiers_are_not_compared(store: Callable, one: dict, two: dict) -> None:
    file = dict(summary=dict(predictions='scores.npz'))
    runs = [store('a', [1, 0], **(file | one)), store('b', [1, 0], 'bas_x', **(file | two))]
    with pytest.raises(
        ValueError, match=r'from different classifiers, or one does not say .*--allow classifier'
    ):
        table(*runs)
    assert 'another classifier (two-stage)' in compare(parse_arguments([*runs, '--allow', 'classifier']))


def test_one_classifier_is_known_by_its_weights_or_its_file(store: Callable) -> None:
    """The scores of one classifier need not be the same to the last bit."""
    files = [dict(predictions=f'{i}.npz', predictions_sha256=str(i)) for i in range(2)]
    records = [dict(summary=file, classifier=classifier('d1')) for file in files]
    runs = [store('a', [1, 0], **records[0]), store('b', [1, 0], 'bas_x', **records[1])]
    text = compare(parse_arguments(runs))
    assert 'another classifier (two-stage)' in text and 'Different' not in text
    assert table(store('c', [1, 0], summary=files[0]), store('d', [1, 0], 'bas_x', summary=files[0]))


def test_difference_in_a_switch_can_be_allowed_and_is_stated(store: Callable) -> None:
    other = dict(name='tscam', threshold_source='oracle per level')
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', protocol=other)]
    found = table(*runs, '--allow', 'threshold_source')
    assert [row['source'] for row in found.values()] == ['fixed', 'oracle per level']


def test_fixed_threshold_is_a_value_of_the_run(store: Callable) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', protocol=dict(name='tscam', threshold=0.2))]
    assert len(table(*runs)) == 2


def test_same_name_of_another_config_is_another_line(store: Callable, tmp_path: Path) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 0])]
    path = tmp_path / 'b' / 'result.json'
    path.write_text(path.read_text().replace('randomness', 'lr = 1\\nrandomness'))
    text = compare(parse_arguments(runs))
    assert 'cam_x (b) is another experiment than cam_x (a): they differ in trained lr.' in text


def test_no_two_lines_have_one_label(store: Callable, tmp_path: Path) -> None:
    """Folders are told apart by as much of the path as it takes."""
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
    runs = [
        store('one/sat', [1, 0]),
        store('two/sat', [1, 0]),
        store('three', [1, 0]),
        store('y', [1, 0], 'bas_x'),
    ]
    for i, run in enumerate(runs):
        path = Path(run) / 'result.json'
        path.write_text(path.read_text().replace('randomness', f'lr = {i}\\nrandomness'))
    files = [*runs[:2], f'{runs[2]}/result.json', runs[3]]
    found = table(*files, '--baseline', 'cam_x (two/sat)', '--metric', 'Top-1 Loc')
    assert list(found) == ['cam_x (one/sat)', 'cam_x (two/sat)', 'cam_x (three)', 'bas_x']
    assert found['cam_x (two/sat)']['Top-1 Loc'] == '50.00'
    with pytest.raises(ValueError, match=r"no 'cam_x' to compare with; there are cam_x \(one/sat\), "):
        table(*files, '--baseline', 'cam_x')


def test_checkpoint_chosen_on_test_data_is_marked(store: Callable) -> None:
    oracle = 'epoch {}, best wsol/choe_v2/MaxBoxAccV2 on test (oracle)'
    runs = [store('a', [1, 0], chosen=oracle.format(3)), store('b', [1, 1], seed=7, chosen=oracle.format(5))]
    found = table(*runs, store('c', [1, 0], 'bas_x'))
    assert found['cam_x']['seeds'] == '6, 7'
    assert found['cam_x']['checkpoint'] == (
        'best wsol/choe_v2/MaxBoxAccV2 on test (oracle): epoch 3, epoch 5'
    )
    assert found['bas_x']['checkpoint'] == 'epoch 1'


def test_seeds_whose_checkpoints_were_chosen_otherwise_are_no_one_experiment(store: Callable) -> None:
    oracle = 'epoch 3, best wsol/choe_v2/MaxBoxAccV2 on test (oracle)'
    runs = [store('a', [1, 0], chosen=oracle), store('b', [1, 1], seed=7)]
    text = compare(parse_arguments(runs))
    assert 'cam_x (b) is another experiment than cam_x (a): they differ in choice of the checkpoint.' in text
    assert [row['seeds'] for row in table(*runs).values()] == ['6', '7']


@pytest.mark.parametrize(('key', 'value'), [('iou_thresholds', [50]), ('interval', 0.01)])
def test_numbers_of_other_levels_or_steps_are_refused_or_said(
    store: Callable, key: str, value: object
) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', summary={key: value})]
    with pytest.raises(ValueError, match=f'different {key} of their evaluators: .*--allow {key}'):
        table(*runs)
    text = compare(parse_arguments([*runs, '--allow', key]))
    assert f'Different {key}: cam_x' in text and f'bas_x {value}.' in text


def test_crop_is_not_compared_with_the_whole_image_unless_allowed(store: Callable) -> None:
    """60x80 of 80x100, cut out at (10, 10), against all of the image at 60x80."""
    crop = dict(resize_shape=np.tile([80, 100], (2, 1)), crop_offset=np.tile([10, 10], (2, 1)))
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', **crop)]
    with pytest.raises(ValueError, match=r'b \(60x80 of 80x100\) saw other parts of 2 images, e\.g\. of a/0'):
        table(*runs)
    text = compare(parse_arguments([*runs, '--allow', 'frame']))
    assert 'Different inputs: cam_x 60x80; bas_x 60x80 of 80x100.' in text


def test_same_view_at_another_size_is_compared_and_said(store: Callable) -> None:
    size = np.tile([120, 160], (2, 1))
    runs = [store('a', [1, 0]), store('b', [1, 0], 'bas_x', resize_shape=size, img_shape=size)]
    assert 'Different inputs: cam_x 60x80; bas_x 120x160.' in compare(parse_arguments(runs))


def test_one_checkpoint_is_not_two_seeds(store: Callable, tmp_path: Path) -> None:
    runs = [store('a', [1, 0]), store('b', [1, 0])]
    assert 'seed 6 occurs more than once' in compare(parse_arguments(runs))
    path = tmp_path / 'b' / 'result.json'
    path.write_text(path.read_text().replace('"checkpoint_sha256": "b"', '"checkpoint_sha256": "a"'))
    with pytest.raises(ValueError, match='are tests of one checkpoint'):
        compare(parse_arguments(runs))


def test_number_that_is_not_there_is_an_error_that_lists_what_is(store: Callable) -> None:
    with pytest.raises(
        ValueError, match='no row has PxAP in all runs: tscam has GT-known, Top-1 Loc, Cls top-1'
    ):
        table(store('a', [1, 0]), '--metric', 'PxAP')


def masks_found(shift: int = 0, side: int = 8, objects: int = 4, **settings: object) -> dict:
    """What PixelMetric says of maps that are the true mask, its left columns, moved to the right."""
    metric = PixelMetric(['choe_v2'], **settings)
    mask = torch.zeros(side, side)
    mask[:, : objects * side // 8] = 1
    sample = dict(gt_label=torch.tensor([0]), map_labels=torch.tensor([0]), img_shape=(side, side))
    for i in range(2):
        maps = torch.roll(mask, shift, dims=1)[None]
        metric.process(None, [sample | dict(sample_idx=i, gt_mask=mask.to(torch.uint8), pred_maps=maps)])
    metric.evaluate(2)
    return metric.summary


def test_masks_have_a_table_of_their_own(store: Callable) -> None:
    """The map that is the mask has PxAP 100; one that misses it wholly 50, the share of the object."""
    runs = [
        store('a', [1, 0], masks=masks_found()),
        store('b', [1, 0], 'bas_x', masks=masks_found(4)),
        store('b7', [1, 0], 'bas_x', seed=7, masks=masks_found()),
    ]
    text = compare(parse_arguments(runs))
    assert 'a difference has no interval over images' in text
    found = table(*runs, place=1)
    assert found['cam_x']['protocol'] == 'choe_v2, masks' and found['cam_x']['PxAP'] == '100.00'
    assert found['bas_x']['PxAP'] == f'75.00 ± {50 / math.sqrt(2):.2f} (-25.00)'
    assert found['bas_x']['mask IoU'] == f'50.00 ± {100 / math.sqrt(2):.2f} (-50.00)'
    assert (found['cam_x']['threshold'], found['cam_x']['source']) == ('0.2', 'default')


def test_images_without_boxes_are_compared_by_their_masks(store: Callable, tmp_path: Path) -> None:
    runs = [store('a', [1, 0], masks=masks_found()), store('b', [1, 0], 'bas_x', masks=masks_found(4))]
    for run in runs:
        path = Path(run) / 'result.images.npz'
        images = ImageResults.load(path)
        images.rows = []
        images.save(path)
    assert {name: row['PxAP'] for name, row in table(*runs).items()} == {
        'cam_x': '100.00',
        'bas_x': '50.00 (-50.00)',
    }
    main([*runs, '--metric', 'PxAP', '--protocol', 'choe_v2', '--out', str(tmp_path / 'x.csv')])
    with open(tmp_path / 'x.csv', newline='') as file:
        _, second = csv.DictReader(file)
    assert float(second['PxAP difference']) == -50 and second['PxAP low'] == ''


def test_other_masks_are_refused(store: Callable) -> None:
    runs = [
        store('a', [1, 0], masks=masks_found()),
        store('b', [1, 0], 'bas_x', masks=masks_found(objects=2)),
    ]
    with pytest.raises(
        ValueError, match=r'objects take 50\.00 % of the pixels in 2 of 2 images and 25\.00 %'
    ):
        table(*runs)
    finer = store('c', [1, 0], 'bas_x', masks=masks_found(side=16))
    assert len(table(runs[0], finer)) == 2


def test_steps_of_mask_thresholds_are_compared_too(store: Callable) -> None:
    runs = [
        store('a', [1, 0], masks=masks_found()),
        store('b', [1, 0], 'x', masks=masks_found(interval=0.01)),
    ]
    with pytest.raises(ValueError, match='different interval'):
        table(*runs)
    assert len(table(runs[0], store('c', [1, 0], 'x'))) == 2  # without masks there is nothing to differ
