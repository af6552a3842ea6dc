"""The option that names the data root on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any


class _SetDataRoot(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        os.environ['MMWSOL_DATA_ROOT'] = str(values)


def add_data_root_option(parser: argparse.ArgumentParser) -> None:
    """``--data-root``, which takes the place of ``MMWSOL_DATA_ROOT`` as soon as it is parsed."""
    parser.add_argument('--data-root', action=_SetDataRoot, help='in place of MMWSOL_DATA_ROOT')
