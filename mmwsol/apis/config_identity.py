"""Which runs are one experiment: the same config up to its seed and to where its results lie.

A ``data_root`` counts, since it may be what tells one data set from another; ``$MMWSOL_DATA_ROOT`` stands in no config.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

# say nothing about what was trained
FREE = {
    'work_dir', 'experiment_name', 'load_from', 'resume', 'started_from', 'launcher', 'log_level', 'log_processor',
    'visualizer', 'vis_backends', 'test_dataloader', 'test_evaluator', 'test_cfg', 'ten_crop_pipeline',
}  # fmt: skip
# what of a config is at work in a test, besides the protocols
TESTED = {'model', 'test_dataloader'}

Identity = tuple[tuple[str, str], ...]


def identify_run(run: Mapping[str, Any], checkpoint_choice: str = '') -> Identity:
    """What was trained, how its checkpoint was chosen and tested, entry by entry, from the ``run`` of a stored result.

    A checkpoint that carries no training config is an experiment of its own.
    """
    training = run.get('training_config')
    trained = _entries(training or '')
    entries = {f'trained {key}': text for key, text in trained.items() if key not in FREE}
    weights = trained.get('started_from' if trained.get('resume') == 'True' else 'load_from', 'None')
    if weights != 'None':
        entries['trained load_from'] = weights
    if not training:
        entries['checkpoint'] = str(run.get('checkpoint_sha256'))
    else:
        entries['choice of the checkpoint'] = checkpoint_choice
    tested = _entries(run['config'])
    entries |= {f'tested {key}': text for key, text in tested.items() if key in TESTED}
    return tuple(sorted(entries.items()))


def identify_classifier(record: Mapping[str, Any]) -> Identity:
    """Weights, model and input pipeline of the classifier of a two-stage test, from its record in a stored result."""
    entries = {key: text for key, text in _entries(record['config']).items() if key in TESTED}
    return tuple(sorted((entries | {'checkpoint': str(record.get('checkpoint_sha256'))}).items()))


def differing_keys(one: Identity, other: Identity) -> list[str]:
    """Names of the entries that two identities do not share."""
    return sorted({key for key, _ in set(one) ^ set(other)})


def _entries(text: str) -> dict[str, str]:
    """Top-level entries of a config's text, in a form that formatting does not change; it is never executed."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {'text': text}
    entries = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            key = node.targets[0].id
            entries[key] = ast.unparse(_without_free_parts(key, node.value))
    return entries


def _without_free_parts(key: str, value: ast.expr) -> ast.expr:
    """The seed of ``randomness`` left out; of a test loader only its data set."""
    if isinstance(value, ast.Call):
        if key == 'randomness':
            value.keywords = [keyword for keyword in value.keywords if keyword.arg != 'seed']
        if key == 'test_dataloader':
            value.keywords = [keyword for keyword in value.keywords if keyword.arg == 'dataset']
    return value
