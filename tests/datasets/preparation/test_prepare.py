from __future__ import annotations

import hashlib
import json

import pytest

from mmwsol.apis.prepare_data import main
from mmwsol.datasets.preparation import ArchiveError, ChecksumError, DownloadError
from mmwsol.datasets.preparation.prepare import MissingArchivesError, prepare, verify
from mmwsol.datasets.preparation.recipes import RECIPES, Archive, Recipe


def sha256(content):
    return f'sha256:{hashlib.sha256(content).hexdigest()}'


FILES = {'Set/images/a.jpg': b'1', 'Set/list.txt': b'2', 'readme.txt': b'3'}


def archive(server, **kwargs):
    content = server.files['set.tgz']
    given = {'url': server.url('set.tgz'), 'size': len(content), 'digest': sha256(content), **kwargs}
    return Archive('set.tgz', 'https://example.org/set', 'Set', **given)


def run(tmp_path, *archives, **kwargs):
    said = []
    recipe = Recipe('Set', 'free', archives, kwargs.pop('convert', None))
    prepare(recipe, tmp_path, tmp_path / 'archives', say=said.append, **kwargs)
    return said


@pytest.fixture(autouse=True)
def content(server, tar_bytes):
    server.files['set.tgz'] = tar_bytes(FILES)
    return server.files['set.tgz']


def test_archive_is_fetched_checked_and_unpacked(server, tmp_path):
    said = run(tmp_path, archive(server))
    assert (tmp_path / 'Set/images/a.jpg').read_bytes() == b'1'
    assert not (tmp_path / 'readme.txt').exists()
    assert said[-1].startswith('set.tgz: 2 files below')


def test_second_run_neither_fetches_nor_reads_the_archive_for_its_digest(server, tmp_path, monkeypatch):
    run(tmp_path, archive(server))
    (tmp_path / 'Set/list.txt').unlink()
    monkeypatch.setattr('mmwsol.datasets.preparation.prepare.check_file', pytest.fail)
    run(tmp_path, archive(server))
    assert len(server.requests) == 1
    assert (tmp_path / 'Set/list.txt').read_bytes() == b'2'


def test_a_broken_transfer_is_continued_by_the_same_command(server, tmp_path, monkeypatch):
    monkeypatch.setattr('time.sleep', lambda _: None)
    server.break_after = [20, 0, 0, 0, 0, 0]
    with pytest.raises(
        DownloadError, match=r'broke off 5 times.*\nOr fetch set\.tgz from https://example\.org/set'
    ):
        run(tmp_path, archive(server))
    run(tmp_path, archive(server))
    assert (tmp_path / 'Set/list.txt').exists()
    assert server.requests[-1] == 'bytes=20-'


def test_wrong_download_is_not_unpacked(server, tmp_path, content):
    published = archive(server)
    server.files['set.tgz'] = content[:-1] + b'x'
    with pytest.raises(ChecksumError, match=r'set\.tgz\.part: its checksum must be'):
        run(tmp_path, published)
    assert not (tmp_path / 'Set').exists() and not (tmp_path / 'archives/set.tgz').exists()


def test_wrong_file_by_hand_is_not_unpacked(server, tmp_path, content):
    (tmp_path / 'archives').mkdir()
    (tmp_path / 'archives/set.tgz').write_bytes(b'<html>')
    with pytest.raises(ChecksumError, match=rf'set\.tgz: must have {len(content)} bytes, has 6; remove it'):
        run(tmp_path, archive(server))


def test_what_needs_registration_is_explained_after_the_rest_is_in_place(server, tmp_path):
    closed = Archive(
        'b.tar', 'https://example.org/login', 'b', reason='needs registration', size=7, digest='md5:0'
    )
    expected = (
        f'fetch b.tar from https://example.org/login (needs registration) and put it at '
        f'{tmp_path}/archives/b.tar; it has 7 bytes, md5:0'
    )
    with pytest.raises(MissingArchivesError) as error:
        run(tmp_path, closed, archive(server))
    assert str(error.value).splitlines()[1:] == [expected]
    assert (tmp_path / 'Set/list.txt').exists()


def test_without_downloads_every_archive_is_by_hand(server, tmp_path):
    with pytest.raises(MissingArchivesError, match=r'set\.tgz from https://example\.org/set and put'):
        run(tmp_path, archive(server), allow_download=False)
    assert server.requests == []


def test_a_mirror_is_held_to_the_same_checksum(server, tmp_path, content):
    server.files['mirror'] = content
    run(tmp_path, archive(server, url='http://127.0.0.1:9/gone'), urls={'set.tgz': server.url('mirror')})
    assert (tmp_path / 'Set/list.txt').exists()


def test_unpublished_digest_is_kept_and_compared_from_then_on(server, tmp_path, content, tar_bytes):
    unknown = archive(server, size=None, digest=None)
    said = run(tmp_path, unknown)
    assert any(sha256(content) in line and 'no published checksum' in line for line in said)
    path = tmp_path / 'archives/set.tgz'
    path.write_bytes(tar_bytes({'Set/other': b''}))
    with pytest.raises(ChecksumError, match=r'was sha256:\w+ before and is'):
        verify(unknown, path)


def test_an_archive_that_cannot_be_unpacked_does_not_set_the_checksum(server, tmp_path, content):
    unknown = archive(server, size=None, digest=None)
    server.files['set.tgz'] = content[:-20]
    with pytest.raises(ArchiveError, match='damaged'):
        run(tmp_path, unknown)
    (tmp_path / 'archives/set.tgz').unlink()
    server.files['set.tgz'] = content
    run(tmp_path, unknown)
    assert (tmp_path / 'Set/list.txt').read_bytes() == b'2'


