"""Draws one toy picture: a textured body, shared by several classes, with a small part of the class's own.

The part is saturated in the class's hue and decides the class at a glance; the body is only tinted, so that
it carries some evidence too, which is what separates methods that cover the object from those that point at
the part. Everything is a function of pixel coordinates, so shapes and textures rotate and scale freely and
edges are smooth.
"""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.random import Generator

BODIES = ('ellipse', 'square', 'clover', 'flower')
TEXTURES = ('striped', 'checked', 'dotted', 'ringed')
PARTS = ('star', 'cross', 'ring', 'triangle', 'bars')
HIDDEN_PARTS = 0.1  # fraction of pictures without the part, so that classifiers also learn the body
Array = np.ndarray
Color = tuple[float, float, float]


def class_name(label: int, num_classes: int) -> str:
    body, part = label % len(BODIES), label % len(PARTS)
    return f'{TEXTURES[body]}_{BODIES[body]}_{PARTS[part]}_hue{round(360 * label / num_classes):03d}'


def draw(label: int, num_classes: int, size: int, rng: Generator) -> tuple[Array, Array]:
    """Image (size, size, 3) uint8 RGB and mask (size, size) uint8 in {0, 1} of the object: body and part."""
    grid = np.mgrid[:size, :size].astype(np.float32)  # (2, size, size)
    img = _background(grid, size, rng)
    for _ in range(rng.integers(6, 12)):
        img = _clutter(img, grid, size, rng)
    body, part = label % len(BODIES), label % len(PARTS)

    radius = size * rng.uniform(0.24, 0.4)
    angle = rng.uniform(0, 2 * np.pi)
    reach = 0.92 * radius
    center = rng.uniform(reach, size - reach, 2)
    u, v = _frame(grid, center, angle, radius)
    alpha = _cover(_body_level(BODIES[body], u, v), radius)  # (size, size)
    texture = _texture(TEXTURES[body], u, v, rng.uniform(0.32, 0.48))
    hue = (label + rng.uniform(-0.5, 0.5)) / num_classes
    img = _blend(img, _two_tone(texture, u, _tinted(hue, rng), _tinted(hue, rng)), alpha)

    part_radius = radius * rng.uniform(0.26, 0.34)
    distance, direction = rng.uniform(0.35, 0.75) * radius, rng.uniform(0, 2 * np.pi)
    part_center = center + distance * np.array([np.sin(direction), np.cos(direction)])
    u, v = _frame(grid, part_center, rng.uniform(0, 2 * np.pi), part_radius)
    part_alpha = _cover(_part_level(PARTS[part], u, v), part_radius) * (rng.uniform() >= HIDDEN_PARTS)
    hue = (label + rng.uniform(-0.2, 0.2)) / num_classes
    img = _blend(img, np.array(_rgb(hue, rng.uniform(0.9, 1), rng.uniform(0.85, 1)), np.float32), part_alpha)

    img += rng.normal(0, 5, img.shape)
    mask = (np.maximum(alpha, part_alpha) > 0.5).astype(np.uint8)
    return np.clip(img, 0, 255).astype(np.uint8), mask


def _background(grid: Array, size: int, rng: Generator) -> Array:
    cells = rng.integers(2, 6)
    colors = np.array([_muted(rng) for _ in range(cells * cells)], np.float32).reshape(cells, cells, 3)
    img = cv2.resize(colors, (size, size), interpolation=cv2.INTER_CUBIC)  # (size, size, 3)
    u, v = _frame(grid, rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi), size)
    pattern = _texture(TEXTURES[rng.integers(len(TEXTURES))], u, v, rng.uniform(0.08, 0.3))
    grain = cv2.resize(rng.normal(0, 1, (size // 4, size // 4)).astype(np.float32), (size, size))
    return img + rng.uniform(5, 25) * pattern[..., None] + 10 * grain[..., None]


def _clutter(img: Array, grid: Array, size: int, rng: Generator) -> Array:
    radius = size * rng.uniform(0.04, 0.11)
    u, v = _frame(grid, rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi), radius)
    v = v * rng.uniform(0.6, 1.8)
    alpha = _cover(_body_level(BODIES[rng.integers(len(BODIES))], u, v), radius)
    texture = _texture(TEXTURES[rng.integers(len(TEXTURES))], u, v, rng.uniform(0.4, 1))
    return _blend(img, _two_tone(texture, u, _muted(rng), _muted(rng)), alpha)


def _frame(grid: Array, center: Array, angle: float, radius: float) -> tuple[Array, Array]:
    """Coordinates turned by ``angle`` around ``center`` (row, column), in units of ``radius``."""
    y, x = (grid - np.asarray(center, np.float32)[:, None, None]) / radius
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def _cover(level: Array, radius: float) -> Array:
    """Opacity in [0, 1] of the region ``level`` < 1, with an edge one pixel wide."""
    return np.clip((1 - level) * radius + 0.5, 0, 1)


def _body_level(kind: str, u: Array, v: Array) -> Array:
    if kind == 'ellipse':
        return np.hypot(u, v / 0.68)
    if kind == 'square':
        return ((u / 0.85) ** 4 + (v / 0.75) ** 4) ** 0.25
    lobes, depth = (3, 0.24) if kind == 'clover' else (5, 0.16)
    return np.hypot(u, v) * (1 + depth) / (1 + depth * np.cos(lobes * np.arctan2(v, u)))


def _part_level(kind: str, u: Array, v: Array) -> Array:
    rho = np.hypot(u, v)
    if kind == 'star':
        return rho / (0.62 + 0.38 * np.cos(5 * np.arctan2(v, u)))
    if kind == 'cross':
        return np.maximum(np.maximum(abs(u), abs(v)), np.minimum(abs(u), abs(v)) / 0.35)
    if kind == 'ring':
        return 1 + (abs(rho - 0.7) - 0.3)
    if kind == 'triangle':
        return np.maximum(np.maximum(-v, v / 2 + abs(u) * 0.866) / 0.6, 0)
    return np.maximum(rho, 1 + 0.3 * np.cos(np.pi * u / 0.4))  # bars


def _texture(kind: str, u: Array, v: Array, period: float) -> Array:
    """A pattern in [-1, 1]."""
    f = 2 * np.pi / period
    if kind == 'striped':
        return np.sin(f * u)
    if kind == 'checked':
        return np.clip(3 * np.sin(f * u) * np.sin(f * v), -1, 1)
    if kind == 'dotted':
        return np.clip(2 * (np.cos(f * u) + np.cos(f * v)) - 1, -1, 1)
    return np.sin(f * np.hypot(u, v))


def _two_tone(texture: Array, u: Array, dark: Color, light: Color) -> Array:
    """Two colours mixed by ``texture``, shaded along ``u``."""
    low, high = 0.55 * np.array(dark, np.float32), np.array(light, np.float32)
    mix = (0.5 + 0.5 * texture)[..., None]  # (size, size, 1)
    return (low + (high - low) * mix) * (1 + 0.15 * np.clip(u, -1, 1)[..., None])


def _blend(img: Array, color: Array, alpha: Array) -> Array:
    return img + (color - img) * alpha[..., None]


def _tinted(hue: float, rng: Generator) -> Color:
    return _rgb(hue, rng.uniform(0.2, 0.45), rng.uniform(0.5, 0.85))


def _muted(rng: Generator) -> Color:
    return _rgb(rng.uniform(), rng.uniform(0.05, 0.45), rng.uniform(0.35, 0.85))


def _rgb(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return 255 * red, 255 * green, 255 * blue
