from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from .wsol_dataset import WSOLDataset

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')


class PublishedDataset(WSOLDataset):
    """A data set that papers report on, in the layouts in which it is handed around.

    ``SPLITS`` has the published number of images of each split, ``NUM_CLASSES`` that of classes. They are what
    ``tools/data_preparation/check.py`` compares with, see ``published_images``; a part of the data set opens all the same.

    Args:
        data_root: by default ``DATA_ROOT``, below ``MMWSOL_DATA_ROOT``.
        split: one of ``SPLITS``. ``val``, where there is one beside ``test``, is what thresholds and checkpoints
            may be chosen on.
        test_mode: hand out boxes and masks; by default for all splits but those named ``train..``.
    """

    DATA_ROOT: ClassVar[str]
    SPLITS: ClassVar[dict[str, int]]
    NUM_CLASSES: ClassVar[int]

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train',
        test_mode: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in self.SPLITS:
            raise ValueError(
                f'split of {type(self).__name__} must be one of {list(self.SPLITS)}, got {split!r}'
            )
        self.split = split
        super().__init__(
            data_root=self.DATA_ROOT if data_root is None else data_root,
            test_mode=not split.startswith('train') if test_mode is None else test_mode,
            **kwargs,
        )

    @property
    def published_images(self) -> int | None:
        """Number of images that were published of what these arguments read; ``None`` if it is not known."""
        if self._indices is not None:
            return None
        out = self.holdout * self.published_classes
        return out if self.held_out else self.SPLITS[self.split] - out

    @property
    def published_classes(self) -> int:
        return self.NUM_CLASSES


def first_existing(candidates: Sequence[str], what: str) -> str:
    """The first of these paths that is there; ``FileNotFoundError`` lists them all."""
    for path in candidates:
        if os.path.exists(path):
            return path
    raise FileNotFoundError(
        f'no {what} found; looked for {", ".join(candidates)}. Check data_root and MMWSOL_DATA_ROOT, or see '
        'docs/datasets.md for the layouts that are read'
    )


def class_folders(root: str) -> list[str]:
    """Sorted names of the folders in ``root``: label i is the i-th."""
    with os.scandir(root) as items:
        return sorted(item.name for item in items if item.is_dir() and not item.name.startswith('.'))


def image_names(folder: str) -> list[str]:
    """Sorted names of the image files in ``folder``."""
    names = os.listdir(folder)
    return sorted(name for name in names if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != '.')


def read_folder_tree(
    root: str, prefix: str = '', classes: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Images of ``root/<class>/``, labels by sorted folder; ``img_id`` is the path below ``root`` after ``prefix``."""
    entries = []
    for label, name in enumerate(class_folders(root) if classes is None else classes):
        folder, start = os.path.join(root, name, ''), f'{prefix}{name}/'
        entries += [
            {'img_id': start + file, 'img_path': folder + file, 'gt_label': label}
            for file in image_names(folder)
        ]
    return entries


def images_by_stem(folder: str) -> dict[str, str]:
    """Paths by name without suffix, of the images in a flat folder or in its folders; the names must differ."""
    folders = [folder, *(os.path.join(folder, name) for name in class_folders(folder))]
    return {
        os.path.splitext(name)[0]: os.path.join(part, name) for part in folders for name in image_names(part)
    }


def labels_of(names: Sequence[str], classes: Sequence[str], source: str) -> list[int]:
    """The place of each name in ``classes``; ``ValueError`` names the first that is not there."""
    labels = {name: label for label, name in enumerate(classes)}
    for name in names:
        if name not in labels:
            raise ValueError(
                f'{source}: class {name!r} is not among the {len(labels)} classes of the data set'
            )
    return [labels[name] for name in names]


def names_of_folders(entries: Iterable[dict[str, Any]], num_classes: int) -> list[str]:
    """A name for each label: the folder of its images, where ids have one, else its number."""
    names = {entry['gt_label']: entry['img_id'].split('/')[-2:-1] for entry in entries}
    return [(names.get(label) or [str(label)])[0] for label in range(num_classes)]
