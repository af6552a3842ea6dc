"""Report on a test: ``python tools/analysis/report.py WORK_DIR`` (see ``--help``)."""

from mmwsol.apis.report import main

if __name__ == '__main__':
    main()
