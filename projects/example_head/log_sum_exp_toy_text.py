"""The same run as log_sum_exp_toy.py, as a text config: types are names, `custom_imports` registers the head.

python tools/train.py projects/example_head/log_sum_exp_toy_text.py
"""

_base_ = './toy_text_base.py'

custom_imports = dict(imports=['log_sum_exp_head'])

model = dict(
    type='Localizer',
    backbone=dict(type='TimmBackbone', name='test_resnet', strides={2: 1, 4: 1}),
    head=dict(type='LogSumExpHead', num_classes=8, in_channels=96),
)
