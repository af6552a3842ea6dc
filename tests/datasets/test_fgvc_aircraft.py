from __future__ import annotations

import pytest

from mmwsol.datasets import FGVCAircraft

IMAGES = {  # stem: split, variant, family, box
    '0034309': ('train', '707-320', 'Boeing 707', [3, 1, 20, 9]),
    '0062765': ('train', 'F-16A/B', 'F-16', [1, 1, 5, 5]),
    '0056978': ('val', '707-320', 'Boeing 707', [2, 2, 18, 8]),
    '1514522': ('val', 'F-16A/B', 'F-16', [2, 2, 18, 8]),
    '0900914': ('test', 'F-16A/B', 'F-16', [4, 1, 19, 10]),
    '0532495': ('test', '707-320', 'Boeing 707', [5, 2, 9, 7]),
}


@pytest.fixture
def root(data_root, image_writer):
    root = data_root / 'fgvc-aircraft-2013b/data'
    for stem in IMAGES:
        image_writer(root / f'images/{stem}.jpg')
    lines = [' '.join(map(str, (stem, *box))) for stem, (_, _, _, box) in IMAGES.items()]
    (root / 'images_box.txt').write_text('\n'.join(lines) + '\n')
    (root / 'variants.txt').write_text('707-320\nF-16A/B\n')
    (root / 'families.txt').write_text('Boeing 707\nF-16\n')
    for split, parts in {
        'train': ['train'],
        'val': ['val'],
        'trainval': ['train', 'val'],
        'test': ['test'],
    }.items():
        of = [(stem, image) for stem, image in IMAGES.items() if image[0] in parts]
        (root / f'images_variant_{split}.txt').write_text(
            ''.join(f'{stem} {image[1]}\n' for stem, image in of)
        )
        (root / f'images_family_{split}.txt').write_text(
            ''.join(f'{stem} {image[2]}\n' for stem, image in of)
        )
    return root


def read(dataset):
    return {info['img_id']: info for info in map(dataset.get_data_info, range(len(dataset)))}


@pytest.mark.parametrize(('split', 'count'), [('train', 2), ('val', 2), ('trainval', 4), ('test', 2)])
@pytest.mark.parametrize('nested', [True, False])
def test_published_layout(root, data_root, split, count, nested):
    if not nested:
        root.rename(data_root / 'planes')
    dataset = FGVCAircraft(None if nested else 'planes', split=split)
    infos = read(dataset)
    assert len(infos) == count and dataset.metainfo['classes'] == ('707-320', 'F-16A/B')
    assert all(info['gt_label'] == ('A/B' in IMAGES[stem][1]) for stem, info in infos.items())
    for stem, info in infos.items():
        if split in ('val', 'test'):
            assert info['gt_bboxes'].tolist() == [IMAGES[stem][3]]
        else:
            assert 'gt_bboxes' not in info


def test_classes_of_another_level(root):
    dataset = FGVCAircraft(split='test', level='family')
    assert dataset.metainfo['classes'] == ('Boeing 707', 'F-16')
    with pytest.raises(ValueError, match='level must be one of'):
        FGVCAircraft(level='maker')


def test_list_of_bas_and_sat(root):
    """Slashes of class names are replaced there; 0, 1, 2 stand for train, test and val; the height comes first."""
    parts = {'train': 0, 'test': 1, 'val': 2}
    lines = [
        f'{stem};{variant.replace("/", " ")};{parts[split]};{" ".join(map(str, box))} 10 20\r\n'
        for stem, (split, variant, _, box) in IMAGES.items()
    ]
    (root / 'images_box.txt').write_text(''.join(lines), newline='')
    (root / 'classes.txt').write_text('707-320\r\nF-16A B\r\n', newline='')
    for split, count in {'train': 2, 'val': 2, 'trainval': 4, 'test': 2}.items():
        infos = read(FGVCAircraft(split=split, test_mode=True))
        assert len(infos) == count
        assert all(info['gt_bboxes'].tolist() == [IMAGES[stem][3]] for stem, info in infos.items())
    (root / 'classes.txt').write_text('707-320\n')
    with pytest.raises(ValueError, match=r"images_box\.txt: class 'F-16A B' is not among the 1 classes"):
        FGVCAircraft(split='test')


def test_errors_name_the_file(root, replace_line):
    replace_line(root / 'images_variant_test.txt', 2, '0532495 Concorde')
    with pytest.raises(ValueError, match=r"images_variant_test\.txt: class 'Concorde' is not among the 2"):
        FGVCAircraft(split='test')
    replace_line(root / 'images_variant_test.txt', 2, '0532495 707-320')
    replace_line(root / 'images_box.txt', 5, '9999999 1 1 2 2')
    with pytest.raises(ValueError, match=r"images_box\.txt: no line for image id '0900914'"):
        FGVCAircraft(split='test')
