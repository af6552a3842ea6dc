"""Check all splits of a data set against their files, each other and the published sizes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from mmwsol.registry import DATASETS

from ..multi_label_dataset import MultiLabelDataset
from ..wsol_dataset import WSOLDataset
from .faults import FAULT_KINDS, Fault
from .image_facts import FileFacts, class_mask_facts, image_facts, in_parallel, mask_facts
from .near_duplicates import near_duplicates
from .split_check import Facts, PublishedSize, SplitContent, check_split

READ_ERRORS = (ValueError, OSError, KeyError)


@dataclass(frozen=True)
class SplitSource:
    """A split to check: the config of its data set, which is built in test mode so that its boxes are read."""

    name: str
    dataset: dict[str, Any]
    is_train: bool = False
    published: PublishedSize | None = None


@dataclass
class CheckResult:
    """Faults by kind and file; ``splits`` are rows of counts, ``notes`` (split, text) are unusual but allowed."""

    title: str
    splits: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {'ok': not self.faults, **asdict(self)}


def check_splits(
    title: str,
    sources: Sequence[SplitSource],
    ignore: Collection[str] = (),
    near: bool = True,
    workers: int = 1,
    quiet: bool = True,
) -> CheckResult:
    """All faults of a data set's splits; nothing stops at the first one.

    Args:
        ignore: kinds of ``FAULT_KINDS`` that are counted but not reported.
        near: look for near-duplicates between the splits, which takes (images of one) x (images of the other).
        workers: threads, at least 1.
    """
    if unknown := sorted(set(ignore) - set(FAULT_KINDS)):
        raise ValueError(f'there is no kind of fault {unknown[0]!r}; kinds are {", ".join(FAULT_KINDS)}')
    if workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}')
    started, faults = time.perf_counter(), []
    contents = []
    for source in sources:
        content = read_split(source)
        if isinstance(content, Fault):
            faults.append(content)
        else:
            contents.append(content)
    image_paths = [path for content in contents for path in content.image_paths]
    images = in_parallel(image_facts, image_paths, workers, 'images', quiet)
    masks: dict[str, FileFacts] = {}
    for read, of_classes in ((mask_facts, False), (class_mask_facts, True)):
        mask_paths = [path for content in contents for path in content.paths_of_masks(of_classes)]
        masks |= in_parallel(read, mask_paths, workers, 'masks', quiet)
    for content in contents:
        faults += check_split(content, images, masks)
    faults += _check_across(contents, images, near and 'near_leak' not in ignore, workers)
    kept = [fault for fault in faults if fault.kind not in ignore]
    order = list(FAULT_KINDS)
    result = CheckResult(
        title,
        [_row(content) for content in contents],
        sorted(
            dict.fromkeys(kept),
            key=lambda fault: (order.index(fault.kind), fault.split, fault.path, fault.detail),
        ),
        [(content.name, note) for content in contents for note in content.notes],
    )
    for fault in dict.fromkeys(faults):
        if fault.kind in ignore:
            result.ignored[fault.kind] = result.ignored.get(fault.kind, 0) + 1
    result.seconds = time.perf_counter() - started
    return result


def build_unread(config: Mapping[str, Any]) -> WSOLDataset:
    """The data set of a config, without pipeline, before anything of it is read.

    Raises:
        ValueError: it is none of ours, or has arguments that it does not take.
    """
    reader = config.get('type')
    reader = DATASETS.get(reader) if isinstance(reader, str) else reader
    if not (isinstance(reader, type) and issubclass(reader, WSOLDataset)):
        raise ValueError(
            f'{config.get("type")} is no data set derived from WSOLDataset, which alone can be checked; check the parts of '
            'a concatenated one on their own'
        )
    arguments = {key: value for key, value in config.items() if key not in ('type', '_scope_')}
    try:
        return reader(**{**arguments, 'pipeline': (), 'lazy_init': True})
    except TypeError as error:
        raise ValueError(str(error)) from error


def read_split(source: SplitSource) -> SplitContent | Fault:
    """The split with boxes; a training split whose boxes cannot be read, which training does not need, without."""
    notes = []
    try:
        content = _read(source, test_mode=True)
    except READ_ERRORS as error:
        if not source.is_train:
            return Fault('annotation', source.name, _file_of(error), _text(error))
        try:
            content = _read(source, test_mode=False)
        except READ_ERRORS as second:
            return Fault('annotation', source.name, _file_of(second), _text(second))
        notes.append(f'boxes of the training images were not read: {_text(error)}')
    content.notes += notes
    return content


def _read(source: SplitSource, test_mode: bool) -> SplitContent:
    config = {key: value for key, value in source.dataset.items() if key not in ('shots', 'shots_seed')}
    dataset = build_unread({**config, 'test_mode': test_mode})
    entries, classes = dataset.read_part()
    entries = _at(entries, source.dataset.get('indices'))
    if not entries:
        raise ValueError(f'{dataset.data_root}: no images found')
    content = SplitContent(
        source.name,
        dataset.data_root,
        entries,
        classes,
        source.is_train,
        source.published,
        reads_boxes=dataset.reads_boxes,
        to_last_pixel=dataset.BOXES_TO_LAST_PIXEL,
    )
    if test_mode and isinstance(dataset, MultiLabelDataset):  # leaves out images of difficult objects alone
        content.num_listed = len(_read(source, test_mode=False).image_paths)
    return content


def _at(entries: list[dict[str, Any]], indices: int | Sequence[int] | None) -> list[dict[str, Any]]:
    """The entries that ``indices`` of a data set keep: so many of the first, or of the last if negative, or these."""
    if indices is None:
        return entries
    if isinstance(indices, int):
        return entries[:indices] if indices >= 0 else entries[indices:]
    if beyond := [i for i in indices if not -len(entries) <= i < len(entries)]:
        raise ValueError(f'indices must lie within the {len(entries)} entries of the list, got {beyond[:5]}')
    return [entries[i] for i in indices]


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _file_of(error: BaseException) -> str:
    """The file that a reader's message begins with."""
    return _text(error).split(': ')[0].split(', line ')[0]


