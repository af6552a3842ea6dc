from .archives import ArchiveError, unpack
from .download import ChecksumError, DownloadError, check_file, download, file_digest

__all__ = [
    'ArchiveError',
    'ChecksumError',
    'DownloadError',
    'check_file',
    'download',
    'file_digest',
    'unpack',
]
