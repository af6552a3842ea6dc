"""EfficientNet-Lite0 from timm, cut for localization: stride 8 behind stage 4, stride 16 at the end.

Weights: `efficientnet_lite0.pth` in `$MMWSOL_WEIGHTS_ROOT` in the layer order of the package efficientnet-lite-pytorch
(TensorFlow's padding); for timm's own use `checkpoint='timm://tf_efficientnet_lite0.in1k', match='name'`. Both expect images (x - 127) / 128.
"""

from mmwsol.models.backbones import TimmBackbone
from mmwsol.models.data_preprocessors import LocDataPreprocessor

data_preprocessor = dict(type=LocDataPreprocessor, mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0))
backbone = dict(
    type=TimmBackbone,
    name='tf_efficientnet_lite0',
    strides={3: 1},
    out_indices=(4, 6),
    init_cfg=dict(type='Pretrained', checkpoint='efficientnet_lite0.pth', match='position'),
)
split_stage = 5
split_channels = 112
out_channels = 320
head_channels = 1280  # of backbone.head_conv=True, what the network's own classifier reads
