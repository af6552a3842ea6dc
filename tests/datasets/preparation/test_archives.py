from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import random
import shutil
import tarfile
import zipfile

import pytest

from mmwsol.datasets.preparation import ArchiveError, unpack
from mmwsol.datasets.preparation.archives import from_part

FILES = {'set/a.txt': b'first', 'set/deep/b.txt': b'', 'attributes.txt': b'other'}


def write_tar(path, files, mode='w'):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_zip(path, files):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.fixture(params=['tar', 'tgz', 'zip'])
def archive_of(request, tmp_path):
    """``archive_of(files)`` writes an archive of each kind in turn."""

    def write(files):
        path = tmp_path / f'archive.{request.param}'
        if request.param == 'zip':
            return write_zip(path, files)
        return write_tar(path, files, 'w:gz' if request.param == 'tgz' else 'w')

    return write


def test_all_files_arrive(archive_of, tmp_path):
    assert unpack(archive_of(FILES), tmp_path / 'out') == 3
    assert tree(tmp_path / 'out') == FILES


def test_place_chooses_and_renames(archive_of, tmp_path):
    assert unpack(archive_of(FILES), tmp_path / 'out', from_part('set', 'SET/x')) == 2
    assert tree(tmp_path / 'out') == {'SET/x/set/a.txt': b'first', 'SET/x/set/deep/b.txt': b''}


def test_outer_folders_and_what_macos_adds_do_not_matter(archive_of, tmp_path):
    names = [
        'my/data/train/a.jpg',
        '__MACOSX/my/train/a.jpg',
        'train/._b.jpg',
        'train/.DS_Store',
        'train.txt',
    ]
    unpack(archive_of(dict.fromkeys(names, b'1')), tmp_path / 'out', from_part('train|val'))
    assert tree(tmp_path / 'out') == {'train/a.jpg': b'1'}


def test_a_pattern_may_have_several_folders(archive_of, tmp_path):
    names = ['repo-main/metadata/CUB/val/a.txt', 'repo-main/metadata/CUB2/a.txt', 'repo-main/CUB/a.txt']
    unpack(archive_of(dict.fromkeys(names, b'1')), tmp_path / 'out', from_part('metadata/CUB'))
    assert tree(tmp_path / 'out') == {'metadata/CUB/val/a.txt': b'1'}


def test_leading_dot_is_not_part_of_the_name(archive_of, tmp_path):
    unpack(archive_of({'./set/a.txt': b'1'}), tmp_path / 'out', from_part('set'))
    assert tree(tmp_path / 'out') == {'set/a.txt': b'1'}


@pytest.mark.parametrize(
    'name', ['../evil', 'set/../../evil', '/tmp/evil', '..\\evil', 'C:\\evil', 'C:evil', '\\\\host\\evil']
)
def test_path_that_leads_out_is_refused(archive_of, tmp_path, name):
    with pytest.raises(ArchiveError, match=r'leads out of the folder'):
        unpack(archive_of({name: b'x', 'fine.txt': b'y'}), tmp_path / 'out')
    assert not list(tmp_path.rglob('*evil*'))


@pytest.mark.parametrize('kind', [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / 'a.tar', 'w') as tar:
        info = tarfile.TarInfo('link')
        info.type, info.linkname = kind, '/etc/passwd'
        tar.addfile(info)
    with pytest.raises(ArchiveError, match="'link' is a link or a device"):
        unpack(tmp_path / 'a.tar', tmp_path / 'out')
    assert not (tmp_path / 'out' / 'link').exists()


def test_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo('link')
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.writestr(info, '/etc/passwd')
    with pytest.raises(ArchiveError, match="'link' is a link"):
        unpack(tmp_path / 'a.zip', tmp_path / 'out')


def test_archive_without_the_expected_files_is_refused(archive_of, tmp_path):
    with pytest.raises(ArchiveError, match='holds none of the expected files'):
        unpack(archive_of(FILES), tmp_path / 'out', from_part('other'))


@pytest.mark.parametrize('kept', [0.5, 0.9])
def test_cut_archive_is_named_and_leaves_no_half_file(archive_of, tmp_path, kept):
    path = archive_of({'a.bin': bytes(range(256)) * 300, 'b.bin': bytes(range(255, -1, -1)) * 300})
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ArchiveError, match=r'archive\.\w+: damaged'):
        unpack(path, tmp_path / 'out')
    assert all(len(content) == 256 * 300 for content in tree(tmp_path / 'out').values())


@pytest.mark.parametrize('byte', [0, 150, 511])
def test_damaged_header_in_the_middle_of_a_tar_is_not_its_end(tmp_path, byte):
    path = write_tar(tmp_path / 'a.tar', {f'{i}.txt': b'x' * 100 for i in range(3)})
    content = bytearray(path.read_bytes())
    content[2 * 512 + byte] ^= 1  # the header of the second file follows one header and one block
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r'a\.tar: damaged \(.* at byte 1024\)'):
        unpack(path, tmp_path / 'out')


def test_tar_that_ends_between_two_files_is_damaged(tmp_path):
    path = write_tar(tmp_path / 'a.tar', FILES)
    path.write_bytes(path.read_bytes()[: 2 * 512])
    with pytest.raises(ArchiveError, match='damaged'):
        unpack(path, tmp_path / 'out')


