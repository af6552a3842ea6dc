from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .annotation_files import read_lines, read_wsol_metadata
from .data_root import resolve_data_path
from .list_files import Boxed, read_loc_solution, read_wnid_boxes
from .published_dataset import (
    PublishedDataset,
    class_folders,
    first_existing,
    images_by_stem,
    read_folder_tree,
)
from .wsol_metadata import is_metadata, metadata_paths
from .xml_annotations import read_xml

IMAGE_FOLDERS = {
    'train': ('train', 'Data/CLS-LOC/train'),
    'val': ('val2', 'imagenetv2-threshold0.7-format-val'),
    'test': ('val', 'Data/CLS-LOC/val'),
}
BOX_PATHS = (
    'Annotations/CLS-LOC/val',
    'Annotations/val',
    'Annotation/val',
    'bbox/val',
    'ILSVRC2012_bbox_val_v3/val',
    'val_gt.txt',
    'val_folder_new.txt',
    'LOC_val_solution.csv',
)
NAME_FILES = ('synset_words.txt', 'LOC_synset_mapping.txt')

NUMBERS = [str(label) for label in range(1000)]  # class names where no list of them is there


@DATASETS.register_module()
class ILSVRC(PublishedDataset):
    """ILSVRC 2012 in torchvision's, Kaggle's, wsolevaluation's, BAS's or TS-CAM's layout.

    ``train`` are the folders ``train/<wnid>/``. ``test`` are ILSVRC's 50,000 *validation* images, flat or in folders of
    wnids: what WSOL papers report on. ``val`` are the 10,000 of ImageNetV2 with wsolevaluation's boxes (train-fullsup),
    in ``val2/<label>/``. Ids are wsolevaluation's in every layout; a label is the index among the sorted wnids. Boxes are
    handed out as published: right and lower edge are the last pixel of the object.

    Args:
        annotations: where boxes and labels of ``val`` and ``test`` come from: a folder in wsolevaluation's metadata
            layout, a folder of XML, ``val_gt.txt`` (BAS, SAT), ``val_folder_new.txt`` (TS-CAM) or
            ``LOC_val_solution.csv`` (Kaggle). By default the first that is there: ``metadata/ILSVRC/<split>``,
            metadata in ``data_root``, then XML and lists in their usual places below ``data_root``.
    """

    DATA_ROOT = 'ILSVRC'
    SPLITS = {'train': 1_281_167, 'val': 10_000, 'test': 50_000}
    NUM_CLASSES = 1000
    BOXES_TO_LAST_PIXEL = True

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train',
        test_mode: bool | None = None,
        annotations: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.annotations = None if annotations is None else resolve_data_path(annotations)
        super().__init__(data_root=data_root, split=split, test_mode=test_mode, **kwargs)

    def annotation_paths(self) -> list[str]:
        paths = [*self._below(NAME_FILES), *self._below(IMAGE_FOLDERS[self.split])]
        if self.split != 'train':
            for source in self._annotation_candidates():
                paths += metadata_paths(source) if is_metadata(source) else [source]
        return paths

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        folder = first_existing(self._below(IMAGE_FOLDERS[self.split]), f"images of ILSVRC's {self.split}")
        if self.split == 'val':
            return self._read_val2(folder)
        wnids, names = self._classes(folder)
        if self.split == 'test':
            return self._read_test(folder, wnids, names)
        if different := sorted(set(class_folders(folder)) ^ set(wnids)):
            raise ValueError(
                f'{folder} must have one folder for each of the {len(wnids)} wnids of the class list; missing or '
                f'not in it: {different[:5]}'
            )
        return read_folder_tree(folder, 'train/', wnids), names

    def _below(self, names: Sequence[str]) -> list[str]:
        return [os.path.join(self.data_root, name) for name in names]

    def _annotation_candidates(self) -> list[str]:
        if self.annotations is not None:
            return [self.annotations]
        metadata = [resolve_data_path(f'metadata/ILSVRC/{self.split}')]
        if self.split == 'val':
            return metadata
        root = [self.data_root] if is_metadata(self.data_root) else []
        return [*metadata, *root, *self._below(BOX_PATHS)]

    def _classes(self, images: str) -> tuple[list[str], list[str]]:
        """Sorted wnids, and a name of each; none if neither a list nor folders of wnids are there."""
        for path in self._below(NAME_FILES):
            if os.path.exists(path):
                names = read_lines(path)
                wnids = [name.split()[0] for name in names]
                if wnids != sorted(wnids):
                    raise ValueError(f'{path}: must be sorted by wnid, as labels are')
                return wnids, names
        for folder in (*self._below(IMAGE_FOLDERS['train']), images):
            if os.path.isdir(folder) and (wnids := class_folders(folder)):
                return wnids, wnids
        return [], []

    def _read_val2(self, folder: str) -> tuple[list[dict[str, Any]], Sequence[str]]:
        source = first_existing(self._annotation_candidates(), "boxes of ILSVRC's val (ImageNetV2)")
        entries = read_wsol_metadata(source, self.reads_boxes, self.NUM_CLASSES)
        for entry in entries:
            entry['img_path'] = os.path.join(folder, entry['img_id'].removeprefix('val2/'))
        return entries, self._classes('')[1] or NUMBERS

    def _read_test(
        self, folder: str, wnids: list[str], names: list[str]
    ) -> tuple[list[dict[str, Any]], Sequence[str]]:
        paths = images_by_stem(folder)
        source = first_existing(
            self._annotation_candidates(), "boxes of ILSVRC's test (its validation images)"
        )
        if is_metadata(source):
            entries = read_wsol_metadata(source, self.reads_boxes)
        else:
            entries = self._label(_read_boxes(source, paths), wnids, source)
        for entry in entries:
            stem = os.path.splitext(os.path.basename(entry['img_id']))[0]
            entry['img_path'] = paths.get(stem) or os.path.join(folder, f'{stem}.JPEG')
            entry['img_id'] = f'val/{stem}.JPEG'
        return entries, names or NUMBERS

    def _label(self, images: list[Boxed], wnids: list[str], source: str) -> list[dict[str, Any]]:
        labels = {wnid: label for label, wnid in enumerate(wnids)}
        entries = []
        for name, bboxes, size in images:
            wnid = name.split('/')[-2]
            if wnid not in labels:
                raise ValueError(
                    f'{source}: {name} is of class {wnid!r}, which is not among the {len(labels)} wnids of '
                    f'{self.data_root}; put synset_words.txt or LOC_synset_mapping.txt there'
                )
            entries.append({'img_id': name, 'gt_label': labels[wnid], 'gt_bboxes': bboxes})
            if size is not None:
                entries[-1]['size'] = size
        return entries


def _read_boxes(source: str, paths: dict[str, str]) -> list[Boxed]:
    """Boxes of all images, named ``wnid/name``, in the order of the list or of the sorted names.

    Of a folder of XML they are those that have an image, a file, or both, so that none is left out for want of the other.
    """
    if not os.path.isdir(source):
        return (read_loc_solution if source.endswith('.csv') else read_wnid_boxes)(source)
    stems = {name[: -len('.xml')] for name in os.listdir(source) if name.endswith('.xml')}
    images = []
    for stem in sorted(stems | paths.keys()):
        path = os.path.join(source, f'{stem}.xml')
        names, bboxes, _, size = read_xml(path)
        if len(set(names)) != 1:
            raise ValueError(f'{path}: an image of ILSVRC has objects of one class, got {sorted(set(names))}')
        images.append(Boxed(f'{names[0]}/{stem}', bboxes, size))
    return images
