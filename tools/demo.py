"""Train CAM and BAS on drawn pictures, test both, leave a table and pictures: what ``make demo`` runs.

No download: the pictures are drawn, the network starts from random weights. Minutes on two CPU cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmwsol.visualization import contact_sheet
from mmwsol.visualization.drawing import write_caption

TOOLS = Path(__file__).resolve().parent
CONFIGS = {'CAM': 'cam/cam_testresnet_toy.py', 'BAS': 'bas/bas_testresnet_toy.py'}
COLUMNS = ('GT-known', 'Top-1 Loc', 'MaxBoxAccV2', 'MaxBoxAccV2@30', 'MaxBoxAccV2@50', 'MaxBoxAccV2@70')


def run(*command: str) -> None:
    print('$ python', *command, flush=True)
    subprocess.run([sys.executable, '-W', 'ignore', *command], check=True)


def train_and_test(name: str, out_dir: Path, epochs: int | None) -> dict[str, Any]:
    """Train one configuration, test its last checkpoint and draw every test image at its best threshold."""
    work_dir = out_dir / name.lower()
    options = ['--work-dir', str(work_dir)]
    shorter = (
        ['--cfg-options', f'train_cfg.max_epochs={epochs}', f'param_scheduler.0.T_max={epochs}']
        if epochs
        else []
    )
    run(str(TOOLS / 'train.py'), CONFIGS[name], *options, *shorter)
    checkpoint = (work_dir / 'last_checkpoint').read_text().strip()
    test = [str(TOOLS / 'test.py'), CONFIGS[name], checkpoint, *options]
    run(*test, '--out', str(out_dir / f'{name.lower()}.json'))
    result = json.loads((out_dir / f'{name.lower()}.json').read_text())['evaluation'][0]
    threshold = result['rows'][0]['threshold']
    protocol = f'choe_v2:threshold={threshold}:threshold_source=fixed'
    run(*test, '--protocol', protocol, '--show-dir', str(out_dir / f'{name.lower()}_pictures'))
    return result


def print_table(results: dict[str, dict[str, Any]]) -> None:
    """Both methods and the two trivial baselines under ``choe_v2``."""
    rows = {name: result['rows'][0] for name, result in results.items()}
    rows |= {row['name']: row for row in next(iter(results.values()))['baselines']}
    print(f'{"choe_v2, oracle threshold":<28}' + ''.join(f'{column:>16}' for column in COLUMNS))
    for name, row in rows.items():
        print(f'{name:<28}' + ''.join(f'{row[c]:16.1f}' if c in row else f'{"-":>16}' for c in COLUMNS))


def side_by_side(out_dir: Path, count: int = 8) -> Path:
    """One picture with CAM's and BAS's panel of some test images, spread over the classes."""
    folders = [out_dir / f'{name.lower()}_pictures' for name in CONFIGS]
    names = sorted(path.relative_to(folders[0]) for path in folders[0].rglob('*.jpg'))
    chosen = [names[i] for i in np.linspace(0, len(names) - 1, count).round().astype(int)]
    panels = []
    for name in chosen:
        images = [write_caption(cv2.imread(str(f / name))[..., ::-1], m) for f, m in zip(folders, CONFIGS)]
        panels.append(np.concatenate(images, 1))
    path = out_dir / 'cam_and_bas.jpg'
    cv2.imwrite(str(path), contact_sheet(panels, columns=2, gap=8)[..., ::-1])
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--epochs', type=int, help='train so many epochs instead of what the configs say')
    args = parser.parse_args()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    results = {name: train_and_test(name, args.out_dir, args.epochs) for name in CONFIGS}
    print_table(results)
    print(f'pictures: {side_by_side(args.out_dir)}, {args.out_dir}/cam_pictures, {args.out_dir}/bas_pictures')


if __name__ == '__main__':
    main()
