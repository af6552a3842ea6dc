from __future__ import annotations

import json

import pytest

from mmwsol.evaluation.functional.localization_accuracy import uint8_cuts
from mmwsol.evaluation.protocols import PROTOCOLS, get_protocol, parse_protocol


def test_releases_of_bas_differ_where_the_specification_says():
    one, two = get_protocol('bas').to_dict(), get_protocol('bas_ext').to_dict()
    differing = {key for key in one if one[key] != two[key]}
    hits = {'hit', 'topk_hit'}
    assert differing == {'name', 'topk', 'minmax_eps', 'thresholds', 'gt_rounding', 'average', *hits}


def test_choe_versions_differ_only_in_the_boxes():
    one, two = get_protocol('choe_v1').to_dict(), get_protocol('choe_v2').to_dict()
    assert {key for key in one if one[key] != two[key]} == {'name', 'component'}


def test_sat_differs_from_bas_ext_where_the_specification_says():
    one, two = get_protocol('bas_ext').to_dict(), get_protocol('sat').to_dict()
    differing = {key for key in one if one[key] != two[key]}
    assert differing == {'name', 'map_source', 'topk', 'thresholds', 'threshold_source', 'gt_rounding'}


def test_scm_differs_from_tscam_where_the_specification_says():
    one, two = get_protocol('tscam').to_dict(), get_protocol('scm').to_dict()
    differing = {key for key in one if one[key] != two[key]}
    boxes, hits = {'clip_to_last_pixel', 'empty_box'}, {'topk_hit'}
    assert differing == {
        'name',
        'map_source',
        'topk',
        'dtype',
        'thresholds',
        'threshold_source',
        *boxes,
        *hits,
    }
    assert (one['hit'], one['topk_hit'], two['topk_hit']) == ('>=', '>', '>=')


def test_scm_sweeps_a_hundred_thresholds():
    assert get_protocol('scm').thresholds == tuple(i / 100 for i in range(100))


def test_cuts_of_scm_relative_to_the_maximum_are_those_relative_to_255():
    thresholds = get_protocol('scm').thresholds
    assert [int(255 * t) for t in thresholds] == uint8_cuts(thresholds).tolist()
    assert uint8_cuts(thresholds).tolist() == uint8_cuts([0.01 * i for i in range(100)]).tolist()


def test_one_threshold_is_fixed_and_a_list_is_chosen_from():
    fixed = parse_protocol('sat:threshold=0.4')
    assert (fixed.thresholds, fixed.threshold_source) == ((0.4,), 'fixed')
    listed = parse_protocol('sat:threshold=[0.1, 0.4]')
    assert (listed.thresholds, listed.threshold_source) == ((0.1, 0.4), 'oracle joint')
    stated = get_protocol('scm', threshold=0.2, threshold_source='oracle per level')
    assert stated.threshold_source == 'oracle per level'


def test_every_preset_survives_the_way_through_a_config():
    for protocol in PROTOCOLS.values():
        assert get_protocol(json.loads(json.dumps(protocol.to_dict()))) == protocol


def test_every_switch_is_json_able():
    for protocol in PROTOCOLS.values():
        assert json.loads(json.dumps(protocol.to_dict())) == protocol.to_dict()


def test_values_of_a_run_are_overrides():
    protocol = get_protocol(dict(name='bas_ext', threshold=0.2, topk=1))
    assert (protocol.name, protocol.thresholds, protocol.uses_gt_map) == ('bas_ext', (0.2,), True)
    assert get_protocol('bas', threshold=[0.3]).thresholds == (0.3,)
    assert get_protocol(protocol) == protocol


def test_one_best_class_means_the_map_of_the_true_class():
    assert get_protocol('bas', topk=1).map_key == get_protocol('bas', map_source='gt').map_key
    assert get_protocol('bas', topk=2).map_key != get_protocol('bas').map_key
    assert get_protocol('choe_v1').map_key == get_protocol('choe_v2').map_key


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        ({'name': 'choe'}, 'no protocol .choe.; the presets are bas, bas_ext, choe_v1, choe_v2'),
        ({'name': 'bas', 'thresh': 0.1}, 'protocol bas has no switch thresh; there are threshold'),
        ({'name': 'bas', 'hit': '=='}, "hit must be one of .*got '=='"),
        ({'name': 'bas', 'gt_rounding': 'int'}, 'gt_rounding must be one of'),
        ({'name': 'bas', 'threshold': [0.1, 0.2]}, 'a fixed threshold is exactly one'),
        ({'name': 'bas', 'topk': 0}, 'topk must be at least 1'),
        (
            {'name': 'bas', 'threshold': [0.2, 0.1], 'threshold_source': 'oracle joint'},
            'thresholds must rise',
        ),
        ({'name': 'choe_v1', 'threshold_source': 'oracle joint'}, 'chooses from a list'),
        ({'name': 'choe_v2', 'threshold_source': 'val'}, '"val" chooses from a list'),
        ({'name': 'scm', 'threshold_source': 'pseudo'}, 'scm has no GT-known, by which "pseudo" chooses'),
    ],
)
def test_wrong_protocol_is_refused_with_what_is_right(overrides, message):
    with pytest.raises(ValueError, match=message):
        get_protocol(overrides)


