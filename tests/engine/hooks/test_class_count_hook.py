from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

from mmwsol.engine.hooks import ClassCountHook

STAGES = ['train', 'val', 'test']


def make_runner(model_classes: int | None, data_classes: int | None) -> SimpleNamespace:
    model = nn.Module()
    model.head = nn.Module()
    if model_classes is not None:
        model.head.num_classes = model_classes
    metainfo = {} if data_classes is None else dict(classes=tuple('abcdefgh'[:data_classes]))
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=metainfo, data_root='birds'))
    return SimpleNamespace(
        model=model, train_dataloader=loader, val_dataloader=loader, test_dataloader=loader
    )


@pytest.mark.parametrize('stage', STAGES)
def test_mismatch_names_both_counts_the_data_and_the_option(stage: str) -> None:
    with pytest.raises(
        ValueError, match=r'model has 5 classes.* at birds has 3; .*model\.head\.num_classes=3'
    ):
        getattr(ClassCountHook(), f'before_{stage}')(make_runner(5, 3))


@pytest.mark.parametrize('stage', STAGES)
@pytest.mark.parametrize('counts', [(3, 3), (None, 3), (3, None)])
def test_equal_or_unknown_counts_pass(stage: str, counts: tuple) -> None:
    getattr(ClassCountHook(), f'before_{stage}')(make_runner(*counts))


def test_model_behind_a_distributed_wrapper_is_checked() -> None:
    from mmengine.model import BaseModel, is_model_wrapper
    from mmengine.registry import MODEL_WRAPPERS

    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

    MODEL_WRAPPERS.register_module(name='TestWrapper', module=Wrapper, force=True)
    try:
        runner = make_runner(5, 3)
        runner.model = Wrapper(runner.model)
        assert is_model_wrapper(runner.model) and not isinstance(runner.model, BaseModel)
        with pytest.raises(ValueError, match='model has 5 classes'):
            ClassCountHook().before_train(runner)
    finally:
        MODEL_WRAPPERS.module_dict.pop('TestWrapper')
