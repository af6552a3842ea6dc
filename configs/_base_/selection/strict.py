"""Epoch and threshold chosen without a test box: by true boxes of a validation split, and by pseudo boxes.

The validation split is held out of the training images, five of each class. Pseudo boxes are TokenCut's on the patch
tokens of a frozen DeiT-Tiny. The test states both thresholds, and beside them what an oracle would have had.
"""

from mmwsol.evaluation.metrics import LocalizationMetric, PseudoBoxMetric
from mmwsol.models.backbones import ViTBackbone
from mmwsol.models.heads import TokenCutHead
from mmwsol.models.localizers import Localizer

holdout = 5
save_best = ['wsol/strict/IoU', 'pseudo/strict/agreement', 'wsol/cls/top-1']
pseudo_localizer = dict(
    type=Localizer,
    backbone=dict(
        type=ViTBackbone,
        name='deit_tiny_patch16_224',
        frozen=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth',
        ),
    ),
    head=dict(type=TokenCutHead, num_classes=1, in_channels=192, tau=0.2),
)
val_evaluator = [
    dict(type=LocalizationMetric, protocols=['strict']),
    dict(type=PseudoBoxMetric, localizer=pseudo_localizer, protocols=['strict']),
]
test_evaluator = dict(
    type=LocalizationMetric,
    protocols=[
        'strict',
        dict(name='strict', threshold_source='pseudo'),
        dict(name='strict', threshold_source='oracle'),
        'choe_v2',
    ],
)
