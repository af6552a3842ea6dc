from __future__ import annotations

import errno
import hashlib
import io
import shutil
from types import SimpleNamespace

import pytest

from mmwsol.datasets.preparation import ChecksumError, DownloadError, check_file, download

CONTENT = bytes(range(256)) * 40
SHA256 = f'sha256:{hashlib.sha256(CONTENT).hexdigest()}'


@pytest.fixture(autouse=True)
def one_file(server):
    server.files['set.tar'] = CONTENT


def fetch(server, folder, **kwargs):
    download(server.url('set.tar'), folder / 'set.tar', wait=0.0, **kwargs)


def assert_only_the_file(folder):
    assert (folder / 'set.tar').read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ['set.tar']


def test_file_arrives_and_progress_reaches_its_size(server, tmp_path):
    seen = []
    fetch(server, tmp_path, size=len(CONTENT), digest=SHA256, progress=lambda *state: seen.append(state))
    assert_only_the_file(tmp_path)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_transfers_that_break_off_are_continued_where_they_stopped(server, tmp_path):
    server.break_after = [1000, 0, 2345]
    fetch(server, tmp_path, digest=SHA256)
    assert_only_the_file(tmp_path)
    assert server.requests == [None, 'bytes=1000-', 'bytes=1000-', 'bytes=3345-']


def test_what_arrived_stays_for_the_next_call(server, tmp_path):
    server.break_after = [1000]
    with pytest.raises(DownloadError, match=r'set\.tar: broke off 1 times in a row at 1000 bytes'):
        fetch(server, tmp_path, tries=1)
    assert not (tmp_path / 'set.tar').exists()
    fetch(server, tmp_path, digest=SHA256)
    assert_only_the_file(tmp_path)
    assert server.requests[-1] == 'bytes=1000-'


def test_a_file_that_changed_meanwhile_is_not_glued_to_the_old_part(server, tmp_path):
    server.break_after = [1000]
    server.files['set.tar'], server.etag = b'x' * 5000, '"0"'
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, tries=1)
    server.files['set.tar'], server.etag = CONTENT, '"1"'
    fetch(server, tmp_path)
    assert_only_the_file(tmp_path)


def test_without_a_mark_of_its_version_a_part_starts_over(server, tmp_path):
    server.etag, server.break_after = 'W/"weak"', [1000]
    fetch(server, tmp_path, digest=SHA256)
    assert_only_the_file(tmp_path)
    assert server.requests == [None, None]


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.ranges, server.break_after = False, [1000]
    fetch(server, tmp_path, digest=SHA256)
    assert_only_the_file(tmp_path)


def test_it_gives_up_when_nothing_new_arrives(server, tmp_path):
    server.ranges, server.break_after = False, [1000] * 9
    with pytest.raises(DownloadError, match='3 times in a row at 1000 bytes'):
        fetch(server, tmp_path, tries=3)
    assert len(server.requests) == 3


def test_a_complete_part_needs_no_further_byte(server, tmp_path):
    (tmp_path / 'set.tar.part').write_bytes(CONTENT)
    fetch(server, tmp_path, size=len(CONTENT), digest=SHA256)
    assert_only_the_file(tmp_path)
    assert server.requests == []


def test_a_complete_part_of_unknown_size_is_confirmed_by_the_server(server, tmp_path):
    server.states_length, server.break_after = False, [len(CONTENT)]
    server.files['set.tar'] = CONTENT + b'more'
    fetch(server, tmp_path)  # the connection's end is taken for the file's
    (tmp_path / 'set.tar').rename(tmp_path / 'set.tar.part')
    (tmp_path / 'set.tar.part.json').write_text(f'{{"url": "{server.url("set.tar")}", "mark": "\\"1\\""}}')
    server.files['set.tar'] = CONTENT
    fetch(server, tmp_path, digest=SHA256)
    assert_only_the_file(tmp_path)


@pytest.mark.parametrize(
    ('expected', 'message'),
    [
        ({'digest': 'sha256:' + '0' * 64}, rf'checksum must be sha256:0{{64}}, got {SHA256}'),
        ({'digest': 'md5:' + '0' * 32}, r'must be md5:0{32}, got md5:'),
        ({'size': 7}, r'must have 7 bytes, has 10240'),
    ],
)
def test_wrong_checksum_leaves_no_file_behind(server, tmp_path, expected, message):
    with pytest.raises(ChecksumError, match=message):
        fetch(server, tmp_path, **expected)
    assert list(tmp_path.iterdir()) == []


def test_refusal_is_final_and_overload_is_not(server, tmp_path):
    server.errors = [503, 429]
    fetch(server, tmp_path)
    assert len(server.requests) == 3
    with pytest.raises(DownloadError, match=r'no\.tar: the server refused the file: .*404'):
        download(server.url('no.tar'), tmp_path / 'no.tar')
    assert len(server.requests) == 4


def test_web_page_in_place_of_an_archive_is_refused(server, tmp_path):
    server.content_type = 'text/html; charset=utf-8'
    with pytest.raises(DownloadError, match='sent a web page'):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_found_before_the_transfer(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: SimpleNamespace(free=100))
    with pytest.raises(DownloadError, match='10240 bytes are to come, only 100 are free'):
        fetch(server, tmp_path)


@pytest.mark.parametrize('what', ['folder', 'file', 'bytes'])
def test_an_error_of_the_disk_is_not_tried_again(server, tmp_path, monkeypatch, what):
    folder = tmp_path / 'archives'
    if what == 'folder':
        folder.touch()
    elif what == 'file':
        (folder / 'set.tar.part').mkdir(parents=True)
    else:

        class Full(io.FileIO):
            def write(self, data):
                raise OSError(errno.ENOSPC, 'No space left on device')

        monkeypatch.setattr('builtins.open', lambda path, mode: Full(path, mode.replace('b', '')))
    with pytest.raises(DownloadError, match=r'archives/?.*: cannot be written \('):
        fetch(server, folder)
    assert len(server.requests) == (0 if what == 'folder' else 1)


def test_digest_may_be_of_any_algorithm_of_hashlib(tmp_path):
    (tmp_path / 'file').write_bytes(CONTENT)
    check_file(tmp_path / 'file', len(CONTENT), f'md5:{hashlib.md5(CONTENT).hexdigest()}')
