"""Fetch, check and unpack a data set: ``python tools/data_preparation/prepare.py DATASET`` (see ``--help``)."""

import sys

from mmwsol.apis.prepare_data import main

if __name__ == '__main__':
    sys.exit(main())
