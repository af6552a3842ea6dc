"""What a check needs to know of each image and mask file, read once and in parallel."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from ..transforms.loading import UNDECODABLE

HASH_SIDE = 32
ORIENTATION = 0x0112  # EXIF tag
CHUNK = 64
T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class FileFacts:
    """``size`` (W, H) as stored; ``digest`` of the file; ``fault`` is a kind and a detail if it is unusable."""

    size: tuple[int, int] | None = None
    digest: bytes = b''
    look: int = 0  # perceptual hash of an image
    values: tuple[int, ...] = ()  # of a mask
    rotated: bool = False  # has an EXIF orientation other than upright
    fault: tuple[str, str] | None = None


def image_facts(path: str) -> FileFacts:
    """Facts of an image; all of its data are decoded, a JPEG at a reduced scale."""

    def read(image: Image.Image, content: bytes) -> FileFacts:
        size, rotated = image.size, _is_rotated(image)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        return FileFacts(size, digest, perceptual_hash(_small(image, 'L')), rotated=rotated)

    return _facts(path, read)


def mask_facts(path: str) -> FileFacts:
    """Facts of a mask: its size and the grey values in it, as they are loaded."""
    return _facts(path, lambda image, _: _mask(image, 'L'))


def class_mask_facts(path: str) -> FileFacts:
    """Facts of a mask of class numbers, which are the indices of a palette image."""
    return _facts(path, lambda image, _: _mask(image, image.mode if image.mode in ('L', 'P') else 'L'))


def _mask(image: Image.Image, mode: str) -> FileFacts:
    values = np.asarray(image if image.mode == mode else image.convert(mode))
    return FileFacts(image.size, values=tuple(map(int, np.flatnonzero(np.bincount(values.ravel())))))


def perceptual_hash(grey: NDArray) -> int:
    """63 bits of a small grey picture: which of its lowest cosine coefficients exceed their median.

    Robust to scaling, recompression and brightness; the mean is left out. Zauner, "Implementation and benchmarking
    of perceptual image hash functions" (2010), section 3.2.1.
    """
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()[1:]  # (63,)
    bits = np.concatenate([[False], low > np.median(low)])
    return int.from_bytes(np.packbits(bits).tobytes(), 'big')


def thumbnail(path: str) -> NDArray[np.float32]:
    """The picture as (32, 32, 3) with mean 0 and standard deviation 1; zeros where it is flat."""
    with Image.open(path) as image:
        small = _small(image, 'RGB').astype(np.float32)  # (32, 32, 3)
    small -= small.mean()
    return small / max(float(small.std()), 1e-3)


def in_parallel(
    function: Callable[[str], T], paths: Sequence[str], workers: int, what: str = '', quiet: bool = True
) -> dict[str, T]:
    """``function`` of each different path. Threads do: decoding and hashing release Python's lock."""
    unique = list(dict.fromkeys(paths))
    chunks = [unique[i : i + CHUNK] for i in range(0, len(unique), CHUNK)]

    def run(chunk: list[str]) -> list[T]:
        return [function(path) for path in chunk]

    def advance() -> Iterator[list[T]]:
        with (
            ThreadPoolExecutor(max(1, workers)) as pool,
            tqdm(total=len(unique), desc=what, unit='file', leave=False, disable=quiet or not unique) as bar,
        ):
            for results in pool.map(run, chunks):
                bar.update(len(results))
                yield results

    return dict(zip(unique, chain.from_iterable(advance())))


def _facts(path: str, read: Callable[[Image.Image, bytes], FileFacts]) -> FileFacts:
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return FileFacts(fault=('missing_file', 'not there'))
    except OSError as error:
        return FileFacts(fault=('broken_file', str(error)))
    try:
        with Image.open(io.BytesIO(content)) as image:
            return read(image, content)
    except UnidentifiedImageError:
        return FileFacts(fault=('broken_file', 'not an image' if content else 'empty file'))
    except UNDECODABLE as error:
        return FileFacts(fault=('broken_file', str(error)))


def _is_rotated(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ORIENTATION, 1) not in (0, 1)
    except Exception:  # a damaged EXIF block does not concern the pixels
        return False


def _small(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    image.draft(mode, (HASH_SIDE, HASH_SIDE))
    grey = image.convert(mode)  # decodes all data
    return np.asarray(grey.resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX))


def default_workers() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, 'sched_getaffinity', None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
