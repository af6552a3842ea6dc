"""Files from the web: resumed after a break, checked before they get their name."""

from __future__ import annotations

import http.client
import json
import logging
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from mmwsol.file_digest import file_digest

CHUNK = 1 << 20
PERMANENT = (400, 401, 403, 404, 405, 410, 451)  # HTTP states that another try does not change

Progress = Callable[[int, int | None], None]  # bytes there, bytes in all if known


class DownloadError(OSError):
    """A file that cannot be fetched; what has arrived stays for the next try."""


class ChecksumError(ValueError):
    """A file whose size or digest is not the published one."""


def download(
    url: str,
    path: str | os.PathLike[str],
    size: int | None = None,
    digest: str | None = None,
    tries: int = 5,
    wait: float = 2.0,
    timeout: float = 60.0,
    progress: Progress | None = None,
) -> None:
    """Fetch ``url`` to ``path`` by way of ``<path>.part``, which a later call continues.

    A part is continued only where the server confirms that its file is still the same; else it starts over. The
    file gets its name after size and digest were compared.

    Args:
        digest: ``<algorithm>:<hex>``, for example ``sha256:..``.
        tries: broken connections in a row; one that brought something new counts as the first.
        wait: seconds after the first failed try, doubled with each further one.
        timeout: seconds without a byte after which a connection counts as broken.

    Raises:
        DownloadError: no connection, a refusal, a web page in place of the file, no room on the disk, or none that may be
            written.
        ChecksumError: the complete file is not the published one; the part is removed.
    """
    path = Path(path)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    part, failures = _Part(path, url), 0
    while True:
        before = part.size
        try:
            _continue(url, part, size, timeout, progress)
            break
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, DownloadError):
                raise
            if isinstance(error, urllib.error.HTTPError) and error.code in PERMANENT:
                raise DownloadError(f'{url}: the server refused the file: {error}') from error
            failures = 1 if part.size > before else failures + 1
            if failures >= tries:
                raise DownloadError(
                    f'{url}: broke off {tries} times in a row at {part.size} bytes ({error}); run the command '
                    'again to continue'
                ) from error
            print_log(f'{url}: {error}; continuing at {part.size} bytes', 'current', logging.WARNING)
            time.sleep(wait * 2 ** (failures - 1))
    try:
        check_file(part.path, size, digest)
    except ChecksumError:
        part.remove()
        raise
    part.path.replace(path)
    part.remove()


def check_file(path: str | os.PathLike[str], size: int | None = None, digest: str | None = None) -> None:
    """``ChecksumError`` unless the file has this size and this digest (``<algorithm>:<hex>``)."""
    found = os.path.getsize(path)
    if size is not None and found != size:
        raise ChecksumError(f'{path}: must have {size} bytes, has {found}; remove it and fetch it again')
    if digest is not None:
        algorithm = digest.partition(':')[0]
        if (got := f'{algorithm}:{file_digest(path, algorithm)}') != digest:
            raise ChecksumError(
                f'{path}: its checksum must be {digest}, got {got}; remove it and fetch it again'
            )


class _Part:
    """What has arrived so far, with the server's mark of the version it belongs to."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path.with_name(f'{path.name}.part')
        self._mark_file = path.with_name(f'{path.name}.part.json')
        self._url = url

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def mark(self) -> str | None:
        """Entity tag or date to send as If-Range; ``None`` if the part cannot be continued safely."""
        try:
            state = json.loads(self._mark_file.read_text())
        except (OSError, ValueError):
            return None
        return state.get('mark') if state.get('url') == self._url else None

    def restart(self, headers: Any) -> None:
        tag = headers.get('ETag', '')
        mark = tag if tag and not tag.startswith('W/') else headers.get('Last-Modified')
        with _writing(self.path):
            self.path.write_bytes(b'')
            self._mark_file.write_text(json.dumps({'url': self._url, 'mark': mark}))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._mark_file.unlink(missing_ok=True)


def _continue(url: str, part: _Part, size: int | None, timeout: float, progress: Progress | None) -> None:
    """One connection; returns once the part is complete, else raises ``OSError``."""
    headers = {'User-Agent': 'mmwsol', 'Accept-Encoding': 'identity'}
    start, mark = part.size, part.mark
    if start and start == size:
        return
    if start and mark:
        headers.update({'Range': f'bytes={start}-', 'If-Range': mark})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing lies beyond the part: it is complete, or of another version
            if error.headers.get('Content-Range') == f'bytes */{start}':
                return
            part.remove()
        raise
    with response:
        total = _total(response, start)
        _refuse_page(url, part.path, response.headers)
        if response.status != 206:
            start = 0
            part.restart(response.headers)
        _require_room(part.path, (total or size or 0) - start)
        _copy(response, part.path, start, total, progress)
    if total is not None and part.size < total:
        raise OSError(f'the connection ended after {part.size} of {total} bytes')


def _total(response: Any, start: int) -> int | None:
    """Bytes of the whole file as the server states them."""
    if response.status == 206:
        unit, _, rest = response.headers.get('Content-Range', '').partition(' ')
        span, _, total = rest.partition('/')
        if unit != 'bytes' or span.partition('-')[0] != str(start):
            raise DownloadError(f'{response.url}: asked for bytes from {start}, got {rest or "no range"}')
        return int(total) if total.isdigit() else None
    length = response.headers.get('Content-Length')
    return None if length is None else int(length)


def _refuse_page(url: str, part: Path, headers: Any) -> None:
    if headers.get_content_type() == 'text/html' and not part.name.endswith(('.html.part', '.htm.part')):
        raise DownloadError(f'{url}: the server sent a web page in place of the file (moved, or a log-in)')


def _require_room(path: Path, wanted: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if wanted > free:
        raise DownloadError(f'{path.parent}: {wanted} bytes are to come, only {free} are free; make room')


def _copy(source: Any, path: Path, done: int, total: int | None, progress: Progress | None) -> None:
    while chunk := source.read(CHUNK):
        with _writing(path), open(path, 'ab') as file:
            file.write(chunk)
        done += len(chunk)
        if progress is not None:
            progress(done, total)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """An error of the disk is final, while one of the connection is not."""
    try:
        yield
    except OSError as error:
        raise DownloadError(f'{path}: cannot be written ({error})') from error
