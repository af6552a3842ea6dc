from __future__ import annotations

from dataclasses import dataclass

FAULT_KINDS = {
    'annotation': 'an annotation file is missing or cannot be read',
    'missing_file': 'a listed image or mask is not there',
    'broken_file': 'an image or mask cannot be decoded completely',
    'label_range': 'a label lies outside the class list',
    'class_gap': 'a class has no training image',
    'class_names': 'the splits do not have the same classes',
    'duplicate_entry': 'an image is listed twice',
    'duplicate_image': 'two files of a split have the same content',
    'label_conflict': 'two files with the same content have different labels',
    'leak': 'two splits share a file, or files with the same content',
    'near_leak': 'two splits show the same picture in different files',
    'size_mismatch': 'the annotations state another size than the image has',
    'box_inverted': 'a box is turned inside out or not finite',
    'box_empty': 'a box has no area',
    'box_outside': 'a box leaves its image by more than 10 % of its side',
    'mask_size': 'a mask has another size or shape than its image',
    'mask_values': 'a mask holds other values than 0 (background), 1 (object) or the classes, and 255 (ignored)',
    'split_size': 'a split has another number of images, classes or boxes than published',
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: what kind (a key of ``FAULT_KINDS``), in which split, in which file."""

    kind: str
    split: str
    path: str
    detail: str