def _row(content: SplitContent) -> dict[str, Any]:
    counts = content.class_counts()
    return {
        'split': content.name,
        'root': content.root,
        'images': content.num_images,
        'published': None if content.published is None else content.published.images,
        'classes': len(content.classes),
        'per_class': [int(counts.min()), int(counts.max())] if len(counts) else [0, 0],
        'boxes': content.num_boxes,
        'masks': len(content.mask_paths),
    }


def _check_across(
    contents: Sequence[SplitContent], images: Facts, near: bool, workers: int
) -> Iterator[Fault]:
    for one, other in combinations(contents, 2):
        if list(one.classes) != list(other.classes):
            yield Fault('class_names', other.name, other.root, _class_difference(one, other))
        first = {images[path].digest: path for path in one.image_paths if images[path].digest}
        second = {images[path].digest: path for path in other.image_paths if images[path].digest}
        for path in dict.fromkeys(other.image_paths):
            if (same := first.get(images[path].digest)) is not None:
                what = 'also listed' if same == path else f'same content as {same}'
                yield Fault('leak', other.name, path, f'{what} in {one.name}')
        if near:
            left = _looks(first, second, images)
            right = _looks(second, first, images)
            for mine, yours, correlation in near_duplicates(left, right, workers=workers):
                detail = f'same picture as {mine} in {one.name} (correlation {correlation:.3f})'
                yield Fault('near_leak', other.name, yours, detail)


def _looks(mine: Mapping[bytes, str], yours: Mapping[bytes, str], images: Facts) -> dict[str, int]:
    """Perceptual hashes by path of the files whose content the other split does not have."""
    return {path: images[path].look for digest, path in mine.items() if digest not in yours}


def _class_difference(one: SplitContent, other: SplitContent) -> str:
    if len(one.classes) != len(other.classes):
        return f'{len(other.classes)} classes, {one.name} has {len(one.classes)}'
    i = next(i for i, pair in enumerate(zip(one.classes, other.classes)) if pair[0] != pair[1])
    return f'class {i} is {other.classes[i]!r}, in {one.name} {one.classes[i]!r}'
