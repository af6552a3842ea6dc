from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mmcv
import torch

from mmwsol.engine.hooks import DrawSamplesHook


def test_every_image_is_written_under_its_id(
    tmp_path: Path, make_runner: Callable, make_batch: Callable
) -> None:
    runner = make_runner(2)
    DrawSamplesHook(str(tmp_path)).after_test_iter(runner, 0, *make_batch([40, 200]))
    pictures = {str(p.relative_to(tmp_path)): mmcv.imread(str(p)) for p in tmp_path.rglob('*.jpg')}
    assert set(pictures) == {'class/40.jpg', 'class/200.jpg'}
    assert pictures['class/200.jpg'].shape == (8, 12, 3) and abs(pictures['class/200.jpg'].mean() - 200) < 3


def test_colours_are_written_as_rgb(tmp_path: Path, make_runner: Callable, make_batch: Callable) -> None:
    batch, outputs = make_batch([0])
    batch['inputs'][0][0] = 250  # red
    DrawSamplesHook(str(tmp_path)).after_test_iter(make_runner(1), 0, batch, outputs)
    picture = mmcv.imread(str(tmp_path / 'class/0.jpg'), channel_order='rgb')
    assert picture[..., 0].mean() > 200 > 60 > picture[..., 2].mean()


def test_ten_crops_show_the_centre(tmp_path: Path, make_runner: Callable, make_batch: Callable) -> None:
    batch, outputs = make_batch([0], views=10)
    batch['inputs'][0][4] = torch.full((3, 8, 12), 180, dtype=torch.uint8)
    DrawSamplesHook(str(tmp_path)).after_test_iter(make_runner(1), 0, batch, outputs)
    assert abs(mmcv.imread(str(tmp_path / 'class/0.jpg')).mean() - 180) < 3


def test_image_without_id_is_named_by_its_index(
    tmp_path: Path, make_runner: Callable, make_batch: Callable
) -> None:
    batch, outputs = make_batch([7])
    outputs[0].pop('img_id')
    DrawSamplesHook(str(tmp_path)).after_test_iter(make_runner(1), 0, batch, outputs)
    assert (tmp_path / '7.jpg').is_file()


def test_ids_that_differ_behind_a_dot_get_a_file_each(
    tmp_path: Path, make_runner: Callable, make_batch: Callable
) -> None:
    batch, outputs = make_batch([7, 8, 9])
    for sample, name in zip(outputs, ('a.1', 'a.png', 'a.jpg')):
        sample.set_metainfo(dict(img_id=name))
    DrawSamplesHook(str(tmp_path)).after_test_iter(make_runner(2), 0, batch, outputs)
    assert {path.name for path in tmp_path.iterdir()} == {'a.1.jpg', 'a.png.jpg', 'a.jpg'}
