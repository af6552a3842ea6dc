"""InceptionV3 in BAS's form: 28x28 behind Mixed_6e, 14x14 at the end (input 224)."""

from mmwsol.models.backbones import InceptionV3

backbone = dict(
    type=InceptionV3,
    out_indices=(2, 3),
    init_cfg=[
        dict(type='Xavier', layer='Conv2d', distribution='uniform'),
        dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/inception_v3_google-1a9a5a14.pth',
        ),
    ],
)
split_stage = 3
split_channels = 768
out_channels = 2048
