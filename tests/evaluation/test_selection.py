from __future__ import annotations

import pytest

from mmwsol.evaluation.protocols import get_protocol
from mmwsol.evaluation.selection import (
    checkpoint_text,
    is_test_split,
    source_text,
    switches_of,
    take_threshold,
)


def choice(source='val', threshold=0.37, **switches):
    protocol = get_protocol('strict', **switches)
    return dict(
        name='strict',
        source=source,
        threshold=threshold,
        value=80.0,
        split='val',
        images=115,
        switches=switches_of(protocol),
    )


@pytest.mark.parametrize(
    'name',
    [
        'test',
        'CUB/test',
        'test2',
        'ILSVRC_Test',
        'metadata-test',
        'testset',
        'testing',
        'testA',
        'CUBTest',
        'TEST',
    ],
)
def test_names_of_test_splits(name):
    assert is_test_split(name)
    assert source_text('val', name) == f'{name} (oracle)'


@pytest.mark.parametrize('name', [None, '', 'val', 'train', 'contest', 'attested', 'latest'])
def test_names_of_other_splits(name):
    assert not is_test_split(name)


def test_source_is_named_with_a_doubt_where_the_split_has_no_name():
    assert source_text('pseudo', 'val') == 'pseudo'
    assert source_text('val', None) == 'val, split unnamed'


def test_threshold_is_that_of_the_same_source_and_switches():
    selection = dict(
        choices=[choice('pseudo', 0.2), choice('val', 0.9, comparison='>='), choice('val', 0.37)]
    )
    protocol, taken = take_threshold(get_protocol('strict'), selection, 'x.pth')
    assert (protocol.thresholds, protocol.threshold_source) == ((0.37,), 'val')
    assert taken == selection['choices'][2]
    pseudo, _ = take_threshold(get_protocol('strict', threshold_source='pseudo'), selection, 'x.pth')
    assert pseudo.thresholds == (0.2,)


def test_other_candidates_are_the_same_protocol():
    protocol, _ = take_threshold(
        get_protocol('strict', thresholds=[0.1, 0.6]), dict(choices=[choice()]), 'x.pth'
    )
    assert protocol.thresholds == (0.37,)


@pytest.mark.parametrize('protocol', ['choe_v2', 'sat', dict(name='strict', threshold=0.3)])
def test_protocols_that_await_nothing_stay_as_they_are(protocol):
    protocol = get_protocol(protocol)
    assert take_threshold(protocol, None, 'x.pth') == (protocol, None)


@pytest.mark.parametrize(
    ('selection', 'held'),
    [
        (None, 'no threshold'),
        (dict(choices=[]), 'no threshold'),
        (dict(choices=[choice('pseudo')]), 'strict by pseudo'),
        (dict(choices=[choice(comparison='>=')]), 'strict by val'),
    ],
)
def test_missing_threshold_is_an_error_that_names_the_ways_out(selection, held):
    message = rf'strict takes .*\(threshold_source=.val.\), but x\.pth carries {held} .*strict:threshold=0\.3'
    with pytest.raises(ValueError, match=message):
        take_threshold(get_protocol('strict'), selection, 'x.pth')


def test_checkpoint_is_named_only_if_a_metric_chose_it():
    kept = dict(epoch=7, split='val', best_by='wsol/strict/IoU')
    assert checkpoint_text(kept) == 'epoch 7, best wsol/strict/IoU on val'
    assert checkpoint_text(kept | dict(split='test')) == 'epoch 7, best wsol/strict/IoU on test (oracle)'
    assert checkpoint_text(kept | dict(best_by=None)) is None and checkpoint_text(None) is None
