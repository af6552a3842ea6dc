from .check_report import format_report
from .data_check import CheckResult, SplitSource, build_unread, check_splits
from .faults import FAULT_KINDS, Fault
from .near_duplicates import near_duplicates
from .split_check import PublishedSize

__all__ = [
    'FAULT_KINDS',
    'CheckResult',
    'Fault',
    'PublishedSize',
    'SplitSource',
    'build_unread',
    'check_splits',
    'format_report',
    'near_duplicates',
]
