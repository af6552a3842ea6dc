from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmwsol.file_digest import file_digest

NUM_PLACES = 5  # Top-5 is the longest list that counts


class PredictionFile:
    """Class predictions by image id that any classifier wrote: the second stage of a two-stage Top-1.

    - ``.npz``: an array of K scores for each image id;
    - ``.json``: an object, for each image id a list of K scores, or of whole numbers: its best labels, best first;
    - anything else: rows ``image_id,label[,label2,..]``, best first.

    ``sha256`` tells it from other files under the same name.

    Raises:
        FileNotFoundError, ValueError: no such file, or of another form.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'there is no prediction file {path}')
        self.sha256 = file_digest(path)
        self._scores = np.load(path, allow_pickle=False) if self.path.suffix == '.npz' else {}
        self._ranked: dict[str, list[int]] = {}
        if self.path.suffix == '.json':
            self._read_json()
        elif self.path.suffix != '.npz':
            self._read_rows()

    def __contains__(self, img_id: str) -> bool:
        return img_id in self._ranked or img_id in self._scores

    @property
    def max_label(self) -> int:
        """The highest label that is listed; -1 in a file of scores."""
        return max((label for labels in self._ranked.values() for label in labels), default=-1)

    @property
    def shortest_list(self) -> int:
        """Labels of the image that lists the fewest; five in a file of scores."""
        return min((len(labels) for labels in self._ranked.values()), default=NUM_PLACES)

    def scores(self, img_id: str, num_classes: int) -> Tensor:
        """Scores of an image, at least (``num_classes``,); listed labels lead, a label that is not listed is in no Top-5.

        Raises:
            ValueError: the image is missing, or its scores or labels are not those of so many classes.
        """
        if img_id in self._ranked:
            labels = self._ranked[img_id]
            if max(labels) >= num_classes:
                raise ValueError(
                    f'{self.path} lists the label {max(labels)} for {img_id}, expected 0..{num_classes - 1}'
                )
            return _scores_of(labels, num_classes)
        self.require([img_id])
        scores = torch.as_tensor(self._scores[img_id]).float().reshape(-1)
        if len(scores) < num_classes:
            raise ValueError(f'{self.path} has {len(scores)} scores for {img_id}, expected {num_classes}')
        return scores

    def require(self, img_ids: Iterable[str]) -> None:
        """``ValueError`` unless the file has all these images."""
        img_ids = list(img_ids)
        if missing := [img_id for img_id in img_ids if img_id not in self]:
            raise ValueError(
                f'{self.path} has no prediction for {len(missing)} of {len(img_ids)} images, e.g. {missing[0]}'
            )

    def _read_rows(self) -> None:
        rows = [line.strip().split(',') for line in self.path.read_text().splitlines() if line.strip()]
        try:
            self._ranked = {row[0]: [int(label) for label in row[1:]] for row in rows}
        except ValueError as error:
            raise ValueError(
                f'rows of {self.path} must be image_id,label[,label2,..] with whole labels: {error}'
            ) from None
        self._check_labels()

    def _read_json(self) -> None:
        content = json.loads(self.path.read_text())
        if not isinstance(content, dict) or not all(isinstance(v, list) and v for v in content.values()):
            raise ValueError(
                f'{self.path} must be an object with a list of labels or of scores for each image id'
            )
        if all(type(value) is int for values in content.values() for value in values):
            self._ranked = content
            self._check_labels()
        else:
            self._scores = {key: np.asarray(values, np.float32) for key, values in content.items()}

    def _check_labels(self) -> None:
        for img_id, labels in self._ranked.items():
            if not labels or min(labels) < 0:
                raise ValueError(f'{self.path} must list labels from 0 for {img_id}, got {labels}')


def _scores_of(labels: Sequence[int], count: int) -> Tensor:
    """Scores that rank ``labels`` first; five places without a class keep all others out of the top five."""
    scores = torch.cat([torch.full((count,), -1.0), torch.zeros(NUM_PLACES)])
    scores[list(labels)] = torch.arange(len(labels), 0, -1).float()
    return scores
