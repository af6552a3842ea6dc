from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


@register_backend(name='atomic', force=True)
class AtomicBackend(LocalBackend):
    """MMEngine's local files, written so that a killed process never leaves a half-written one under its name.

    The content goes to a temporary file in the same folder, is flushed to the disk and renamed.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'.{path.name}.{os.getpid()}.part')
        try:
            with open(temporary, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)
