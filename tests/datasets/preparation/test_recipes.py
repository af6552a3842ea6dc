"""From archives as they are published to a tree that our reader opens and the check passes."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from mmwsol.apis import check_data, prepare_data
from mmwsol.datasets.catalog import CATALOG
from mmwsol.datasets.preparation.recipes import RECIPES
from mmwsol.datasets.voc12 import CLASSES


def picture(seed):
    """JPEG bytes of a smooth picture of 40 x 30, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.imencode('.jpg', cv2.resize(coarse, (40, 30), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def mask(size=(40, 30)):
    buffer = io.BytesIO()
    Image.new('L', size, 255).save(buffer, 'png')
    return buffer.getvalue()


def xml(name):
    box = '<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>25</ymax></bndbox>'
    size = '<size><width>40</width><height>30</height></size>'
    return f'<annotation>{size}<object><name>{name}</name>{box}</object></annotation>'.encode()


def repository(files):
    """wsolevaluation's repository: the files asked for, and those of all data sets that are not among them."""
    others = {}
    for folder in ('CUB/val', 'CUB/test', 'ILSVRC/val', 'ILSVRC/test', 'OpenImages/train', 'OpenImages/val'):
        others |= metadata(folder, [(f'{folder}/nowhere.jpg', 0)])
    return {'wsolevaluation-master/README.md': b'', **others, **files}


def metadata(folder, images, boxes=True, masks=()):
    """wsolevaluation's files for ``images`` (id, label) as its repository has them."""
    lines = {
        'image_ids': [name for name, _ in images],
        'class_labels': [f'{name},{label}' for name, label in images],
        'image_sizes': [] if masks else [f'{name},40,30' for name, _ in images],
        'localization': list(masks) or [f'{name},2,3,20,25' for name, _ in images if boxes],
    }
    root = f'wsolevaluation-master/metadata/{folder}'
    return {f'{root}/{name}.txt': '\n'.join(rows).encode() for name, rows in lines.items()}


def cub(pack):
    names = [f'{c}/{i}.jpg' for c in ('001.A', '002.B') for i in range(2)]
    tables = {
        'images': names,
        'image_class_labels': [1, 1, 2, 2],
        'train_test_split': [1, 0, 1, 0],
        'bounding_boxes': ['2.0 3.0 18.0 22.0'] * 4,
        'classes': ['001.A', '002.B'],
    }
    files = {f'CUB_200_2011/images/{name}': picture(i) for i, name in enumerate(names)}
    for name, rows in tables.items():
        text = ''.join(f'{i} {row}\n' for i, row in enumerate(rows, start=1))
        files[f'CUB_200_2011/{name}.txt'] = text.encode()
    return {'CUB_200_2011.tgz': {'attributes.txt': b'', **files}}


def cub_masks(pack):
    masks = {f'segmentations/{c}/{i}.png': mask() for c in ('001.A', '002.B') for i in range(2)}
    return {**cub(pack), 'segmentations.tgz': masks}


def cubv2(pack):
    images = [('001.A/1.jpeg', 0), ('002.B/7.jpeg', 1)]
    files = {f'CUBV2/{name}': picture(i) for i, (name, _) in enumerate(images)}
    return {'CUBV2.tar': files, 'wsolevaluation-master.zip': repository(metadata('CUB/val', images))}


def ilsvrc(pack):
    wnids = ('n01000000', 'n02000000')
    train = {
        f'{w}.tar': pack.tar({f'{w}_{i}.JPEG': picture(10 * j + i) for i in range(2)}, 'w')
        for j, w in enumerate(wnids)
    }
    val = {f'ILSVRC2012_val_0000000{i}.JPEG': picture(90 + i) for i in range(2)}
    boxes = {f'val/ILSVRC2012_val_0000000{i}.xml': xml(w) for i, w in enumerate(wnids)}
    return {
        'ILSVRC2012_img_train.tar': pack.tar(train, 'w'),
        'ILSVRC2012_img_val.tar': pack.tar(val, 'w'),
        'ILSVRC2012_bbox_val_v3.tgz': boxes,
    }


def imagenetv2(pack):
    images = [('val2/0/3.jpeg', 0), ('val2/999/0.jpeg', 999)]
    files = {
        f'imagenetv2-threshold0.7-format-val/{name[5:]}': picture(i) for i, (name, _) in enumerate(images)
    }
    return {
        'imagenetv2-threshold0.7.tar.gz': files,
        'wsolevaluation-master.zip': repository(metadata('ILSVRC/val', images)),
    }


def openimages(pack):
    images, masks, lists = {}, {}, {}
    for seed, (split, label) in enumerate((s, k) for s in ('train', 'val', 'test') for k in range(100)):
        name = f'{split}/0{label:02d}/a.jpg'
        images[f'OpenImages/{name}'] = picture(seed)
        masks[f'OpenImages/{name[:-4]}_m.png'] = mask()
        lists.setdefault(split, []).append((name, label))
    files = metadata('OpenImages/train', lists.pop('train'), boxes=False)
    for split, items in lists.items():
        files |= metadata(f'OpenImages/{split}', items, masks=[f'{n},{n[:-4]}_m.png,' for n, _ in items])
    return {
        'OpenImages_images.zip': images,
        'OpenImages_annotations.zip': masks,
        'wsolevaluation-master.zip': repository(files),
    }


def cars(pack):
    splits = {'train': [('00001.jpg', 1), ('00002.jpg', 2)], 'test': [('00001.jpg', 2)]}
    images = {
        f'cars_{split}.tgz': {
            f'cars_{split}/{name}': picture(10 * len(split) + i) for i, (name, _) in enumerate(rows)
        }
        for split, rows in splits.items()
    }

    def annotations(split):
        names, labels = zip(*splits[split])
        corners = {'bbox_x1': 2, 'bbox_y1': 3, 'bbox_x2': 20, 'bbox_y2': 25}
        columns = {key: [value] * len(names) for key, value in corners.items()}
        return pack.mat(annotations={**columns, 'class': list(labels), 'fname': list(names)})

    devkit = {'cars_meta.mat': pack.mat(class_names=['A', 'B']), 'cars_train_annos.mat': annotations('train')}
    return {
        **images,
        'car_devkit.tgz': {f'devkit/{name}': content for name, content in devkit.items()},
        'cars_test_annos_withlabels.mat': annotations('test'),
    }


def dogs(pack):
    names = [f'{folder}/{folder[:9]}_{i}' for i in range(2) for folder in ('n02085620-A', 'n02085782-B')]
    lists = {'train_list.mat': names[:2], 'test_list.mat': names[2:], 'file_list.mat': names}
    return {
        'stanford_dogs_images.tar': {f'Images/{name}.jpg': picture(i) for i, name in enumerate(names)},
        'stanford_dogs_annotation.tar': {f'Annotation/{name}': xml('dog') for name in names},
        'stanford_dogs_lists.tar': {
            file: pack.mat(file_list=[f'{n}.jpg' for n in of], labels=[1, 2] * (len(of) // 2))
            for file, of in lists.items()
        },
    }


def aircraft(pack):
    of = {'trainval': {'0034309': '707-320', '0062765': 'F-16A/B'}, 'test': {'0900914': 'F-16A/B'}}
    stems = [stem for rows in of.values() for stem in rows]
    files = {f'images/{stem}.jpg': picture(i) for i, stem in enumerate(stems)}
    files['images_box.txt'] = ''.join(f'{stem} 2 3 20 25\n' for stem in stems).encode()
    files['variants.txt'] = b'707-320\nF-16A/B\n'
    for split, rows in of.items():
        text = ''.join(f'{stem} {variant}\n' for stem, variant in rows.items())
        files[f'images_variant_{split}.txt'] = text.encode()
    return {'fgvc-aircraft-2013b.tar.gz': {f'fgvc-aircraft-2013b/data/{k}': v for k, v in files.items()}}


def voc12_files(segmentation):
    """One object of the next class in each image."""
    files = {}
    for split, stems in segmentation.items():
        files[f'ImageSets/Segmentation/{split}.txt'] = ''.join(f'{stem}\n' for stem in stems).encode()
    for seed, stem in enumerate(dict.fromkeys(stem for stems in segmentation.values() for stem in stems)):
        files[f'JPEGImages/{stem}.jpg'] = picture(seed)
        files[f'Annotations/{stem}.xml'] = xml(CLASSES[seed % 20])
    return {f'VOCdevkit/VOC2012/{name}': content for name, content in files.items()}


def voc12(pack):
    lists = {'train': [f'2007_{i:06d}' for i in range(20)], 'val': ['2008_000001', '2008_000002']}
    return {'VOCtrainval_11-May-2012.tar': voc12_files(lists)}


def voc12_aug(pack):
    train, val = [f'2007_{i:06d}' for i in range(20)], ['2008_000001', '2008_000002']
    sbd = {'train': [train[3], '2009_000005'], 'val': [val[0]]}
    lists = {f'benchmark_RELEASE/dataset/{k}.txt': '\n'.join(v).encode() for k, v in sbd.items()}
    files = voc12_files({'train': train, 'val': val, 'Main': ['2009_000005']})
    return {'VOCtrainval_11-May-2012.tar': files, 'benchmark.tgz': lists}


def coco14(pack):
    archives, annotations = {}, {}
    categories = [{'id': i + 1, 'name': f'thing {i}'} for i in range(3)]
    for seed, split in enumerate(('train', 'val')):
        images = [
            {'id': i, 'file_name': f'COCO_{split}2014_{i}.jpg', 'width': 40, 'height': 30} for i in range(3)
        ]
        items = [
            {'image_id': i, 'category_id': k + 1, 'bbox': [2, 3, 18, 22], 'iscrowd': 0, 'segmentation': []}
            for i in range(3)
            for k in (i, (i + 1) % 3)
        ]
        content = {'images': images, 'annotations': items, 'categories': categories}
        annotations[f'annotations/instances_{split}2014.json'] = json.dumps(content).encode()
        archives[f'{split}2014.zip'] = {
            f'{split}2014/{image["file_name"]}': picture(10 * seed + image['id']) for image in images
        }
    return {**archives, 'annotations_trainval2014.zip': annotations}


BUILDERS = {
    build.__name__: build
    for build in (
        cub,
        cub_masks,
        cubv2,
        ilsvrc,
        imagenetv2,
        openimages,
        cars,
        dogs,
        aircraft,
        voc12,
        voc12_aug,
        coco14,
    )
}


@pytest.fixture
def pack(tar_bytes, write_mat, tmp_path_factory):
    """``pack.tar(files)`` and ``pack.mat(variables)`` as bytes."""

    def mat(**variables):
        path = tmp_path_factory.mktemp('mat') / 'a.mat'
        write_mat(path, **variables)
        return path.read_bytes()

    return SimpleNamespace(tar=tar_bytes, mat=mat)


def test_every_recipe_is_tried_here_and_every_data_set_of_the_catalog_has_one():
    assert set(BUILDERS) == set(RECIPES) == set(CATALOG) - {'toy_shapes'}


@pytest.mark.parametrize('name', BUILDERS)
def test_prepared_data_set_passes_the_check(name, data_root, serve_recipe, pack, capsys):
    serve_recipe(name, BUILDERS[name](pack))
    assert prepare_data.main([name, '--quiet']) == 0, capsys.readouterr().out
    assert check_data.main([name, '--quiet', '--ignore', 'split_size']) == 0, capsys.readouterr().out
    names = {split.name for split in CATALOG[name].splits if split.needs is None} or {'val'}
    rows = capsys.readouterr().out.split('\n\n')[1].splitlines()[1:]
    assert {row.split()[0] for row in rows} == names
    assert all(int(row.split()[1]) > 0 for row in rows)


@pytest.mark.parametrize('name', ['cubv2', 'imagenetv2', 'openimages'])
def test_one_prepared_set_does_not_spoil_the_check_of_another(name, data_root, serve_recipe, pack, capsys):
    """wsolevaluation's zip holds the metadata of three sets; the images of two of them are not there."""
    serve_recipe(name, BUILDERS[name](pack))
    assert prepare_data.main([name, '--quiet']) == 0, capsys.readouterr().out
    folder = {'cubv2': 'CUB', 'imagenetv2': 'ILSVRC', 'openimages': 'OpenImages'}[name]
    assert [path.name for path in (data_root / 'metadata').iterdir()] == [folder]


def test_metadata_without_images_do_not_make_a_split(data_root, serve_recipe, pack, capsys):
    serve_recipe('cub', cub(pack))
    assert prepare_data.main(['cub', '--quiet']) == 0
    (data_root / 'metadata/CUB/val').mkdir(parents=True)
    assert check_data.main(['cub', '--quiet', '--ignore', 'split_size']) == 0, capsys.readouterr().out


def test_class_list_of_ilsvrc_without_its_training_images_comes_from_the_boxes(data_root, serve_recipe, pack):
    serve_recipe('ilsvrc', ilsvrc(pack))
    names = ['ILSVRC2012_bbox_val_v3.tgz', 'ILSVRC2012_img_val.tar']
    assert prepare_data.main(['ilsvrc', '--quiet', '--only', *names]) == 0
    assert (data_root / 'ILSVRC/synset_words.txt').read_text() == 'n01000000\nn02000000\n'
    (data_root / 'ILSVRC/synset_words.txt').write_text('n01000000 tench\nn02000000 goldfish\n')
    assert prepare_data.main(['ilsvrc', '--quiet', '--only', *names]) == 0
    assert 'goldfish' in (data_root / 'ILSVRC/synset_words.txt').read_text()


def test_train_aug_is_the_union_without_the_validation_images(data_root, serve_recipe, pack):
    serve_recipe('voc12_aug', voc12_aug(pack))
    assert prepare_data.main(['voc12_aug', '--quiet']) == 0
    stems = (data_root / 'VOCdevkit/VOC2012/ImageSets/Segmentation/train_aug.txt').read_text().split()
    assert stems == [*(f'2007_{i:06d}' for i in range(20)), '2009_000005']


@pytest.mark.parametrize('only', ['benchmark.tgz', 'VOCtrainval_11-May-2012.tar'])
def test_train_aug_is_not_made_of_half_its_lists(data_root, serve_recipe, pack, capsys, only):
    serve_recipe('voc12_aug', voc12_aug(pack))
    target = data_root / 'VOCdevkit/VOC2012/ImageSets/Segmentation/train_aug.txt'
    assert prepare_data.main(['voc12_aug', '--quiet', '--only', only]) == 0
    out = capsys.readouterr().out
    assert f'{target} is not written: it needs ' in out and 'prepare the other archives, too' in out
    assert not target.exists()
    assert prepare_data.main(['voc12_aug', '--quiet']) == 0
    assert len(target.read_text().split()) == 21
