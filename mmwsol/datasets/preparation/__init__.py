from .archives import ArchiveError, unpack
from .download import ChecksumError, DownloadError, check_file, download

__all__ = [
    'ArchiveError',
    'ChecksumError',
    'DownloadError',
    'check_file',
    'download',
    'unpack',
]