def test_strict_awaits_a_threshold_until_it_has_one():
    strict = get_protocol('strict')
    assert strict.transfers_threshold and strict.awaits_threshold
    assert not get_protocol('strict', thresholds=[0.4]).awaits_threshold
    assert get_protocol('strict', threshold=0.4).threshold_source == 'fixed'
    assert not get_protocol('strict', threshold_source='oracle').transfers_threshold


def test_parse_protocol_reads_switches_behind_the_name():
    assert parse_protocol('choe_v2') == get_protocol('choe_v2')
    assert parse_protocol('bas_ext:threshold=0.2:topk=1') == get_protocol('bas_ext', threshold=0.2, topk=1)
    swept = parse_protocol('bas:thresholds=[0.1, 0.2]:threshold_source=oracle joint')
    assert swept.thresholds == (0.1, 0.2)
    assert swept.threshold_source == 'oracle joint'


def test_parse_protocol_names_what_it_cannot_read():
    with pytest.raises(ValueError, match=r'name\[:switch=value..\]'):
        parse_protocol('bas_ext:0.2')


@pytest.mark.parametrize(
    ('text', 'switch', 'value'),
    [
        ('strict:threshold=.3', 'thresholds', (0.3,)),
        ('strict:threshold=[.3, .4]', 'thresholds', (0.3, 0.4)),
        ('choe_v2:inclusive_iou=False', 'inclusive_iou', False),
        ('choe_v2:inclusive_iou=false', 'inclusive_iou', False),
        ('bas:clip_to_last_pixel=true', 'clip_to_last_pixel', True),
        ('bas:minmax_eps=1e-5', 'minmax_eps', 1e-5),
        ('bas:empty_box=[0, 0, 1, 1]', 'empty_box', (0, 0, 1, 1)),
        ('scm:empty_box=frame', 'empty_box', 'frame'),
    ],
)
def test_values_of_the_command_line_get_the_type_of_their_switch(text, switch, value):
    found = getattr(parse_protocol(text), switch)
    assert found == value and type(found) is type(value)
    assert not parse_protocol('strict:threshold=.3').awaits_threshold


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('strict:threshold=high', "thresholds must be a list of numbers, got 'high'"),
        ('strict:threshold=True', r'thresholds must be a list of numbers, got \(True,\)'),
        ('strict:thresholds=0.3', 'thresholds must be a list of numbers, got 0.3'),
        ('sat:threshold=40', r'thresholds are fractions in \[0, 1\], got \(40,\)'),
        ('sat:threshold=-0.1', r'thresholds are fractions in \[0, 1\]'),
        ('choe_v2:inclusive_iou=no', "inclusive_iou must be True or False, got 'no'"),
        ('choe_v2:inclusive_iou=1', 'inclusive_iou must be True or False, got 1'),
        ('bas:topk=80.5', 'topk must be a whole number, got 80.5'),
        ('bas:topk=True', 'topk must be a whole number, got True'),
        ('bas:minmax_eps=small', "minmax_eps must be a number, got 'small'"),
        ('bas:minmax_eps=-1', r'minmax_eps must lie in \[0, 1\)'),
        ('bas:empty_box=[0, 0, 1]', "empty_box must be four numbers, x1 y1 x2 y2, or 'frame'"),
        ('bas:empty_box=whole', "empty_box must be four numbers, .*got 'whole'"),
        ('bas:map_source=3', "map_source must be one of .*'topk_each'.*, got 3"),
    ],
)
def test_values_of_another_type_or_range_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_protocol(text)


def test_strings_of_a_config_are_no_truth_values():
    with pytest.raises(ValueError, match="inclusive_iou must be True or False, got 'False'"):
        get_protocol('choe_v2', inclusive_iou='False')
