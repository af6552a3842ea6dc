"""DA-WSOL, InceptionV3 with the large feature map (28x28), CUB-200-2011 (Zhu et al., CVPR 2022), scored by masks too.

Published: PxAP 71.03, pIoU 51.81, from the authors' own copy of the segmentations (CUBMask). Checkpoints are those of
`dawsol_inceptionv3_cub`. Not run here.
    python tools/train.py configs/dawsol/dawsol_inceptionv3_cub_masks.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_inceptionv3_cub import *
    from .._base_.datasets.cub_masks import *  # after the parent, whose data they replace
