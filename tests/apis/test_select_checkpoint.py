from __future__ import annotations

import argparse
import json
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmwsol.apis import select_checkpoint
from mmwsol.compat import load_checkpoint_file
from mmwsol.evaluation import parse_protocol

# by epoch: what validation found, and IoU and GT-known on the test split at val's, pseudo's and the best threshold
VAL, PSEUDO, CLS = [60.0, 70.0, 65.0, 64.0], [50.0, 40.0, 55.0, 30.0], [10.0, 20.0, 30.0, 40.0]
TEST = {
    'val': [50.0, 55.0, 56.0, 53.0],
    'pseudo': [49.0, 48.0, 54.0, 50.0],
    'oracle': [51.0, 56.0, 57.0, 58.0],
}


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """Four validated checkpoints, one that was not validated, a best one, and the config."""
    for epoch in range(1, 5):
        metrics = {
            'wsol/strict/IoU': VAL[epoch - 1],
            'pseudo/strict/agreement': PSEUDO[epoch - 1],
            'wsol/cls/top-1': CLS[epoch - 1],
        }
        selection = dict(epoch=epoch, iter=epoch, split='val', choices=[], metrics=metrics, best_by=None)
        torch.save(dict(epoch=torch.tensor(epoch), selection=selection), tmp_path / f'epoch_{epoch}.pth')
        torch.save(dict(selection=selection), tmp_path / f'best_x_epoch_{epoch}.pth')
    torch.save(dict(epoch=torch.tensor(5)), tmp_path / 'epoch_5.pth')
    (tmp_path / 'run.py').write_text('a = 1\n')
    return tmp_path


