from __future__ import annotations

import json

import pytest

from mmwsol.evaluation.protocols import PROTOCOLS, get_protocol, parse_protocol


def test_releases_of_bas_differ_where_the_specification_says():
    one, two = get_protocol('bas').to_dict(), get_protocol('bas_ext').to_dict()
    differing = {key for key in one if one[key] != two[key]}
    assert differing == {'name', 'topk', 'minmax_eps', 'thresholds', 'gt_rounding', 'hit', 'average'}


def test_choe_versions_differ_only_in_the_boxes():
    one, two = get_protocol('choe_v1').to_dict(), get_protocol('choe_v2').to_dict()
    assert {key for key in one if one[key] != two[key]} == {'name', 'component'}


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
    ],
)
def test_wrong_protocol_is_refused_with_what_is_right(overrides, message):
    with pytest.raises(ValueError, match=message):
        get_protocol(overrides)


def test_parse_protocol_reads_switches_behind_the_name():
    assert parse_protocol('choe_v2') == get_protocol('choe_v2')
    assert parse_protocol('bas_ext:threshold=0.2:topk=1') == get_protocol('bas_ext', threshold=0.2, topk=1)
    swept = parse_protocol('bas:thresholds=[0.1, 0.2]:threshold_source=oracle joint')
    assert swept.thresholds == (0.1, 0.2)
    assert swept.threshold_source == 'oracle joint'


def test_parse_protocol_names_what_it_cannot_read():
    with pytest.raises(ValueError, match=r'name\[:switch=value..\]'):
        parse_protocol('bas_ext:0.2')
