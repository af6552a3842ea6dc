"""A web server that can be told to misbehave, and small archives in place of the real ones."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmwsol.datasets.preparation.recipes import RECIPES


@dataclass
class FileServer:
    """Files by path; the switches change how they are sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(
        default_factory=list
    )  # bytes sent before each of the next connections ends
    ranges: bool = True
    states_length: bool = True
    etag: str = '"1"'
    content_type: str = 'application/octet-stream'
    errors: list[int] = field(default_factory=list)  # HTTP states of the next answers
    requests: list[str | None] = field(default_factory=list)  # the Range of each request
    address: str = ''

    def url(self, name: str) -> str:
        return f'{self.address}/{name}'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get('Range')
            state.requests.append(asked)
            content = state.files.get(self.path.lstrip('/'))
            if state.errors or content is None:
                self.send_error(state.errors.pop(0) if state.errors else 404)
                return
            start = 0
            if asked and state.ranges and self.headers.get('If-Range') == state.etag:
                start = int(asked.removeprefix('bytes=').rstrip('-'))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header('Content-Range', f'bytes */{len(content)}')
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header('Content-Range', f'bytes {start}-{len(content) - 1}/{len(content)}')
            else:
                self.send_response(200)
            if state.states_length:
                self.send_header('Content-Length', str(len(content) - start))
            self.send_header('Content-Type', state.content_type)
            self.send_header('ETag', state.etag)
            self.end_headers()
            stop = start + state.break_after.pop(0) if state.break_after else len(content)
            self.wfile.write(content[start:stop])

        def log_message(self, *_: object) -> None:
            pass

    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as http:
        state.address = f'http://127.0.0.1:{http.server_port}'
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def pack_tar(files: Mapping[str, bytes], mode: str = 'w:gz') -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def pack_zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def tar_bytes() -> Callable[..., bytes]:
    return pack_tar


@pytest.fixture
def serve_recipe(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``serve_recipe('cub', {'CUB_200_2011.tgz': {member: bytes}})`` puts the server in place of the real sources."""

    def serve(name: str, archives: Mapping[str, bytes | Mapping[str, bytes]]) -> None:
        items = []
        for item in RECIPES[name].archives:
            content = archives[item.name]
            if isinstance(content, Mapping):
                content = (pack_zip if item.name.endswith('.zip') else pack_tar)(content)
            server.files[item.name] = content
            digest = f'sha256:{hashlib.sha256(content).hexdigest()}'
            items.append(replace(item, url=server.url(item.name), size=len(content), digest=digest))
        monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], archives=tuple(items)))

    return serve