@pytest.fixture
def tested(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What is tested: checkpoint and protocols; a stand-in for the test gives the rows above."""
    asked: list[tuple[str, list[str]]] = []

    def run(argv: Sequence[str]) -> dict[str, float]:
        args = select_checkpoint.test.parse_arguments(argv)
        epoch = int(Path(args.checkpoint).stem.split('_')[1])
        asked.append((Path(args.checkpoint).name, args.protocol))
        rows: list[dict[str, Any]] = []
        for text in args.protocol:
            protocol = parse_protocol(text)
            source = protocol.threshold_source
            found = TEST[source][epoch - 1] if source in TEST else 1.0
            threshold = protocol.thresholds[0] if source == 'fixed' else 0.1 * epoch
            rows.append({'threshold': threshold, 'IoU': found, 'GT-known': found + 10, 'name': protocol.name})
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        masks = dict(num_with_object=1, rows=[{'name': 'strict', 'threshold': 0.9}] * len(rows))
        evaluation = [masks, dict(iou_thresholds=[50], rows=rows)]
        Path(args.out).write_text(json.dumps(dict(date='', run={}, evaluation=evaluation)))
        return {}

    monkeypatch.setattr(select_checkpoint.test, 'main', run)
    return asked


def test_each_way_to_choose_takes_its_epoch_and_threshold(work_dir, tested, capsys):
    rows = select_checkpoint.main([str(work_dir)])
    found = {(r['checkpoint_by'], r['threshold_by']): (r['epoch'], r['IoU'], r['GT-known']) for r in rows}
    assert found == {
        ('test (oracle)', 'test (oracle)'): (4, 58, 68),
        ('val on val', 'val on val'): (2, 55, 65),
        ('pseudo on val', 'pseudo on val'): (3, 54, 64),
        ('classification on val', 'pseudo on val'): (4, 50, 60),
        ('last', 'pseudo on val'): (4, 50, 60),
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        '| checkpoint by | threshold by | epoch | threshold | GT-known | IoU | cost in GT'
    )
    assert lines[3] == '| val on val | val on val | 2 | 0.2 | 65.00 | 55.00 | 3.00 | 3.00 |'
    assert {row['file'] for row in rows} == {'epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth'}


def test_choices_without_the_test_split_test_their_checkpoints_only(work_dir, tested):
    select_checkpoint.main([str(work_dir), '--by', 'val', '--by', 'classification/0.25'])
    assert tested == [('epoch_2.pth', ['strict']), ('epoch_4.pth', ['strict:threshold=0.25'])]


def test_checkpoint_and_threshold_are_chosen_apart(work_dir, tested):
    first, second = select_checkpoint.main([str(work_dir), '--by', 'val/test', '--by', 'test/val'])
    assert (first['epoch'], first['IoU']) == (2, 56) and first['threshold_by'] == 'test (oracle)'
    assert (second['epoch'], second['IoU']) == (4, 53)  # the oracle's epoch, at the threshold of val


def test_results_are_kept_until_a_checkpoint_changes(work_dir, tested):
    rows = select_checkpoint.main([str(work_dir)])
    count = len(tested)
    assert select_checkpoint.main([str(work_dir)]) == rows and len(tested) == count == 4
    content = torch.load(work_dir / 'epoch_2.pth')
    torch.save(content | dict(epoch=torch.tensor(9)), work_dir / 'epoch_2.pth')
    select_checkpoint.main([str(work_dir)])
    assert [name for name, _ in tested[count:]] == ['epoch_2.pth']
    select_checkpoint.main([str(work_dir), '--by', 'val', '--cfg-options', 'a=2'])
    assert len(tested) == count + 2


def test_results_are_kept_for_their_data_and_the_whole_config_only(work_dir, tested, monkeypatch):
    (work_dir / 'base').mkdir()
    (work_dir / 'base' / 'b.py').write_text('b = 1')
    (work_dir / 'run.py').write_text("_base_ = './base/b.py'")
    select_checkpoint.main([str(work_dir), '--by', 'val'])
    select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert len(tested) == 1
    (work_dir / 'base' / 'b.py').write_text('b = 2')
    select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert len(tested) == 2
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(work_dir / 'elsewhere'))
    select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert len(tested) == 3
    monkeypatch.setattr(select_checkpoint, '__version__', 'next')
    select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert len(tested) == 4


def record(path, validations):
    """Let a checkpoint know of earlier validations, as MMEngine's does."""
    history = HistoryBuffer([1.0] * validations, [1] * validations)
    content = load_checkpoint_file(path)
    torch.save(content | dict(message_hub=dict(log_scalars={'val/wsol/strict/IoU': history})), path)


def test_run_that_lost_validated_checkpoints_is_refused_unless_told_otherwise(work_dir, tested):
    record(work_dir / 'epoch_5.pth', 4)
    assert select_checkpoint.main([str(work_dir), '--by', 'val'])[0]['epoch'] == 2
    (work_dir / 'epoch_2.pth').unlink()
    with pytest.raises(
        SystemExit, match=r'has 3 of the 4 validated checkpoints .*max_keep_ckpts=-1.*--among-kept'
    ):
        select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert select_checkpoint.main([str(work_dir), '--by', 'val', '--among-kept'])[0]['epoch'] == 3


def test_newest_checkpoint_counts_its_own_validation_too(work_dir, tested):
    (work_dir / 'epoch_5.pth').unlink()
    record(work_dir / 'epoch_4.pth', 3)
    assert select_checkpoint.main([str(work_dir), '--by', 'val'])
    (work_dir / 'epoch_1.pth').unlink()
    with pytest.raises(SystemExit, match='has 3 of the 4 validated'):
        select_checkpoint.main([str(work_dir), '--by', 'val'])


def test_last_checkpoint_that_was_not_validated_is_said(work_dir, tested, capsys):
    select_checkpoint.main([str(work_dir), '--by', 'last'])
    assert 'last: epoch_4.pth; epoch_5.pth is newer, but was not validated' in capsys.readouterr().out
    select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert 'epoch_5' not in capsys.readouterr().out


def test_one_checkpoint_after_the_other_is_held_in_memory(work_dir, monkeypatch):
    alive = weakref.WeakSet()

    def load(path, map_location=None):
        assert not alive
        content = load_checkpoint_file(path, map_location)
        content['weights'] = torch.zeros(1)
        alive.add(content['weights'])
        return content

    monkeypatch.setattr(select_checkpoint, 'load_checkpoint_file', load)
    assert len(select_checkpoint.read_validations(work_dir)) == 4


def test_images_that_the_test_meets_again_are_marked(work_dir, tested, monkeypatch):
    run = select_checkpoint.test.main

    def again(argv):
        metrics, path = run(argv), Path(select_checkpoint.test.parse_arguments(argv).out)
        result = json.loads(path.read_text())
        for row in result['evaluation'][1]['rows']:
            row['threshold_from'] = dict(split='val, tested too')
        path.write_text(json.dumps(result))
        return metrics

    monkeypatch.setattr(select_checkpoint.test, 'main', again)
    (row,) = select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert row['checkpoint_by'] == row['threshold_by'] == 'val on val, tested too (oracle)'


def test_test_without_localization_is_an_error(work_dir, tested, monkeypatch):
    run = select_checkpoint.test.main

    def masks_only(argv):
        metrics, path = run(argv), Path(select_checkpoint.test.parse_arguments(argv).out)
        result = json.loads(path.read_text())
        path.write_text(json.dumps(result | dict(evaluation=result['evaluation'][:1])))
        return metrics

    monkeypatch.setattr(select_checkpoint.test, 'main', masks_only)
    with pytest.raises(SystemExit, match=r'0 rows of localization for 1 protocols; .* LocalizationMetric'):
        select_checkpoint.main([str(work_dir), '--by', 'val'])


def test_choice_on_a_validation_split_named_test_is_marked(work_dir, tested):
    for path in work_dir.glob('epoch_[1-4].pth'):
        content = torch.load(path)
        content['selection']['split'] = 'CUB/test'
        torch.save(content, path)
    (row,) = select_checkpoint.main([str(work_dir), '--by', 'val'])
    assert row['checkpoint_by'] == row['threshold_by'] == 'val on CUB/test (oracle)'


def test_rows_are_written(work_dir, tested, tmp_path):
    rows = select_checkpoint.main([str(work_dir), '--by', 'last', '--out', str(tmp_path / 'new/rows.json')])
    assert json.loads((tmp_path / 'new/rows.json').read_text()) == rows


@pytest.mark.parametrize('text', ['best', 'val/best', 'val/1.5', 'val/nan', ''])
def test_choices_that_do_not_exist_are_refused(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r'CHECKPOINT\[/THRESHOLD\], with CHECKPOINT among val,'
    ):
        select_checkpoint.parse_choice(text)


def test_run_without_validations_or_without_a_criterion_is_explained(work_dir, tested):
    for path in work_dir.glob('epoch_[1-4].pth'):
        content = torch.load(path)
        del content['selection']['metrics']['pseudo/strict/agreement']
        torch.save(content, path)
    with pytest.raises(
        SystemExit, match=r'epoch_1\.pth has no pseudo/strict/agreement; it has wsol/strict/IoU'
    ):
        select_checkpoint.main([str(work_dir), '--by', 'pseudo'])
    for path in work_dir.glob('epoch_[1-4].pth'):
        path.unlink()
    with pytest.raises(SystemExit, match=r'none of the 1 checkpoints .* carries a validation'):
        select_checkpoint.main([str(work_dir)])


def test_config_must_be_named_where_there_are_several(work_dir, tested):
    (work_dir / 'other.py').write_text('')
    with pytest.raises(SystemExit, match='has 2 configs'):
        select_checkpoint.main([str(work_dir)])
    assert select_checkpoint.main([str(work_dir), '--config', str(work_dir / 'run.py'), '--by', 'last'])
