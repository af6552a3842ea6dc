"""DA-WSOL, ResNet-50 with the large feature map (28x28), CUB-200-2011 (Zhu et al., CVPR 2022), scored by masks too.

Published: PxAP 74.70, pIoU 56.18, from the authors' own copy of the segmentations (CUBMask). Checkpoints are those of
`dawsol_resnet50_cub`. Not run here.
    python tools/train.py configs/dawsol/dawsol_resnet50_cub_masks.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_resnet50_cub import *
    from .._base_.datasets.cub_masks import *  # after the parent, whose data they replace
