"""Convert a checkpoint of the authors' code: ``official_to_mmwsol.py METHOD SOURCE TARGET``.

Test it with the configuration of its release, for example ``configs/bas/*_cvpr.py`` for BAS as of CVPR 2022, and with the
class count it was trained with.
"""

from __future__ import annotations

import argparse

import torch

from mmwsol.apis.official_checkpoints import CONVERTERS
from mmwsol.compat import load_checkpoint_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('method', choices=sorted(CONVERTERS))
    parser.add_argument('source', help="the authors' checkpoint")
    parser.add_argument('target', help='checkpoint for tools/test.py')
    args = parser.parse_args()
    state = CONVERTERS[args.method](load_checkpoint_file(args.source, map_location='cpu'))
    torch.save(dict(state_dict=state, meta=dict(converted_from=args.source)), args.target)
    print(f'{len(state)} tensors written to {args.target}')


if __name__ == '__main__':
    main()
