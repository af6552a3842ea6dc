import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r"'(.+)'", (HERE / 'mmwsol' / 'version.py').read_text()).group(1)

# Recipes live in configs/ and are installed as mmwsol.configs, so that plugins and installed users can inherit them.
CONFIG_PACKAGES = ['mmwsol.configs'] + [
    'mmwsol.configs.' + '.'.join(path.relative_to(HERE / 'configs').parts)
    for path in sorted((HERE / 'configs').rglob('*'))
    if path.is_dir() and any(path.glob('*.py'))
]

COCO = ['pycocotools>=2.0.6,<3']
BENCH = ['scikit-learn>=1.2,<2']
TEST = ['pytest>=7', 'scipy>=1.9,<2', *COCO, *BENCH]
BROWSER = ['playwright>=1.40,<2']  # for the tests that open a page in a headless chromium
MAPS = ['torchcam>=0.5,<0.6; python_version >= "3.11"']  # post-hoc maps

setup(
    name='mmwsol',
    version=VERSION,
    description='Weakly supervised object localization on MMEngine: class, box, heat map and mask from image labels',
    long_description=(HERE / 'README.md').read_text() if (HERE / 'README.md').is_file() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=[
        name for name in find_namespace_packages(include=['mmwsol', 'mmwsol.*']) if '.configs' not in name
    ]
    + CONFIG_PACKAGES,
    package_dir={'mmwsol.configs': 'configs'},
    package_data={'mmwsol.visualization': ['report.html']},
    entry_points={
        'console_scripts': [
            'mmwsol-train = mmwsol.apis.train:main',
            'mmwsol-test = mmwsol.apis.test:command',
            'mmwsol-report = mmwsol.apis.report:main',
            'mmwsol-compare = mmwsol.apis.compare:main',
        ],
    },
    install_requires=[
        'torch>=2.1',
        'torchvision>=0.16',
        'mmengine>=0.10.4,<1',
        'mmcv-lite>=2.0.0,<2.3',
        'mmpretrain>=1.2.0,<2',
        'timm>=1.0.3,<2',
        'mat4py>=0.5,<1',
        'numpy>=1.23',
        'numba>=0.58',
        'opencv-python>=4.5,<5',
        'pillow>=9.0',
        'rich>=12',
        'setuptools<82',
    ],
    extras_require={
        'test': TEST,
        'coco': COCO,
        'maps': MAPS,
        'bench': BENCH,
        'tensorboard': ['tensorboard>=2.11'],
        'browser': BROWSER,
        'dev': [*TEST, *BROWSER, *MAPS, 'ruff>=0.6', 'mypy>=1.10', 'codespell>=2.2', 'pre-commit>=3'],
    },
)
