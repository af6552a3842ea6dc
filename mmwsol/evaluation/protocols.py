"""Evaluation protocols: every rule between a raw localization map and a published number, written out.

A number is only comparable under its own rules, so a result row always names its protocol.
``get_protocol('bas_ext', threshold=0.10, topk=200)`` gives a preset with the values that vary from run to
run.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_type_hints

from .functional.boxes import BoxRounding

# the switches from raw maps to a heat map
MAP_SWITCHES = ('map_source', 'topk', 'dtype', 'normalize', 'minmax_eps', 'constant_map', 'interpolation')


@dataclass(frozen=True)
class Protocol:
    """The switches of one published evaluation, in the order in which they act.

    Fields:

    - ``map_source``: whose map is boxed: of the true class (``gt``), of the best class (``top1``), or the
      mean of the ``topk`` best classes' maps (``topk_mean``; more than there are classes means all, and 1
      means the true class, as BAS does), or of each of the ``topk`` best classes (``topk_each``, SCM: what
      stands for GT-known asks the box of the best class, right or wrong; Top-k Loc that of the true class). A
      class-agnostic map serves them all.
    - ``dtype``: arithmetic of normalisation and resize.
    - ``normalize``: min-max normalisation ``before_resize`` or ``after_resize``; ``minmax_eps`` is added to
      the range.
    - ``constant_map``: a map that is constant (or not finite) becomes ``zeros``, or is left as ``nan``; either
      way it is above no threshold and takes ``empty_box``. (TS-CAM's code does the same by way of NaN cast to
      uint8; SCM's raises.)
    - ``interpolation``: to the size of the network input, half-pixel centres, no antialias; ``nearest`` boxes whole cells
      of the map.
    - ``quantization``: ``float`` compares values with the threshold; ``uint8`` compares floor(255 value) with
      int(threshold * maximum), where the maximum is 255 unless the map is constant.
    - ``comparison``: what counts as foreground.
    - ``thresholds``: the candidates; empty: the metric's sweep from 0 to 1.
    - ``threshold_source``: ``fixed``; ``oracle per level``: for every reported number, the best on the
      evaluated data; ``oracle joint``: the one with the largest GT-known + Top-1 Loc on the evaluated data;
      ``val``, ``pseudo``: the one that validation chose and the checkpoint carries, by true boxes of a
      validation split or by pseudo boxes, always the largest mean GT-known over the IoU levels; ``oracle``: by
      that rule, but on the evaluated data. With a single threshold ``val`` and ``pseudo`` are done choosing.
    - ``component``: ``largest_pixels``, ``largest_contour`` (polygon area) or ``all_contours``, see
      ``functional.components``.
    - ``box_edge``: right and bottom are ``one_past`` the last pixel or ``inclusive``; ``clip_to_last_pixel``
      limits them to (W-1, H-1).
    - ``empty_box``: the box when nothing is above the threshold; ``frame`` is the whole input.
    - ``gt_rounding``: how true boxes come into the input frame, see ``functional.boxes.boxes_to_input``.
    - ``inclusive_iou``: one is added to every extent.
    - ``hit``: correct if IoU ``>`` or ``>=`` the level; ``topk_hit``: the same for Top-1 and Top-5 Loc.
    - ``average``: over images, or over the means of the classes.
    """

    name: str
    map_source: Literal['gt', 'top1', 'topk_mean', 'topk_each']
    topk: int
    dtype: Literal['float32', 'float64']
    normalize: Literal['before_resize', 'after_resize']
    minmax_eps: float
    constant_map: Literal['zeros', 'nan']
    interpolation: Literal['bilinear', 'bicubic', 'nearest']
    quantization: Literal['float', 'uint8']
    comparison: Literal['>', '>=']
    thresholds: tuple[float, ...]
    threshold_source: Literal['fixed', 'val', 'pseudo', 'oracle', 'oracle per level', 'oracle joint']
    component: Literal['largest_pixels', 'largest_contour', 'all_contours']
    box_edge: Literal['one_past', 'inclusive']
    clip_to_last_pixel: bool
    empty_box: tuple[float, float, float, float] | Literal['frame']
    gt_rounding: BoxRounding
    inclusive_iou: bool
    hit: Literal['>', '>=']
    topk_hit: Literal['>', '>=']
    average: Literal['image', 'class']

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            value = getattr(self, field.name)
            if wanted := _unmet(value, hints[field.name]):
                raise ValueError(f'protocol {self.name}: {field.name} must be {wanted}, got {value!r}')
        if self.topk < 1:
            raise ValueError(f'protocol {self.name}: topk must be at least 1, got {self.topk}')
        if not 0 <= self.minmax_eps < 1:
            raise ValueError(f'protocol {self.name}: minmax_eps must lie in [0, 1), got {self.minmax_eps}')
        if not all(0 <= threshold <= 1 for threshold in self.thresholds):
            raise ValueError(
                f'protocol {self.name}: thresholds are fractions in [0, 1], got {self.thresholds}'
            )
        if list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError(f'protocol {self.name}: thresholds must rise, got {self.thresholds}')
        if self.threshold_source == 'fixed' and len(self.thresholds) != 1:
            raise ValueError(
                f'protocol {self.name}: a fixed threshold is exactly one, got {self.thresholds}; to '
                "choose among several on the evaluated data set threshold_source='oracle joint' or "
                "'oracle per level'"
            )
        if self.transfers_threshold and self.map_source == 'topk_each':
            raise ValueError(
                f'protocol {self.name} has no GT-known, by which "{self.threshold_source}" chooses its threshold'
            )
        if self.threshold_source not in ('fixed', 'oracle per level') and not self.thresholds:
            raise ValueError(
                f'protocol {self.name}: "{self.threshold_source}" chooses from a list; give its thresholds'
            )

    @property
    def uses_gt_map(self) -> bool:
        return self.map_source == 'gt' or (self.map_source == 'topk_mean' and self.topk == 1)

    @property
    def transfers_threshold(self) -> bool:
        """Whether the threshold comes from another split than the evaluated one."""
        return self.threshold_source in ('val', 'pseudo')

    @property
    def awaits_threshold(self) -> bool:
        """Whether the threshold has yet to be chosen, on a validation split."""
        return self.transfers_threshold and len(self.thresholds) > 1

    @property
    def map_key(self) -> tuple:
        """Protocols with equal keys make the same heat map of an image."""
        source = ('gt', 1) if self.uses_gt_map else (self.map_source, self.topk)
        return (*source, *(getattr(self, switch) for switch in MAP_SWITCHES[2:]))

    def to_dict(self) -> dict[str, Any]:
        """Every switch, JSON-able."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def _unmet(value: Any, hint: Any) -> str | None:
    """What a value must be by a field's annotation; ``None`` if it is."""
    choices = get_args(hint)
    if hint is bool:
        return None if isinstance(value, bool) else 'True or False'
    if hint in (int, float):
        number, name = (Integral, 'a whole number') if hint is int else (Real, 'a number')
        return None if _is_number(value, number) else name
    if hint == tuple[float, ...]:
        fits = isinstance(value, tuple) and all(_is_number(item) for item in value)
        return None if fits else 'a list of numbers'
    if choices and all(isinstance(choice, str) for choice in choices):
        return None if value in choices else f'one of {choices}'
    if choices:
        fits = isinstance(value, tuple) and len(value) == 4 and all(_is_number(item) for item in value)
        return None if fits or value == 'frame' else "four numbers, x1 y1 x2 y2, or 'frame'"
    return None if isinstance(value, str) else 'a text'


def _is_number(value: Any, kind: type = Real) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


_BAS = Protocol(
    name='bas',
    map_source='topk_mean',
    topk=200,
    dtype='float32',
    normalize='before_resize',
    minmax_eps=0.0,
    constant_map='nan',
    interpolation='bilinear',
    quantization='float',
    comparison='>',
    thresholds=(0.15,),
    threshold_source='fixed',
    component='largest_pixels',
    box_edge='one_past',
    clip_to_last_pixel=False,
    empty_box='frame',
    gt_rounding='float_clip',
    inclusive_iou=True,
    hit='>',
    topk_hit='>',
    average='class',
)

_CHOE_V1 = Protocol(
    name='choe_v1',
    map_source='gt',
    topk=1,
    dtype='float64',
    normalize='after_resize',
    minmax_eps=0.0,
    constant_map='zeros',
    interpolation='bicubic',
    quantization='uint8',
    comparison='>',
    thresholds=(),
    threshold_source='oracle per level',
    component='largest_contour',
    box_edge='one_past',
    clip_to_last_pixel=True,
    empty_box=(0, 0, 0, 0),
    gt_rounding='trunc',
    inclusive_iou=True,
    hit='>=',
    topk_hit='>=',
    average='image',
)

_TSCAM = replace(
    _CHOE_V1,
    name='tscam',
    dtype='float32',
    interpolation='bilinear',
    thresholds=(0.10,),
    threshold_source='fixed',
    clip_to_last_pixel=False,
    empty_box=(0, 0, 1, 1),
    gt_rounding='fraction_trunc_clip',
    topk_hit='>',
)

PROTOCOLS: dict[str, Protocol] = {
    # BAS, CVPR 2022 release; threshold and k of MobileNetV1 on CUB
    'bas': _BAS,
    # BAS-Extension; threshold and k of MobileNetV1 on CUB
    'bas_ext': replace(
        _BAS,
        name='bas_ext',
        topk=80,
        minmax_eps=1e-5,
        thresholds=(0.10,),
        gt_rounding='trunc_clip',
        hit='>=',
        topk_hit='>=',
        average='image',
    ),
    # wsolevaluation (Choe et al., CVPR 2020): MaxBoxAcc and MaxBoxAccV2
    'choe_v1': _CHOE_V1,
    'choe_v2': replace(_CHOE_V1, name='choe_v2', component='all_contours'),
    # DA-WSOL, CVPR 2022: choe_v2's rules, with Top-1 Loc at its own best threshold, as every choe row has it
    'dawsol': replace(_CHOE_V1, name='dawsol', component='all_contours'),
    # TS-CAM, ICCV 2021, on the 224 squashed image; threshold of CUB (ILSVRC: 0.12)
    'tscam': _TSCAM,
    # SCM, ECCV 2022, on the 224 squashed image; its "GT-known" never sees the true class's map
    'scm': replace(
        _TSCAM,
        name='scm',
        map_source='topk_each',
        topk=5,
        dtype='float64',
        thresholds=tuple(i / 100 for i in range(100)),
        threshold_source='oracle per level',
        clip_to_last_pixel=True,
        empty_box=(0, 0, 0, 0),
        topk_hit='>=',
    ),
    # SAT, ICCV 2023, on the 224 crop of 256; its map is class-agnostic (of class maps: the true class's); the
    # list is that of training on CUB, the release then tests with 0.40 on CUB and 0.30 on ILSVRC
    'sat': replace(
        _BAS,
        name='sat',
        map_source='gt',
        topk=1,
        minmax_eps=1e-5,
        thresholds=(0.30, 0.35, 0.40, 0.45),
        threshold_source='oracle joint',
        gt_rounding='fraction_trunc_clip',
        hit='>=',
        topk_hit='>=',
        average='image',
    ),
    # ours: nothing is chosen on the evaluated images, not even a box among several; with neither rounding nor
    # clipping nor +1, the IoU in the network input is that in the original image
    'strict': replace(
        _BAS,
        name='strict',
        map_source='gt',
        topk=1,
        normalize='after_resize',
        thresholds=tuple(i / 100 for i in range(100)),
        threshold_source='val',
        gt_rounding='none',
        inclusive_iou=False,
        hit='>=',
        topk_hit='>=',
        average='image',
    ),
}


def get_protocol(name: str | Mapping[str, Any] | Protocol, **overrides: Any) -> Protocol:
    """A preset, with the values that vary from run to run replaced.

    ``name`` may also be a mapping with a key ``name`` and overrides. ``threshold`` (a number or a list)
    stands for ``thresholds``; one number is a fixed threshold, whatever the preset does. Raises
    ``ValueError`` for an unknown preset, field or value.
    """
    if isinstance(name, Protocol):
        protocol = name
    else:
        if isinstance(name, Mapping):
            overrides = {**{key: value for key, value in name.items() if key != 'name'}, **overrides}
            name = name.get('name', 'without a name')
        if name not in PROTOCOLS:
            raise ValueError(f'there is no protocol {name!r}; the presets are {", ".join(sorted(PROTOCOLS))}')
        protocol = PROTOCOLS[name]
    if 'threshold' in overrides:
        value = overrides.pop('threshold')
        overrides['thresholds'] = (value,) if isinstance(value, Real) else value
        if isinstance(value, Real):
            overrides.setdefault('threshold_source', 'fixed')
    known = {field.name for field in fields(Protocol)} - {'name'}
    if unknown := set(overrides) - known:
        raise ValueError(
            f'protocol {protocol.name} has no switch {", ".join(sorted(unknown))}; there are threshold, '
            f'{", ".join(sorted(known))}'
        )
    overrides = {key: tuple(value) if isinstance(value, list) else value for key, value in overrides.items()}
    return replace(protocol, **overrides)


def get_protocols(names: str | Mapping | Protocol | Sequence[str | Mapping | Protocol]) -> list[Protocol]:
    """One preset or several, as configs state them."""
    several = [names] if isinstance(names, (str, Mapping, Protocol)) else names
    return [get_protocol(name) for name in several]


def parse_protocol(text: str) -> Protocol:
    """A protocol from the command line: ``name`` or ``name:switch=value:..``, e.g. ``bas_ext:threshold=0.2:topk=1``."""
    name, *switches = text.split(':')
    overrides: dict[str, Any] = {}
    for switch in switches:
        key, separator, value = switch.partition('=')
        if not separator:
            raise ValueError(f'a protocol is name[:switch=value..], got {text!r}')
        overrides[key] = _read_value(value)
    return get_protocol(name, **overrides)


def _read_value(text: str) -> Any:
    """A number, list or truth value in Python's or JSON's spelling, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {'true': True, 'false': False}.get(text, text)
