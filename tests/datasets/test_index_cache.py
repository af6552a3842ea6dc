from __future__ import annotations

import os
import stat
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from mmwsol.datasets import WSOLDataset, WSOLMetadata
from mmwsol.datasets.index_cache import Index, index_folder, open_index, save_index, states


@pytest.fixture
def kept(metadata_root, monkeypatch):
    """The metadata set with its files of yesterday and every list kept; gives (root, how often it was read)."""
    monkeypatch.setattr(WSOLDataset, 'INDEX_FROM', 1)
    reads = []
    original = WSOLMetadata.read_entries
    monkeypatch.setattr(WSOLMetadata, 'read_entries', lambda self: reads.append(1) or original(self))
    make_old(metadata_root)
    return metadata_root, reads


def make_old(folder):
    then = time.time() - 86400
    for path in [folder, *folder.rglob('*')]:
        os.utime(path, (then, then))


def same(first, second):
    return [str(first.get_data_info(i)) for i in range(len(first))] == [
        str(second.get_data_info(i)) for i in range(len(second))
    ]


def test_second_opening_maps_the_same_list_without_reading(kept):
    _, reads = kept
    first, second = (WSOLMetadata('meta', test_mode=True) for _ in range(2))
    assert len(reads) == 1
    assert len(second) == 3 and same(first, second)
    assert second.metainfo['classes'] == ('0', '1', '2')
    assert not second.data_bytes.flags.writeable
    np.testing.assert_array_equal(second.get_data_info(0)['gt_bboxes'], [[0, 1, 5, 9], [2, 2, 19, 9]])


@pytest.mark.parametrize('change', ['line', 'new file', 'image gone', 'annotation gone'])
def test_a_change_on_disk_makes_it_read_again(kept, change):
    root, reads = kept
    WSOLMetadata('meta')
    if change == 'line':
        (root / 'class_labels.txt').write_text('val/x,1.png,1\nval/y.png,0\nval/z.png,0\n')
    elif change == 'new file':
        (root / 'synset_words.txt').write_text('a\nb\nc\n')
    elif change == 'annotation gone':
        (root / 'localization.txt').unlink()
    else:
        (root / 'val/y.png').unlink()
        with pytest.raises(FileNotFoundError, match='1 of 3 image files are missing'):
            WSOLMetadata('meta')
        return
    if change == 'line':
        with pytest.raises(ValueError, match='every class must have training images'):
            WSOLMetadata('meta', num_classes=3)
    dataset = WSOLMetadata('meta')
    assert len(reads) >= 2
    assert dataset.num_classes == (2 if change == 'line' else 3)


@pytest.mark.parametrize('other', [{'test_mode': True}, {'num_classes': 5, 'test_mode': True}, {'shots': 1}])
def test_other_arguments_have_a_list_of_their_own(kept, other):
    _, reads = kept
    WSOLMetadata('meta')
    WSOLMetadata('meta', **other)
    assert len(reads) == 2


def test_lists_of_files_that_just_changed_are_not_kept(kept):
    root, reads = kept
    (root / 'class_labels.txt').touch()
    for _ in range(2):
        WSOLMetadata('meta')
    assert len(reads) == 2


def test_small_lists_and_chosen_indices_are_not_kept(metadata_root, kept, monkeypatch):
    _, reads = kept
    for _ in range(2):
        assert len(WSOLMetadata('meta', indices=2)) == 2
    monkeypatch.setattr(WSOLDataset, 'INDEX_FROM', 4)
    for _ in range(2):
        WSOLMetadata('meta')
    assert len(reads) == 4


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """``plugin(2)`` is a stranger's class named as a built-in one, whose images all have label 2; ``plugin()`` once more."""
    path = tmp_path / 'code/plugin.py'
    path.parent.mkdir()

    def load(label=None):
        if label is not None:
            path.write_text(
                'from mmwsol.datasets import WSOLMetadata as Base\n'
                'class WSOLMetadata(Base):\n'
                '    def read_entries(self):\n'
                '        entries, classes = Base.read_entries(self)\n'
                f'        return [dict(entry, gt_label={label}) for entry in entries], classes\n'
            )
            then = time.time() - 86400 + label
            os.utime(path, (then, then))
        module = types.ModuleType('plugin')
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, 'plugin', module)
        exec(path.read_text(), module.__dict__)
        return module.WSOLMetadata('meta', test_mode=True)

    return load


