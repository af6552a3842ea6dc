"""CAM, ResNet-50 with the large feature map (28x28), ILSVRC, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 63.7. The learning rate is second-hand (copied in third-party scripts, unverified). Not run here.
    tools/dist_train.sh configs/cam/cam_resnet50_ilsvrc.py 4
"""

from mmengine.config import read_base

with read_base():
    from .cam_resnet50_cub import *
    from .._base_.datasets.ilsvrc_direct import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
model.head.init_cfg = backbone.init_cfg[1]  # starts from the ImageNet classifier, as published
optim_wrapper.optimizer.update(lr=3.108411e-5)
train_dataloader.update(batch_size=8)
