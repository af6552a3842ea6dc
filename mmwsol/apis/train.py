"""Train a localizer from a config: ``tools/train.py`` and the command ``mmwsol-train``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmengine.runner import Runner

from .resume import find_resume_checkpoint
from .run_config import add_run_arguments, drop_pretrained_weights, load_config, use_mixed_precision


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a weakly supervised localizer')
    add_run_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='latest',
        metavar='latest|previous|FILE',
        help='go on from the newest checkpoint of the work dir, from the newest one that can be read, or from a file',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision: float16 on a GPU, bfloat16 on the CPU'
    )
    parser.add_argument('--seed', type=int, help='seed of the run (default: the config says)')
    parser.add_argument('--random-weights', action='store_true', help='do not load pretrained weights')
    parser.add_argument('--no-validate', action='store_true', help='no validation during training')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_arguments(argv)
    cfg = load_config(args)
    if args.random_weights:
        drop_pretrained_weights(cfg.model)
    if args.amp:
        use_mixed_precision(cfg)
    if args.seed is not None:
        cfg.randomness = dict(cfg.get('randomness', {}), seed=args.seed)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.resume:
        cfg.setdefault('started_from', cfg.get('load_from'))  # the weights of a fine-tuning stay on record
        cfg.load_from = find_resume_checkpoint(cfg.work_dir, args.resume)
        cfg.resume = True
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
