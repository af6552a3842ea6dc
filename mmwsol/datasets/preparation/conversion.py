"""What a reader needs and no archive has."""

from __future__ import annotations

import re
from pathlib import Path

from mmwsol.engine.atomic_backend import AtomicBackend

WNID = re.compile(r'<name>\s*(n\d{8})\s*</name>')


def write_synsets(root: Path) -> None:
    """``ILSVRC/synset_words.txt`` with the sorted wnids, from the folders of ``train`` or else from the boxes.

    Labels are the place in this list. A list that is there stays, since it may have the words, too.
    """
    target = root / 'ILSVRC' / 'synset_words.txt'
    if target.exists():
        return
    wnids = {path.name for path in target.parent.glob('train/n*') if path.is_dir()}
    if not wnids:
        for path in sorted((target.parent / 'Annotations' / 'val').glob('*.xml')):
            wnids.update(WNID.findall(path.read_text(encoding='utf-8')))
    if wnids:
        AtomicBackend().put_text(''.join(f'{wnid}\n' for wnid in sorted(wnids)), target)


def write_train_aug(root: Path) -> str | None:
    """VOC12's ``train_aug.txt``: the images of SBD and of VOC's ``train``, without those of VOC's ``val`` (10,582).

    Hariharan et al., "Semantic contours from inverse detectors" (ICCV 2011), and Chen et al., "DeepLab" (2015). Returns what
    is missing where a list is, and writes nothing then.
    """
    lists, sbd = root / 'VOCdevkit' / 'VOC2012' / 'ImageSets' / 'Segmentation', root / 'VOCdevkit' / 'SBD'
    target, excluded = lists / 'train_aug.txt', lists / 'val.txt'
    sources = [lists / 'train.txt', sbd / 'train.txt', sbd / 'val.txt']
    if missing := [str(path) for path in (*sources, excluded) if not path.exists()]:
        return f'{target} is not written: it needs {", ".join(missing)}'
    images = {stem for path in sources for stem in path.read_text().split()}
    images -= set(excluded.read_text().split())
    AtomicBackend().put_text(''.join(f'{stem}\n' for stem in sorted(images)), target)
    return None
