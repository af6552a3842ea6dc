from .localization import localize
from .protocols import PROTOCOLS, Protocol, get_protocol, parse_protocol

__all__ = ['PROTOCOLS', 'Protocol', 'get_protocol', 'localize', 'parse_protocol']
