"""Test a localizer: ``python tools/test.py CONFIG CHECKPOINT`` (see ``--help``)."""

from mmwsol.apis.test import main

if __name__ == '__main__':
    main()
