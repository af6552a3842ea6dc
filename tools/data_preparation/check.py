"""Check a data set on disk: ``python tools/data_preparation/check.py DATASET`` (see ``--help``)."""

import sys

from mmwsol.apis.check_data import main

if __name__ == '__main__':
    sys.exit(main())