def test_damaged_inner_archive_is_not_its_end(tmp_path):
    inner = bytearray(write_tar(tmp_path / 'inner.tar', {'a.JPEG': b'1', 'b.JPEG': b'2'}).read_bytes())
    inner[2 * 512] ^= 1
    path = write_tar(tmp_path / 'train.tar', {'n01.tar': bytes(inner)})
    with pytest.raises(ArchiveError, match=r'train\.tar: damaged'):
        unpack(path, tmp_path / 'out', nested=True)


def test_checksum_at_the_end_of_a_compressed_stream_is_compared(tmp_path):
    """Stored, not deflated: the damage leaves a valid stream."""
    tar = bytearray(write_tar(tmp_path / 'a.tar', {'a.bin': b'x' * 4000}).read_bytes())
    path = tmp_path / 'a.tgz'
    path.write_bytes(gzip.compress(tar, 0))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r'a\.tgz: damaged \(CRC'):
        unpack(path, tmp_path / 'out')


@pytest.mark.parametrize('pack', [gzip.compress, bz2.compress, lzma.compress, lambda tar: tar])
def test_no_damage_leaves_files_out_without_an_error(tmp_path, pack):
    """A flipped bit or a lost end: an error, or all files; only a tar has no checksum of what is in its files."""
    files = {f'{i}.txt': bytes([i]) * (400 * i) for i in range(5)}
    whole = pack(write_tar(tmp_path / 'whole.tar', files).read_bytes())
    draw, refused = random.Random(0), 0
    for number in range(60):
        content = bytearray(whole)
        if number % 2:
            del content[draw.randrange(len(content)) :]
        else:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path, out = tmp_path / 'a', tmp_path / f'out{number}'
        path.write_bytes(content)
        try:
            unpack(path, out)
        except ArchiveError:
            refused += 1
        else:
            assert tree(out).keys() == files.keys()
    assert refused > 10


def test_encrypted_zip_is_named(tmp_path):
    path = write_zip(tmp_path / 'a.zip', FILES)
    content = bytearray(path.read_bytes())
    for place in (content.index(b'PK\3\4') + 6, content.index(b'PK\1\2') + 8):
        content[place] |= 1  # the flag of a password
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r'a\.zip: cannot be unpacked \(.*password'):
        unpack(path, tmp_path / 'out')


def test_zip_of_unknown_compression_is_named(tmp_path):
    path = write_zip(tmp_path / 'a.zip', FILES)
    content = bytearray(path.read_bytes())
    for place in (content.index(b'PK\3\4') + 8, content.index(b'PK\1\2') + 10):
        content[place] = 97
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r'a\.zip: cannot be unpacked \(.*compression'):
        unpack(path, tmp_path / 'out')


def test_a_full_disk_is_not_taken_for_a_damaged_archive(archive_of, tmp_path, monkeypatch):
    def copy(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(shutil, 'copyfileobj', copy)
    with pytest.raises(OSError, match='No space left'):
        unpack(archive_of(FILES), tmp_path / 'out')
    assert tree(tmp_path / 'out') == {}


def test_links_that_are_not_wanted_do_not_matter(tmp_path):
    for kind, name in ((tarfile.SYMTYPE, 'doc/link'), (tarfile.REGTYPE, 'set/a.txt')):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, 'elsewhere' if kind == tarfile.SYMTYPE else ''
        with tarfile.open(tmp_path / 'a.tar', 'a') as tar:
            tar.addfile(info)
    assert unpack(tmp_path / 'a.tar', tmp_path / 'out', from_part('set')) == 1
    with pytest.raises(ArchiveError, match="'doc/link' is a link"):
        unpack(tmp_path / 'a.tar', tmp_path / 'out', from_part('doc|set'))


def test_second_run_keeps_complete_files_and_repairs_others(archive_of, tmp_path):
    path, out = archive_of(FILES), tmp_path / 'out'
    unpack(path, out)
    (out / 'set/a.txt').write_bytes(b'fi')
    kept = (out / 'attributes.txt').stat().st_mtime_ns
    assert unpack(path, out) == 3
    assert tree(out) == FILES
    assert (out / 'attributes.txt').stat().st_mtime_ns == kept


def test_nested_archives_become_one_folder_each(tmp_path):
    inner = {
        name: write_tar(tmp_path / 'inner.tar', files).read_bytes()
        for name, files in (
            ('n01.tar', {'n01_1.JPEG': b'1', 'n01_2.JPEG': b'2'}),
            ('n02.tar', {'n02_1.JPEG': b'3'}),
        )
    }
    path = write_tar(tmp_path / 'train.tar', inner)
    assert unpack(path, tmp_path / 'out', from_part(r'n\d+', 'train'), nested=True) == 3
    assert tree(tmp_path / 'out') == {
        'train/n01/n01_1.JPEG': b'1',
        'train/n01/n01_2.JPEG': b'2',
        'train/n02/n02_1.JPEG': b'3',
    }


def test_nested_path_that_leads_out_is_refused(tmp_path):
    inner = write_tar(tmp_path / 'inner.tar', {'../../evil': b'1'}).read_bytes()
    with pytest.raises(ArchiveError, match='leads out'):
        unpack(write_tar(tmp_path / 'train.tar', {'n01.tar': inner}), tmp_path / 'out', nested=True)
