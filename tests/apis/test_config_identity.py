from __future__ import annotations

from mmwsol.apis.config_identity import differing_keys, identify_run

CONFIG = """model = dict(type='mmwsol.Localizer', head=dict(topk=5))
optimizer = dict(lr=0.1)
randomness = dict(seed=6)
work_dir = 'a'
test_dataloader = dict(batch_size=32, dataset=dict(type='CUB'))
test_evaluator = dict(protocols=['sat'])
"""


def identity(trained: str | None = CONFIG, tested: str = CONFIG, digest: str = 'f00'):
    return identify_run(dict(training_config=trained, config=tested, checkpoint_sha256=digest))


def test_seed_folder_and_protocol_make_no_other_experiment() -> None:
    other = CONFIG.replace('seed=6', 'seed=7').replace("'a'", "'b'").replace("['sat']", "['bas']")
    other = other.replace('batch_size=32', 'batch_size=1') + "experiment_name = 'bas_2'\n"
    assert identity(other, other, 'cafe') == identity()


def test_formatting_makes_no_other_experiment() -> None:
    assert identity(CONFIG.replace('dict(', 'dict(\n    ')) == identity()


def test_what_was_trained_does() -> None:
    other = identity(CONFIG.replace('lr=0.1', 'lr=0.2'))
    assert differing_keys(identity(), other) == ['trained optimizer']


def test_how_it_was_tested_does() -> None:
    other = identity(tested=CONFIG.replace('topk=5', 'topk=1').replace("'CUB'", "'Cars'"))
    assert differing_keys(identity(), other) == ['tested model', 'tested test_dataloader']


def test_weights_of_a_fine_tuning_count_and_a_break_does_not() -> None:
    tuned = CONFIG + "load_from = 'a.pth'\nresume = False\n"
    other = tuned.replace('a.pth', 'b.pth')
    assert differing_keys(identity(tuned), identity(other)) == ['trained load_from']
    assert differing_keys(identity(tuned), identity()) == ['trained load_from']
    broken = "load_from = 'w/epoch_3.pth'\nresume = True\nstarted_from = {}\n"
    assert identity(CONFIG + broken.format("'a.pth'")) == identity(tuned)
    assert identity(CONFIG + broken.format('None')) == identity(CONFIG + 'load_from = None\n') == identity()


def test_another_data_root_may_be_another_data_set() -> None:
    mine, yours = (CONFIG + f"train_dataloader = dict(dataset=dict(data_root='{root}'))\n" for root in 'ab')
    assert differing_keys(identity(mine), identity(yours)) == ['trained train_dataloader']


def test_determinism_counts_though_the_seed_does_not() -> None:
    other = identity(CONFIG.replace('seed=6', 'seed=6, deterministic=True'))
    assert differing_keys(identity(), other) == ['trained randomness']


def test_checkpoint_without_a_config_is_an_experiment_of_its_own() -> None:
    assert identity(None, digest='a') != identity(None, digest='b')
    assert identity(None, digest='a') == identity(None, digest='a')


def test_config_is_read_and_never_run() -> None:
    identity('x = __import__("os").abort()')
    assert identity('not a config') != identity()
