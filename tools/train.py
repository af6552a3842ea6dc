"""Train a localizer: ``python tools/train.py CONFIG`` (see ``--help``)."""

from mmwsol.apis.train import main

if __name__ == '__main__':
    main()
