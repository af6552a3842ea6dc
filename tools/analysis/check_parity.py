"""Compare components with golden numbers of the authors' code: ``check_parity.py FILE...``

One line a quantity; exits with 1 if any is outside its tolerance. A file's keys say which component it belongs to.
Batch norm over two images amplifies float32 noise up to the tolerances, so the order of summation matters: the fixtures
were recorded with two threads, and two are the default here.
"""

from __future__ import annotations

import argparse
import sys

import torch

from mmwsol.apis.parity import check_fixture


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('files', nargs='+', help='golden .npz files')
    parser.add_argument('--threads', type=int, default=2, help='CPU threads of torch')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    failures = total = 0
    for path in args.files:
        print(path)
        for comparison in check_fixture(path):
            print(f'  {comparison}', flush=True)
            total += 1
            failures += not comparison.ok
    print(f'{total} quantities compared, {failures} failed')
    return int(failures > 0)


if __name__ == '__main__':
    sys.exit(main())
