"""Test a checkpoint under one or several protocols: ``tools/test.py`` and the command ``mmwsol-test``."""

from __future__ import annotations

import argparse
import copy
import json
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn

from mmwsol.compat import load_checkpoint_file
from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.evaluation import parse_protocol
from mmwsol.evaluation.image_results import SUFFIX
from mmwsol.file_digest import file_digest

from .choose_on_val import add_choice_argument, choose_on_val
from .evaluator_configs import evaluators_of, localization_evaluators
from .post_hoc_options import add_post_hoc_arguments, use_post_hoc_maps
from .run_config import add_run_arguments, drop_pretrained_weights, load_config
from .run_record import describe_run

PRETRAINED = 'pretrained'  # in place of a checkpoint


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Test a weakly supervised localizer')
    add_run_arguments(parser)
    parser.add_argument(
        'checkpoint',
        help="what tools/train.py or a converter wrote, or 'pretrained': the weights that the config's init_cfg names for "
        'backbone and head',
    )
    parser.add_argument(
        '--protocol',
        action='append',
        metavar='NAME[:SWITCH=VALUE...]',
        help="score under this protocol instead of the config's; may be repeated, e.g. bas_ext:threshold=0.1:topk=200",
    )
    add_choice_argument(parser)
    add_post_hoc_arguments(parser)
    parser.add_argument(
        '--predictions',
        metavar='FILE',
        help="two-stage Top-1: another classifier's predictions, .npz or .json of scores by image id, or rows "
        'image_id,label[,label2,..]',
    )
    parser.add_argument(
        '--classifier',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='two-stage Top-1: classify the images of this config with another one first',
    )
    parser.add_argument('--dump-scores', metavar='NPZ', help='write the class scores of every image')
    parser.add_argument('--ten-crop', action='store_true', help='classify ten crops, localize the centre one')
    parser.add_argument(
        '--out',
        metavar='JSON',
        help='where to write the result and all it takes to repeat it, and beside it the results of each image '
        '(default: result.json in the folder of the log)',
    )
    parser.add_argument('--show-dir', metavar='DIR', help='write a picture of every image')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    args = parse_arguments(argv)
    cfg = load_config(args)
    use_post_hoc_maps(cfg, args.maps, args.layer, args.cfg_options)
    if args.protocol:
        replace_protocols(cfg, args.protocol)
    if args.choose_on_val:
        choose_on_val(cfg)
    keep_images(cfg)
    classifier = None
    if args.classifier:
        args.predictions, classifier = dump_scores_of(args.classifier, cfg)
    if args.predictions:
        use_predictions(cfg, args.predictions)
    if args.dump_scores:
        cfg.test_evaluator = [*evaluators_of(cfg), dict(type='mmwsol.ScoreDump', out=args.dump_scores)]
    if args.ten_crop:
        use_ten_crops(cfg)
    if args.show_dir:
        cfg.default_hooks.draw_samples = dict(type='mmwsol.DrawSamplesHook', out_dir=args.show_dir)
    cfg.setdefault('default_hooks', {}).setdefault('selection', dict(type='mmwsol.SelectionHook'))
    runner, metrics = run_test(cfg, args.checkpoint, args.choose_on_val)
    if is_main_process():
        command = ['mmwsol-test', *(sys.argv[1:] if argv is None else argv)]
        write_result(
            args.out or Path(runner.log_dir) / 'result.json',
            runner,
            args.checkpoint,
            metrics,
            command,
            classifier,
        )
    return metrics


def run_test(cfg: Config, checkpoint: str, validate_first: bool = False) -> tuple[Runner, dict[str, float]]:
    """Test a checkpoint, or the pretrained weights that the config names."""
    if checkpoint == PRETRAINED:
        check_pretrained(cfg)
    else:
        drop_pretrained_weights(cfg.model)
        cfg.load_from = checkpoint
    runner = Runner.from_cfg(cfg)
    if checkpoint == PRETRAINED:
        getattr(runner.model, 'module', runner.model).init_weights()
    else:
        check_checkpoint(runner.model, checkpoint)
    if validate_first:
        runner.val()
    return runner, runner.test()


def command() -> None:
    """``mmwsol-test``: a console script must return nothing, its value would be the exit code."""
    main()


def keep_images(cfg: Config) -> None:
    """Have the first evaluator of localizations, unless its config says no, keep what it found on each image."""
    willing = [evaluator for evaluator in localization_evaluators(cfg) if evaluator.get('per_image', True)]
    for evaluator in willing:
        evaluator['per_image'] = evaluator is willing[0]
    if len(willing) > 1:
        print_log(
            f'{len(willing)} of the test evaluators are a LocalizationMetric: results of each image are kept of the '
            'first. Say per_image=False in its config to keep those of another',
            logger='current',
            level=logging.WARNING,
        )


def use_predictions(cfg: Config, path: str) -> None:
    """Let another classifier's predictions decide whether a class is right."""
    if not localization_evaluators(cfg):
        raise ValueError('--predictions and --classifier need a LocalizationMetric among the test evaluators')
    for evaluator in localization_evaluators(cfg):
        evaluator['predictions'] = path


