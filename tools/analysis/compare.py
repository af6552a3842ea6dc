"""Compare runs: ``python tools/analysis/compare.py work_dirs/*`` (see ``--help``)."""

from mmwsol.apis.compare import main

if __name__ == '__main__':
    main()
