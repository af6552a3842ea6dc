"""What ``tools/test.py`` wrote, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmwsol.evaluation.image_results import ImageResults
from mmwsol.file_digest import file_digest

NAME = 'result.json'


@dataclass
class StoredResult:
    """A result and the file it came from."""

    path: Path
    content: dict[str, Any]

    @property
    def config_name(self) -> str:
        return Path(self.content['run'].get('config_file') or 'config').stem

    @property
    def seed(self) -> int | None:
        """The seed that trained the checkpoint; ``None`` if it does not say."""
        return self.content['run'].get('training_seed')

    @property
    def checkpoint(self) -> str:
        return Path(self.content['run']['checkpoint']).name

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of all metrics."""
        return [row for summary in self.content['evaluation'] for row in summary.get('rows', ())]

    @property
    def localization(self) -> Mapping[str, Any]:
        """The summary that the results of each image belong to, else of the first LocalizationMetric; empty without any."""
        summaries = self.content['evaluation']
        if (place := self.content.get('images_of')) is not None:
            return summaries[place]
        return next((summary for summary in summaries if 'iou_thresholds' in summary), {})

    @property
    def masks(self) -> Mapping[str, Any]:
        """The summary of the first PixelMetric; empty without any."""
        return next((s for s in self.content['evaluation'] if 'num_with_object' in s), {})

    def settings(self, key: str) -> dict[str, Any]:
        """What its evaluators of boxes and of masks state under a key."""
        summaries = dict(boxes=self.localization, masks=self.masks)
        return {name: summary[key] for name, summary in summaries.items() if key in summary}

    @property
    def checkpoint_chosen_by(self) -> str:
        """What chose the checkpoint, on which split, marked if that is test data; empty if nothing did."""
        return self._stated_checkpoint()[1]

    @property
    def checkpoint_epoch(self) -> str:
        """The epoch of the checkpoint; its file's name if it does not say."""
        epoch = self._stated_checkpoint()[0] or self.content['run'].get('checkpoint_epoch')
        return self.checkpoint if epoch is None else f'epoch {epoch}'

    def _stated_checkpoint(self) -> tuple[str | None, str]:
        """Epoch and reason, which ``checkpoint_text`` has put into a row."""
        text = next((row['checkpoint'] for row in self.rows if 'checkpoint' in row), '')
        epoch, _, chosen_by = text.removeprefix('epoch ').partition(', ')
        return (epoch, chosen_by) if chosen_by else (None, text)

    @property
    def classifier(self) -> str:
        """What gave the classes of a two-stage test: its config and checkpoint, or its file; empty of a one-stage test."""
        if record := self.content.get('classifier'):
            return f'{Path(record["config_file"] or "config").stem} {Path(record["checkpoint"]).name}'
        return Path(self.localization.get('predictions') or '').name

    def load_images(self, maps: bool = True) -> ImageResults:
        """The results of each image, with or without the maps to draw.

        Raises:
            ValueError: the test did not keep them, or their file is that of another test.
            FileNotFoundError: their file is gone.
        """
        name = self.content.get('images')
        if not name:
            raise ValueError(
                f'{self.path} names no results by image; test again with this version of tools/test.py, under a '
                'LocalizationMetric'
            )
        images, digest = self.path.with_name(name), self.content.get('images_sha256')
        if digest and images.is_file() and file_digest(images) != digest:
            raise ValueError(
                f'{images} is not the file that {self.path} was written with, perhaps because a later test was cut off; '
                'test again'
            )
        return ImageResults.load(images, maps)


def find_result(where: str | Path) -> StoredResult:
    """A result file, or the newest ``result.json`` in a folder, e.g. a work dir.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file was not written by ``tools/test.py``.
    """
    path = Path(where)
    if path.is_file():
        return _read(path)
    found = [_read(file) for file in sorted(path.rglob(NAME))]
    if not found:
        raise FileNotFoundError(
            f'{path} has no {NAME}; test the run first: python tools/test.py CONFIG CHECKPOINT --work-dir {path}'
        )
    return max(found, key=lambda result: result.content['date'])


def _read(path: Path) -> StoredResult:
    try:
        content = json.loads(path.read_text())
        known = {'date', 'evaluation', 'run'} <= set(content)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f'{path} is no result of tools/test.py: {error}') from error
    if not known:
        raise ValueError(f'{path} is no result of tools/test.py: it has no date, evaluation or run')
    return StoredResult(path, content)
