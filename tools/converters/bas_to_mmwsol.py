"""Convert an official BAS or BAS-Extension checkpoint: ``bas_to_mmwsol.py SOURCE TARGET``.

Test it with the configuration of its release: ``*_cvpr.py`` for CVPR 2022, without the suffix for the extension.
"""

from __future__ import annotations

import argparse

import torch

from mmwsol.apis.official_checkpoints import convert_bas
from mmwsol.compat import load_checkpoint_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help="the authors' checkpoint")
    parser.add_argument('target', help='checkpoint for tools/test.py')
    args = parser.parse_args()
    state = convert_bas(load_checkpoint_file(args.source, map_location='cpu'))
    torch.save(dict(state_dict=state, meta=dict(converted_from=args.source)), args.target)
    print(f'{len(state)} tensors written to {args.target}')


if __name__ == '__main__':
    main()
