from __future__ import annotations

import pytest

from mmwsol.datasets.coco_annotations import corners, read_coco


def test_corners_are_one_past_the_last_pixel():
    assert corners([2.5, 1, 6, 4]) == [2.5, 1, 8.5, 5]


def test_byte_order_mark_is_no_part_of_the_content(tmp_path):
    (tmp_path / 'a.json').write_bytes(b'\xef\xbb\xbf{"images": [3]}')
    assert read_coco(str(tmp_path / 'a.json'), lambda content: content['images'], 'images') == [3]


@pytest.mark.parametrize('text', ['{', '{"others": []}', '[]', '{"images": 3}'])
def test_what_is_wrong_is_named_with_file_and_fields(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'a\.json: must be a COCO JSON with images \(id\); got '):
        read_coco(str(path), lambda content: [image['id'] for image in content['images']], 'images (id)')
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r'a\.json: annotation file missing'):
        read_coco(str(path), len, 'images (id)')
