"""Where each data set comes from, under which terms, and where its files belong below the data root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .conversion import write_synsets, write_train_aug

IMAGENET = 'https://image-net.org/download-images.php'
WSOLEVALUATION = 'https://github.com/clovaai/wsolevaluation'


@dataclass(frozen=True)
class Archive:
    """One file to fetch; without ``url`` it is fetched by hand from ``page``, for the ``reason``.

    ``select`` and ``into`` are those of ``from_part``; a file that is no archive is copied to ``into``. Sizes and
    digests are those that torchvision and TensorFlow Datasets publish; without a digest that of the first one that could
    be unpacked is kept and compared from then on, unless the file is ``made_on_request`` and so may differ each time.
    """

    name: str
    page: str
    select: str
    into: str = ''
    url: str | None = None
    reason: str = ''
    size: int | None = None
    digest: str | None = None
    nested: bool = False
    made_on_request: bool = False


@dataclass(frozen=True)
class Recipe:
    """How a data set gets below the data root; ``convert`` runs there last, and says what it lacks if it could not."""

    title: str
    terms: str
    archives: tuple[Archive, ...]
    convert: Callable[[Path], str | None] | None = None


CARS = 'https://ai.stanford.edu/~jkrause/cars/car_dataset.html (gone; copies are on kaggle.com)'
CARS_REASON = 'its server no longer offers it'
DOGS = 'http://vision.stanford.edu/aditya86/ImageNetDogs/'

COCO = 'https://cocodataset.org/#download'


def _metadata(name: str) -> Archive:
    """Lists and boxes of one data set, out of those that wsolevaluation has of three."""
    return Archive(
        'wsolevaluation-master.zip',
        f'{WSOLEVALUATION} (Code, Download ZIP)',
        f'metadata/{name}',
        reason='lists and boxes are part of a repository without release archives',
        made_on_request=True,
    )


CUB = Archive(
    'CUB_200_2011.tgz',
    'https://data.caltech.edu/records/65de6-vp158',
    'CUB_200_2011',
    url='https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1',
    size=1_150_585_339,
    digest='sha256:0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081',
)
CUB_TERMS = 'photographs for non-commercial research and education only'

VOC = Archive(
    'VOCtrainval_11-May-2012.tar',
    'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/',
    'VOCdevkit',
    url='https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar',
    size=1_999_639_040,
    digest='md5:6cd6e144f989b92b3379bac3b3de84fd',
)

RECIPES = {
    'cub': Recipe(
        'Caltech-UCSD Birds-200-2011',
        CUB_TERMS,
        (CUB,),
    ),
    'cub_masks': Recipe(
        'Caltech-UCSD Birds-200-2011 with segmentations',
        CUB_TERMS,
        (
            CUB,
            Archive(
                'segmentations.tgz',
                'https://data.caltech.edu/records/w9d68-gec53',
                'segmentations',
                'CUB_200_2011',
                url='https://data.caltech.edu/records/w9d68-gec53/files/segmentations.tgz?download=1',
            ),
        ),
    ),
    'cubv2': Recipe(
        'CUBV2, the validation split of CUB',
        'photographs under the licences of their authors on Flickr',
        (
            Archive(
                'CUBV2.tar',
                f'{WSOLEVALUATION} (section Prepare train+eval datasets)',
                r'\d{3}\..+',
                'CUBV2',
                reason='it is shared by a page that asks for a confirmation',
            ),
            _metadata('CUB'),
        ),
    ),
    'ilsvrc': Recipe(
        'ILSVRC 2012',
        "ImageNet's terms of access: non-commercial research and education, after registration",
        (
            Archive(
                'ILSVRC2012_img_train.tar',
                IMAGENET,
                r'n\d{8}',
                'ILSVRC/train',
                reason='ImageNet needs registration',
                size=147_897_477_120,
                digest='sha256:b08200a27a8e34218a0e58fde36b0fe8f73bc377f4acea2d91602057c3ca45bb',
                nested=True,
            ),
            Archive(
                'ILSVRC2012_img_val.tar',
                IMAGENET,
                r'ILSVRC2012_val_\d{8}\.JPEG',
                'ILSVRC/val',
                reason='ImageNet needs registration',
                size=6_744_924_160,
                digest='sha256:c7e06a6c0baccf06d8dbeb6577d71efff84673a5dbdd50633ab44f8ea0456ae0',
            ),
            Archive(
                'ILSVRC2012_bbox_val_v3.tgz',
                IMAGENET,
                r'ILSVRC2012_val_\d{8}\.xml',
                'ILSVRC/Annotations/val',
                reason='ImageNet needs registration',
            ),
        ),
        write_synsets,
    ),
    'imagenetv2': Recipe(
        'ImageNetV2 (threshold 0.7), the validation split of ILSVRC',
        'MIT for the collection; photographs under the licences of their authors on Flickr',
        (
            Archive(
                'imagenetv2-threshold0.7.tar.gz',
                'https://huggingface.co/datasets/vaishaal/ImageNetV2',
                r'\d{1,3}',
                'ILSVRC/val2',
                url='https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/'
                'imagenetv2-threshold0.7.tar.gz',
                size=1_249_906_176,
                digest='sha256:32142bfe998f9cfa4141be691f6a80eeb1e27b24bd532a668eb08c26d98897a2',
            ),
            _metadata('ILSVRC'),
        ),
    ),
    'openimages': Recipe(
        'OpenImages30k',
        'images CC BY 2.0, annotations CC BY 4.0',
        (
            Archive(
                'OpenImages_images.zip',
                f'{WSOLEVALUATION} (section Prepare train+eval datasets)',
                'train|val|test',
                'OpenImages',
                reason='it is shared by a page that asks for a confirmation',
            ),
            Archive(
                'OpenImages_annotations.zip',
                f'{WSOLEVALUATION} (section Prepare train+eval datasets)',
                'train|val|test',
                'OpenImages',
                reason='it is shared by a page that asks for a confirmation',
            ),
            _metadata('OpenImages'),
        ),
    ),
    'cars': Recipe(
        'Stanford Cars',
        'non-commercial research only',
        (
            Archive(
                'cars_train.tgz',
                CARS,
                'cars_train',
                'Stanford_Cars',
                reason=CARS_REASON,
                size=979_269_282,
                digest='sha256:512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288',
            ),
            Archive(
                'cars_test.tgz',
                CARS,
                'cars_test',
                'Stanford_Cars',
                reason=CARS_REASON,
                size=977_350_468,
                digest='sha256:bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243',
            ),
            Archive(
                'car_devkit.tgz',
                CARS,
                'devkit',
                'Stanford_Cars',
                reason=CARS_REASON,
                size=330_960,
                digest='sha256:b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd',
            ),
            Archive(
                'cars_test_annos_withlabels.mat',
                CARS,
                '',
                'Stanford_Cars/devkit',
                reason=CARS_REASON,
                size=185_758,
                digest='sha256:790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05',
            ),
        ),
    ),
    'dogs': Recipe(
        'Stanford Dogs',
        'images from ImageNet under its terms: non-commercial research and education',
        (
            Archive(
                'stanford_dogs_images.tar',
                DOGS,
                'Images',
                'Stanford_Dogs',
                url='http://vision.stanford.edu/aditya86/ImageNetDogs/images.tar',
                size=793_579_520,
                digest='sha256:a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58',
            ),
            Archive(
                'stanford_dogs_annotation.tar',
                DOGS,
                'Annotation',
                'Stanford_Dogs',
                url='http://vision.stanford.edu/aditya86/ImageNetDogs/annotation.tar',
                size=21_852_160,
                digest='sha256:662ed36f707be6b195c2fda392d8e153e83af28cedc8e2134a649f198def30fd',
            ),
            Archive(
                'stanford_dogs_lists.tar',
                DOGS,
                r'(file|train|test)_list\.mat',
                'Stanford_Dogs',
                url='http://vision.stanford.edu/aditya86/ImageNetDogs/lists.tar',
                size=481_280,
                digest='sha256:34b47cacd9a98b5d150e084f24d29391c084c55272295ec65c85651bc35f4d6c',
            ),
        ),
    ),
    'aircraft': Recipe(
        'FGVC Aircraft 2013b',
        'photographs for non-commercial research only',
        (
            Archive(
                'fgvc-aircraft-2013b.tar.gz',
                'https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/',
                'fgvc-aircraft-2013b',
                url='https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz',
            ),
        ),
    ),
    'voc12': Recipe('PASCAL VOC 2012', 'photographs under the terms of Flickr', (VOC,)),
    'voc12_aug': Recipe(
        'PASCAL VOC 2012 with the training images of SBD (train_aug)',
        'photographs under the terms of Flickr',
        (
            VOC,
            Archive(
                'benchmark.tgz',
                'https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/',
                r'(train|val)\.txt',
                'VOCdevkit/SBD',
                url='https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/'
                'benchmark.tgz',
                digest='md5:82b4d87ceb2ed10f6038a1cba92111cb',
            ),
        ),
        write_train_aug,
    ),
    'coco14': Recipe(
        'COCO 2014',
        'annotations CC BY 4.0, photographs under the terms of Flickr',
        (
            Archive(
                'train2014.zip',
                COCO,
                'train2014',
                'coco',
                url='http://images.cocodataset.org/zips/train2014.zip',
                size=13_510_573_713,
                digest='sha256:ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775',
            ),
            Archive(
                'val2014.zip',
                COCO,
                'val2014',
                'coco',
                url='http://images.cocodataset.org/zips/val2014.zip',
                size=6_645_013_297,
                digest='sha256:fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0',
            ),
            Archive(
                'annotations_trainval2014.zip',
                COCO,
                'annotations',
                'coco',
                url='http://images.cocodataset.org/annotations/annotations_trainval2014.zip',
                size=252_872_794,
                digest='sha256:031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009',
            ),
        ),
    ),
}