def test_a_file_made_on_request_may_differ_each_time(server, tmp_path, tar_bytes):
    made = archive(server, size=None, digest=None, made_on_request=True)
    assert not any('checksum' in line for line in run(tmp_path, made))
    (tmp_path / 'archives/set.tgz').write_bytes(tar_bytes({'Set/other': b'4'}))
    run(tmp_path, made)
    assert (tmp_path / 'Set/other').read_bytes() == b'4'
    assert [item.name for r in RECIPES.values() for item in r.archives if item.made_on_request] == [
        'wsolevaluation-master.zip'
    ] * 3


def test_a_folder_that_cannot_be_written_keeps_no_checksum_and_is_no_error(server, tmp_path, monkeypatch):
    def refuse(backend, text, path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr('mmwsol.engine.atomic_backend.AtomicBackend.put_text', refuse)
    said = run(tmp_path, archive(server))
    assert any('its checksum is not kept' in line and 'Permission denied' in line for line in said)
    assert (tmp_path / 'Set/list.txt').exists()


@pytest.mark.parametrize('text', ['{', '[]', '{"set.tgz": {"size": 3}}', '{"set.tgz": 3}'])
def test_a_damaged_list_of_checksums_is_named(server, tmp_path, text):
    (tmp_path / 'archives').mkdir()
    (tmp_path / 'archives/checksums.json').write_text(text)
    with pytest.raises(ChecksumError, match=r'checksums\.json: not a list of checksums .*; remove it'):
        run(tmp_path, archive(server))


def test_a_digest_published_later_is_compared_although_the_file_was_seen(server, tmp_path):
    run(tmp_path, archive(server, size=None, digest=None))
    with pytest.raises(ChecksumError, match='checksum must be sha256:00'):
        run(tmp_path, archive(server, digest='sha256:00'))


def test_file_that_is_no_archive_is_copied(server, tmp_path):
    server.files['a.mat'] = b'matrix'
    run(tmp_path, Archive('a.mat', 'page', '', 'Cars/devkit', server.url('a.mat')))
    assert (tmp_path / 'Cars/devkit/a.mat').read_bytes() == b'matrix'


def test_archive_with_other_content_is_refused(server, tmp_path, tar_bytes):
    server.files['set.tgz'] = tar_bytes({'Other/a': b''})
    with pytest.raises(ArchiveError, match='none of the expected files'):
        run(tmp_path, archive(server, size=None, digest=None))


def test_conversion_that_lacks_something_is_an_error_unless_archives_were_chosen(server, tmp_path):
    lacking = dict(convert=lambda root: 'a.txt is not written')
    with pytest.raises(ArchiveError, match=r'Set: a\.txt is not written'):
        run(tmp_path, archive(server), **lacking)
    said = run(tmp_path, archive(server), only=['set.tgz'], **lacking)
    assert said[-1] == 'a.txt is not written; prepare the other archives, too'


def test_conversion_comes_last(server, tmp_path):
    def convert(root):
        (root / 'Set/list.txt').rename(root / 'done')

    run(tmp_path, archive(server), convert=convert)
    assert (tmp_path / 'done').read_bytes() == b'2'


def test_command_says_what_to_fetch_by_hand(data_root, capsys):
    assert main(['ilsvrc']) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ILSVRC 2012: ImageNet's terms")
    assert sum(line.startswith('fetch ILSVRC2012_') and str(data_root) in line for line in lines) == 3


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['cubs'], 'invalid choice'),
        (['cub', '--only', 'a.tar'], 'cub has no archive a.tar; it has CUB_200_2011.tgz'),
        (['cub', '--url', 'x'], 'must be FILE=URL'),
    ],
)
def test_wrong_usage_is_code_2(data_root, capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--archives', '--data-root'])
def test_a_place_that_cannot_be_written_is_named_without_a_traceback(
    server, data_root, tmp_path, serve_recipe, capsys, option
):
    serve_recipe('cub', {'CUB_200_2011.tgz': {'CUB_200_2011/images.txt': b'1 a'}})
    (tmp_path / 'file').write_text('')
    folder = str(tmp_path / 'file/archives')
    assert main(['cub', '--quiet', '--data-root', str(tmp_path / 'data'), option, folder]) == 1
    assert folder in capsys.readouterr().out
    assert server.requests == []


def test_mirror_on_the_command_line_and_a_readable_ledger(server, data_root, serve_recipe):
    serve_recipe('cub', {'CUB_200_2011.tgz': {'CUB_200_2011/images.txt': b'1 a'}})
    server.files['mirror'] = server.files.pop('CUB_200_2011.tgz')
    assert main(['cub', '--quiet']) == 1
    assert main(['cub', '--url', f'CUB_200_2011.tgz={server.url("mirror")}']) == 0
    assert (data_root / 'CUB_200_2011/images.txt').exists()
    ledger = json.loads((data_root / 'archives/checksums.json').read_text())
    assert ledger['CUB_200_2011.tgz']['digest'] == sha256(server.files['mirror'])


def test_every_recipe_says_where_from_and_why_by_hand():
    for recipe in RECIPES.values():
        assert recipe.terms and recipe.archives
        for item in recipe.archives:
            assert item.page and bool(item.url) != bool(item.reason)
            algorithm, _, digest = (item.digest or 'sha256:' + 64 * '0').partition(':')
            assert len(digest) == 2 * hashlib.new(algorithm).digest_size
