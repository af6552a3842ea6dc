from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from planted_results import SIZE, planted_results

from mmwsol.apis.report import format_breakdown, main, parse_arguments, read_edges

KINDS = ['correct', 'part', 'classification', 'correct', 'more']
SHARES = [0.05, 0.2, 0.3, 0.3, 0.6]


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """A work dir with a test of five images, which lie beside it."""
    folder = tmp_path / 'run' / '20260101_000000'
    folder.mkdir(parents=True)
    results = planted_results(KINDS, [0, 1, 0, 1, 0], SHARES)
    paths = [tmp_path / 'images' / name for name in results.ids]
    paths[0].parent.mkdir(parents=True)
    for path in paths:
        cv2.imwrite(str(path), np.zeros((*SIZE, 3), np.uint8))
    results.columns['img_path'] = np.array(list(map(str, paths)))
    results.save(folder / 'result.images.npz')
    row = dict(name='tscam', threshold=0.1, threshold_source='fixed', **results.rows[0].numbers)
    content = dict(
        date='2026-01-01T00:00:00',
        evaluation=[
            dict(num_images=5, iou_thresholds=[30, 50, 70], rows=[row], baselines=[], notes=['a note'])
        ],
        images='result.images.npz',
        run=dict(
            config_file='configs/x/run.py',
            checkpoint='epoch_1.pth',
            training_seed=6,
            data=dict(type='Birds', split='test', images=5),
            versions=dict(mmwsol='1.0'),
        ),
    )
    (folder / 'result.json').write_text(json.dumps(content))
    return tmp_path / 'run'


def test_report_of_a_work_dir_lies_beside_its_result(work_dir: Path, capsys: pytest.CaptureFixture) -> None:
    main([str(work_dir), '--pictures', '3'])
    page = (work_dir / '20260101_000000' / 'report.html').read_text()
    data = json.loads(page.split('id="data">')[1].split('</script>')[0])
    assert data['title'] == 'run' and 'Birds test, 5 images · checkpoint epoch_1.pth, seed 6' in data['about']
    assert data['numbers']['rows'][0][:4] == ['tscam', '0.1', 'fixed', '40.00'] and data['notes'] == [
        'a note'
    ]
    assert [data['kinds'][image['kind']] for image in data['images']] == KINDS
    assert sum(image['picture'] is not None for image in data['images']) == 3
    assert '3 of 5 images with a picture' in capsys.readouterr().out


def test_evaluation_of_masks_before_that_of_boxes_does_no_harm(work_dir: Path) -> None:
    path = work_dir / '20260101_000000' / 'result.json'
    content = json.loads(path.read_text())
    content['evaluation'].insert(0, dict(num_images=5, rows=[dict(name='tscam', PxAP=50.0)], baselines=[]))
    path.write_text(json.dumps(content))
    main([str(work_dir)])
    assert '40.00' in path.with_name('report.html').read_text()


def test_list_of_images_says_what_is_wrong_with_each(work_dir: Path, tmp_path: Path) -> None:
    main([str(work_dir), '--csv', str(tmp_path / 'x.csv'), '--out', str(tmp_path / 'x.html')])
    with open(tmp_path / 'x.csv', newline='') as file:
        lines = list(csv.DictReader(file))
    assert [line['kind'] for line in lines] == KINDS
    assert [line['image'] for line in lines if line['size'] == '25 to 50 %'] == ['a/2.jpg', 'a/3.jpg']
    assert [line['Top-1 Loc'] for line in lines] == list('10010')
    assert lines[1]['class'] == 'class 1' and float(lines[1]['iou']) == 0.25 and lines[1]['x1'] == '40.0'


def test_breakdown_counts_by_protocol_and_size() -> None:
    results = planted_results(KINDS, shares=SHARES)
    lines = [line.split() for line in format_breakdown(results, results.row(), [0.25]).splitlines()]
    assert ['tscam', '5', '20.00', '40.00', '0.00', '20.00', '20.00', '0.00'] in lines
    assert ['below', '25', '%', '2', '0.00', '50.00', '0.00', '50.00', '0.00', '0.00'] in lines
    assert ['25', '%', 'and', 'more', '3', '33.33', '33.33', '0.00', '0.00', '33.33', '0.00'] in lines


def test_terciles_part_the_images_in_three() -> None:
    results = planted_results(KINDS * 6, shares=[i / 31 for i in range(1, 31)])
    edges = read_edges(['terciles'], results)
    shares = results.object_shares()
    assert [int((shares < edges[0]).sum()), int((shares >= edges[1]).sum())] == [10, 10]


@pytest.mark.parametrize(
    ('edges', 'message'),
    [(['half'], 'numbers or "terciles"'), (['0.5', '0.2'], 'rising'), (['1.5'], 'rising')],
)
def test_wrong_edges_are_refused(edges: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_edges(edges, planted_results(KINDS))


def test_images_that_moved_are_found_by_name(work_dir: Path, tmp_path: Path) -> None:
    (tmp_path / 'images').rename(tmp_path / 'elsewhere')
    with pytest.raises(SystemExit, match='say where with --image-root'):
        main([str(work_dir)])
    main([str(work_dir), '--image-root', str(tmp_path / 'elsewhere')])


def test_row_that_is_not_there_is_an_error_that_names_the_others(work_dir: Path) -> None:
    with pytest.raises(SystemExit, match="no row 'bas'; there are tscam"):
        main([str(work_dir), '--protocol', 'bas'])


def test_default_sizes_are_stated_by_the_command() -> None:
    assert parse_arguments(['x']).size_edges == ['0.1', '0.25', '0.5']