def labels_of(dataset):
    return [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]


def test_class_of_the_same_name_has_a_list_of_its_own(kept, plugin):
    assert labels_of(WSOLMetadata('meta', test_mode=True)) == [1, 0, 2]
    assert labels_of(plugin(2)) == [2, 2, 2]


def test_an_edited_reader_reads_again_and_leaves_no_old_list(kept, plugin, cache_dir):
    _, reads = kept
    assert labels_of(plugin(2)) == labels_of(plugin()) == [2, 2, 2]
    assert len(reads) == 1
    assert labels_of(plugin(1)) == [1, 1, 1]
    assert len(list((cache_dir / 'index').iterdir())) == 1


@pytest.mark.parametrize(('one', 'other'), [(Path('a'), Path('b')), ({1}, {2}), (np.ones(1), np.zeros(1))])
def test_arguments_of_any_kind_are_told_apart(kept, one, other):
    class Labelled(WSOLMetadata):
        def __init__(self, label, **kwargs):
            self.label = label
            super().__init__('meta', test_mode=True, **kwargs)

        def read_entries(self):
            entries, classes = super().read_entries()
            return [dict(entry, img_id=str(self.label)) for entry in entries], classes

    ids = [Labelled(label).get_data_info(0)['img_id'] for label in (one, other, one)]
    assert ids == [str(one), str(other), str(one)]


def test_class_of_a_notebook_keeps_no_list(kept, cache_dir):
    scope = {'Base': WSOLMetadata, '__name__': '__main__'}
    exec('class Drawn(Base): pass', scope)
    scope['Drawn'].__module__ = 'no module'
    scope['Drawn']('meta')
    assert not (cache_dir / 'index').exists()


def test_others_may_read_an_index_as_far_as_the_umask_lets_them(kept, cache_dir):
    before = os.umask(0o022)
    try:
        WSOLMetadata('meta')
    finally:
        os.umask(before)
    (path,) = (cache_dir / 'index').iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_subsets_of_a_mapped_list(kept):
    WSOLMetadata('meta')
    dataset = WSOLMetadata('meta')
    assert [info['img_id'] for info in map(dataset.get_subset([2, 0]).get_data_info, range(2))] == [
        'val/z.png',
        'val/x,1.png',
    ]


def test_a_folder_that_cannot_be_written_is_no_error(kept, monkeypatch, tmp_path):
    _, reads = kept
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('MMWSOL_CACHE_DIR', str(tmp_path / 'file'))
    for _ in range(2):
        WSOLMetadata('meta')
    assert len(reads) == 2


def test_a_broken_index_is_read_as_none(tmp_path):
    source, path = tmp_path / 'source', tmp_path / 'index'
    source.write_text('x')
    index = Index(np.arange(5, dtype=np.uint8), np.array([2, 5]), {'classes': ['a']})
    save_index(str(path), index, states([str(source), str(tmp_path / 'none')]))
    read = open_index(str(path))
    assert read is not None and read.meta == index.meta
    assert read.data.tolist() == index.data.tolist() and read.ends.tolist() == [2, 5]
    content = path.read_bytes()
    for broken in (b'', b'{}\n', content[:-1], content[: len(content) // 2]):
        path.write_bytes(broken)
        assert open_index(str(path)) is None
    (tmp_path / 'none').write_text('now it is there')
    path.write_bytes(content)
    assert open_index(str(path)) is None


def test_cache_folder_can_be_chosen(monkeypatch):
    monkeypatch.setenv('MMWSOL_CACHE_DIR', '/somewhere')
    assert index_folder() == '/somewhere/index'
    monkeypatch.delenv('MMWSOL_CACHE_DIR')
    monkeypatch.setenv('XDG_CACHE_HOME', '/home/me/.cache')
    assert index_folder() == '/home/me/.cache/mmwsol/index'