def dump_scores_of(classifier: Sequence[str], cfg: Config) -> tuple[str, dict[str, Any]]:
    """Class scores of another config and checkpoint for the test images of this one, by its own input pipeline.

    Gives their file, named after the weights, and the record of that classifier.
    """
    config, checkpoint = classifier
    weights = file_digest(checkpoint)[:12] if Path(checkpoint).is_file() else checkpoint
    path = str(Path(cfg.work_dir) / f'scores_{Path(config).stem}_{weights}.npz')
    args = parse_arguments([config, checkpoint, '--work-dir', str(Path(cfg.work_dir) / 'classifier')])
    args.launcher = cfg.launcher
    other = load_config(args)
    counts = other.model.head.num_classes, cfg.model.head.num_classes
    if counts[0] != counts[1]:
        raise ValueError(
            f'--classifier {config} knows {counts[0]} classes, but {cfg.filename} has {counts[1]}'
        )
    images = copy.deepcopy(cfg.test_dataloader.dataset)
    images.pipeline = other.test_dataloader.dataset.pipeline
    other.test_dataloader.dataset = images
    other.test_evaluator = dict(type='mmwsol.ScoreDump', out=path)
    runner, _ = run_test(other, checkpoint)
    return path, describe_run(runner, checkpoint)


def replace_protocols(cfg: Config, texts: Sequence[str]) -> None:
    """Score under these protocols: the first evaluator, and every other that states protocols in the config."""
    evaluators = evaluators_of(cfg)
    for evaluator in evaluators:
        if evaluator is evaluators[0] or 'protocols' in evaluator:
            evaluator['protocols'] = [parse_protocol(text).to_dict() for text in texts]


def use_ten_crops(cfg: Config) -> None:
    if 'ten_crop_pipeline' not in cfg:
        raise ValueError('--ten-crop needs ten_crop_pipeline in the config: a test pipeline with TenCrop')
    steps = [step['type'] for step in cfg.test_dataloader.dataset.pipeline]
    if not any('CenterCrop' in str(getattr(step, '__name__', step)) for step in steps):
        raise ValueError(
            '--ten-crop localizes on the centre crop, but this config tests another frame (its test pipeline has no '
            'CenterCrop), for which its protocols are; test without --ten-crop'
        )
    cfg.test_dataloader.dataset.pipeline = cfg.ten_crop_pipeline
    cfg.test_dataloader.batch_size = max(1, cfg.test_dataloader.batch_size // 10)


def check_pretrained(cfg: Config) -> None:
    """``ValueError`` unless backbone and head both name pretrained weights, so that nothing random is tested."""
    for part in ('backbone', 'head'):
        declared = cfg.model[part].get('init_cfg') or []
        if all(
            init['type'] != 'Pretrained' for init in ([declared] if isinstance(declared, dict) else declared)
        ):
            raise ValueError(
                f"'{PRETRAINED}' tests the weights that the config names, but model.{part}.init_cfg has no "
                "dict(type='Pretrained', checkpoint=...); give a checkpoint, or start from configs/posthoc"
            )


def check_checkpoint(model: nn.Module, path: str) -> None:
    """``ValueError`` unless the checkpoint fills the model exactly; MMEngine would only warn.

    A checkpoint without ``state_dict`` is taken to be the state dict itself.
    """
    model = getattr(model, 'module', model)
    content: Mapping = load_checkpoint_file(path, map_location='cpu')
    stored = content.get('state_dict', content)
    own = model.state_dict()
    missing = [key for key in own if key not in stored]
    shapes = [key for key in own if key in stored and own[key].shape != stored[key].shape]
    surplus = [key for key in stored if key not in own]
    if missing or shapes or surplus:
        key = (shapes or missing or surplus)[0]
        detail = f'{tuple(stored[key].shape)} for {tuple(own[key].shape)}' if shapes else ''
        raise ValueError(
            f'checkpoint {path} does not belong to this config: {len(missing)} tensors are missing, {len(shapes)} have '
            f'another shape, {len(surplus)} are left over; first {key} {detail}. Use the config it was trained with '
            '(and its --cfg-options); official checkpoints go through tools/converters first'
        )


def write_result(
    path: str | Path,
    runner: Runner,
    checkpoint: str,
    metrics: Mapping[str, float],
    command: Sequence[str],
    classifier: Mapping[str, Any] | None = None,
) -> None:
    """The result as JSON, and beside it the results of each image.

    ``images`` names their file, ``images_sha256`` is its digest, ``images_of`` the place in ``evaluation`` they
    belong to. ``classifier`` is the record of that of a two-stage test.
    """
    path = Path(path)
    evaluated = [metric for metric in runner.test_evaluator.metrics if getattr(metric, 'summary', {})]
    found = [i for i, metric in enumerate(evaluated) if getattr(metric, 'images', None) is not None][:1]
    stored: dict[str, Any] = dict(images=None)
    for i in found:
        images = path.with_suffix(SUFFIX)
        evaluated[i].images.save(images)
        stored = dict(images=images.name, images_sha256=file_digest(images), images_of=i)
    result = dict(
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        command=shlex.join(command),
        metrics=dict(metrics),
        evaluation=[metric.summary for metric in evaluated],
        **stored,
        classifier=classifier,
        run=describe_run(runner, checkpoint),
    )
    AtomicBackend().put_text(json.dumps(result, indent=1, default=str) + '\n', path)


if __name__ == '__main__':
    main()
