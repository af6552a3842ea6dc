"""What each way to choose a checkpoint costs: ``python tools/analysis/select_checkpoint.py WORK_DIR`` (see ``--help``)."""

from mmwsol.apis.select_checkpoint import main

if __name__ == '__main__':
    main()
