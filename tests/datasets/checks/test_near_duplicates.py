from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmwsol.datasets.checks import near_duplicates
from mmwsol.datasets.checks.image_facts import image_facts
from mmwsol.datasets.checks.near_duplicates import close_pairs


@pytest.mark.parametrize('workers', [1, 3])
@pytest.mark.parametrize('limit', [0, 20, 27])
def test_close_pairs_are_those_of_a_plain_search(limit, workers):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**64, count, dtype=np.uint64) for count in (150, 170))
    b[5] = a[7]
    plain = [(i, j) for i in range(150) for j in range(170) if (int(a[i]) ^ int(b[j])).bit_count() <= limit]
    assert close_pairs(a, b, limit, workers) == plain
    assert (7, 5) in plain


def test_more_pairs_than_first_expected_are_all_found():
    same = np.zeros(80, dtype=np.uint64)
    assert len(close_pairs(same, same, 0)) == 6400
    assert close_pairs(same[:0], same, 0) == []


def test_flat_pictures_are_never_near(tmp_path):
    for name, level in (('a.png', 10), ('b.png', 200)):
        Image.new('RGB', (40, 40), (level,) * 3).save(tmp_path / name)
    looks = [{path: image_facts(path).look} for path in (str(tmp_path / n) for n in ('a.png', 'b.png'))]
    assert near_duplicates(*looks) == []


def test_retouched_photograph_in_cub_is_found_and_no_other_pair_of_its_class(shared_dir):
    folder = shared_dir / 'data/CUB_200_2011/images/002.Laysan_Albatross'
    looks = {str(path): image_facts(str(path)).look for path in sorted(folder.iterdir())}
    half = {path: look for path, look in looks.items() if '_0065_809' in path}
    rest = {path: look for path, look in looks.items() if path not in half}
    ((_, twin, correlation),) = near_duplicates(half, rest)
    assert twin.endswith('Laysan_Albatross_0096_673.jpg')
    assert correlation > 0.99
    names = list(rest)
    odd, even = ({path: rest[path] for path in names[start::2]} for start in (0, 1))
    assert near_duplicates(odd, even) == []
