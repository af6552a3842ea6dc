from __future__ import annotations

import re
from pathlib import Path

from mmengine.logging import print_log

from mmwsol.compat import load_checkpoint_file


def find_resume_checkpoint(work_dir: str, choice: str) -> str:
    """The checkpoint a run goes on from.

    Args:
        choice: ``latest``, the newest of ``work_dir``; ``previous``, the newest that can be read, damaged ones are
            reported and passed over; anything else is a file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the chosen file is damaged.
    """
    if choice not in ('latest', 'previous'):
        load_checkpoint_file(choice, map_location='cpu')
        return choice
    candidates = saved_checkpoints(work_dir)
    if not candidates:
        raise FileNotFoundError(f'no checkpoint (epoch_*.pth or iter_*.pth) in {work_dir} to resume from')
    for path in candidates if choice == 'previous' else candidates[:1]:
        try:
            load_checkpoint_file(path, map_location='cpu')
            return str(path)
        except ValueError as error:
            if choice == 'latest':
                raise
            print_log(f'passed over {path.name}: {error}', logger='current', level=30)
    raise FileNotFoundError(f'none of the {len(candidates)} checkpoints in {work_dir} can be read')


def saved_checkpoints(work_dir: str | Path) -> list[Path]:
    """Checkpoints of a run, newest (highest epoch or iteration) first."""
    found = [
        (re.fullmatch(r'(epoch|iter)_(\d+)\.pth', path.name), path) for path in Path(work_dir).glob('*.pth')
    ]
    numbered = [(int(match.group(2)), path) for match, path in found if match]
    return [path for _, path in sorted(numbered, reverse=True)]
