"""Union-find sweeps over the pixels of a level image: the compiled part of ``components``.

Pixels join a set one after the other, from high levels to low (foreground, 8-connected) or from low to high
(holes, 4-connected). The eight neighbours that are in the set already form a mask; a table says with which of
them the pixel has to be joined, since the others are connected through the ring. ``stats`` of a root: x0, y0,
x1, y1, weight, first pixel.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# neighbours of a pixel, clockwise from the north-west: even entries are the corners
_RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def _ring_tables() -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int32]]:
    """What a pixel's 8-bit neighbour mask says once the pixel is added to a set.

    The neighbours to join with, one of each group that is connected already through the ring, for 8- and for
    4-connected sets (256, 4), padded with -1; and twice the polygon area that the pixel adds (256,).
    """
    joins8 = np.full((256, 4), -1, np.int8)
    joins4 = np.full((256, 4), -1, np.int8)
    area2 = np.zeros(256, np.int32)
    for mask in range(256):
        present = [mask >> i & 1 for i in range(8)]
        for table, reach, members in ((joins8, 1, range(8)), (joins4, 0, range(1, 8, 2))):
            group = list(range(8))
            for i in range(8):
                j = (i + 1) % 8
                diagonal = (i + 2) % 8
                if present[i] and present[j]:
                    group = [group[i] if g == group[j] else g for g in group]
                if reach and i % 2 and present[i] and present[diagonal]:
                    group = [group[i] if g == group[diagonal] else g for g in group]
            firsts = {group[i]: i for i in reversed(members) if present[i]}
            for slot, i in enumerate(sorted(firsts.values())):
                table[mask, slot] = i
        for corner in range(0, 8, 2):
            others = present[corner - 1] + present[corner] + present[corner + 1]
            area2[mask] += others >= 2  # the third pixel of a window adds 1/2, the fourth another 1/2
    return joins8, joins4, area2


_JOINS8, _JOINS4, _AREA2 = _ring_tables()
_ONE_PIXEL = np.ones(256, np.int32)


@njit(nogil=True, cache=True)
def _sorted_pixels(levels, num_levels):
    """Counting sort: pixels as ``y << 16 | x`` by falling level, and where each level starts."""
    height, width = levels.shape
    starts = np.zeros(num_levels + 2, np.int32)
    for y in range(height):
        for x in range(width):
            starts[levels[y, x]] += 1
    position = 0
    for v in range(num_levels, -1, -1):
        count = starts[v]
        starts[v] = position
        position += count
    cursor = starts.copy()
    order = np.empty(height * width, np.int32)
    for y in range(height):
        for x in range(width):
            v = levels[y, x]
            order[cursor[v]] = y << 16 | x
            cursor[v] += 1
    return order, starts


@njit(nogil=True, inline='always')
def _find(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(nogil=True, inline='always')
def _ring_mask(added, p, stride):
    return (
        added[p - stride - 1]
        | added[p - stride] << 1
        | added[p - stride + 1] << 2
        | added[p + 1] << 3
        | added[p + stride + 1] << 4
        | added[p + stride] << 5
        | added[p + stride - 1] << 6
        | added[p - 1] << 7
    )


@njit(nogil=True, inline='always')
def _add(p, x, y, stride, ring, added, parent, stats, joins, weights):
    """Add a pixel to the set: its root, and whether it is a new component. ``p`` indexes the padded grid."""
    mask = _ring_mask(added, p, stride)
    added[p] = 1
    neighbour = joins[mask, 0]
    if neighbour < 0:
        parent[p] = p
        stats[p, 0] = x
        stats[p, 1] = y
        stats[p, 2] = x
        stats[p, 3] = y
        stats[p, 4] = weights[mask]
        stats[p, 5] = p
        return p, True
    root = _find(parent, p + ring[neighbour])
    parent[p] = root
    stats[root, 0] = min(stats[root, 0], x)
    stats[root, 1] = min(stats[root, 1], y)
    stats[root, 2] = max(stats[root, 2], x)
    stats[root, 3] = max(stats[root, 3], y)
    stats[root, 4] += weights[mask]
    stats[root, 5] = min(stats[root, 5], p)
    for slot in range(1, 4):
        neighbour = joins[mask, slot]
        if neighbour < 0:
            break
        other = _find(parent, p + ring[neighbour])
        if other != root:
            if other < root:  # the smaller index stays root, so the virtual outside (index 0) always does
                root, other = other, root
            parent[other] = root
            stats[root, 0] = min(stats[root, 0], stats[other, 0])
            stats[root, 1] = min(stats[root, 1], stats[other, 1])
            stats[root, 2] = max(stats[root, 2], stats[other, 2])
            stats[root, 3] = max(stats[root, 3], stats[other, 3])
            stats[root, 4] += stats[other, 4]
            stats[root, 5] = min(stats[root, 5], stats[other, 5])
    return root, False


@njit(nogil=True, cache=True)
def _ring_offsets(stride):
    return np.array(
        (-stride - 1, -stride, -stride + 1, 1, stride + 1, stride, stride - 1, -1), dtype=np.int32
    )


@njit(nogil=True, cache=True)
def _fill_holes(levels, num_levels):
    """Grey-scale hole filling: pixels rise to the lowest barrier on their 4-connected way outside."""
    height, width = levels.shape
    filled = np.full((height, width), -1, np.int16)
    heads = np.full(num_levels + 1, -1, np.int32)
    following = np.empty((height, width), np.int32)
    for y in range(height):
        step = 1 if y == 0 or y == height - 1 else max(width - 1, 1)
        for x in range(0, width, step):
            v = levels[y, x]
            filled[y, x] = v
            following[y, x] = heads[v]
            heads[v] = y << 16 | x
    for v in range(num_levels + 1):
        while heads[v] >= 0:
            y = heads[v] >> 16
            x = heads[v] & 0xFFFF
            heads[v] = following[y, x]
            for side in range(4):
                ny = y + (side == 0) - (side == 1)
                nx = x + (side == 2) - (side == 3)
                if 0 <= ny < height and 0 <= nx < width and filled[ny, nx] < 0:
                    w = max(levels[ny, nx], v)
                    filled[ny, nx] = w
                    following[ny, nx] = heads[w]
                    heads[w] = ny << 16 | nx
    return filled


@njit(nogil=True, cache=True)
def _largest_one(levels, num_levels, weights, last_on_tie, extents, sizes):
    """Fill ``extents`` (T, 4) and ``sizes`` (T,) with the largest component of each level of one image."""
    height, width = levels.shape
    stride = width + 2
    ring = _ring_offsets(stride)
    added = np.zeros((height + 2) * stride, np.uint8)
    parent = np.empty((height + 2) * stride, np.int32)
    stats = np.empty(((height + 2) * stride, 6), np.int32)
    live = np.empty(height * width, np.int32)
    num_live = 0
    order, starts = _sorted_pixels(levels, num_levels)
    for v in range(num_levels, 0, -1):
        t = v - 1
        if starts[v] == starts[t]:
            if v == num_levels:
                extents[t] = -1
                sizes[t] = 0
            else:
                extents[t] = extents[v]
                sizes[t] = sizes[v]
            continue
        for i in range(starts[v], starts[t]):
            y = order[i] >> 16
            x = order[i] & 0xFFFF
            root, is_new = _add(
                (y + 1) * stride + x + 1, x, y, stride, ring, added, parent, stats, _JOINS8, weights
            )
            if is_new:
                live[num_live] = root
                num_live += 1
        best = -1
        kept = 0
        for i in range(num_live):
            root = live[i]
            if parent[root] != root:
                continue
            live[kept] = root
            kept += 1
            lead = 1 if best < 0 else stats[root, 4] - stats[best, 4]
            if lead > 0 or (lead == 0 and (stats[root, 5] > stats[best, 5]) == last_on_tie):
                best = root
        num_live = kept
        extents[t] = stats[best, :4]
        sizes[t] = stats[best, 4]


@njit(nogil=True, cache=True)
def sweep_largest(levels, num_levels, by_contour, extents, sizes):
    for n in range(levels.shape[0]):
        if by_contour:
            filled = _fill_holes(levels[n], num_levels)
            _largest_one(filled, num_levels, _AREA2, True, extents[n], sizes[n])
        else:
            _largest_one(levels[n], num_levels, _ONE_PIXEL, False, extents[n], sizes[n])


@njit(nogil=True, cache=True)
def best_overlap(x0, y0, x1, y1, gt_bboxes, plus):
    """Largest IoU of one box with (M, 4) boxes; float64, in the order of operations of ``pairwise_iou``."""
    best = 0.0
    area = (x1 - x0 + plus) * (y1 - y0 + plus)
    for m in range(gt_bboxes.shape[0]):
        w = min(x1, gt_bboxes[m, 2]) - max(x0, gt_bboxes[m, 0]) + plus
        h = min(y1, gt_bboxes[m, 3]) - max(y0, gt_bboxes[m, 1]) + plus
        inter = max(w, 0.0) * max(h, 0.0)
        gt_area = (gt_bboxes[m, 2] - gt_bboxes[m, 0] + plus) * (gt_bboxes[m, 3] - gt_bboxes[m, 1] + plus)
        union = area + gt_area - inter
        if union > 0:
            best = max(best, inter / union)
    return best


@njit(nogil=True, cache=True)
def _outer_ious(levels, num_levels, gt_bboxes, edge, x_limit, y_limit, plus, empty_iou, best):
    """``best`` (T,) receives the largest IoU over the boxes of the outer contours of each level."""
    height, width = levels.shape
    stride = width + 2
    ring = _ring_offsets(stride)
    size = (height + 2) * stride
    added = np.zeros(size, np.uint8)
    parent = np.empty(size, np.int32)
    stats = np.empty((size, 6), np.int32)
    overlaps = np.empty(size, np.float64)
    live = np.empty(height * width, np.int32)
    num_live = 0
    order, starts = _sorted_pixels(levels, num_levels)
    for t in range(num_levels - 1, -1, -1):
        if starts[t] == starts[t + 1]:
            best[t] = best[t + 1] if starts[t] > 0 else empty_iou
            continue
        for i in range(starts[t + 1], starts[t]):
            y = order[i] >> 16
            x = order[i] & 0xFFFF
            p = (y + 1) * stride + x + 1
            root, is_new = _add(p, x, y, stride, ring, added, parent, stats, _JOINS8, _ONE_PIXEL)
            overlaps[root] = -1.0
            if is_new:
                live[num_live] = root
                num_live += 1
        best[t] = 0.0
        kept = 0
        for i in range(num_live):
            root = live[i]
            if parent[root] != root:
                continue
            live[kept] = root
            kept += 1
            if overlaps[root] < 0:
                overlaps[root] = best_overlap(
                    float(stats[root, 0]),
                    float(stats[root, 1]),
                    min(float(stats[root, 2] + edge), x_limit),
                    min(float(stats[root, 3] + edge), y_limit),
                    gt_bboxes,
                    plus,
                )
            best[t] = max(best[t], overlaps[root])
        num_live = kept


@njit(nogil=True, cache=True)
def _hole_ious(levels, filled, num_levels, gt_bboxes, edge, x_limit, y_limit, plus, best):
    """Raise ``best`` (T,) to the largest IoU over the grown boxes of the holes of each level.

    A pixel lies in a hole of the levels from its own up to, not including, its filled value; most maps have
    few such pixels, and only they are swept.
    """
    height, width = levels.shape
    stride = width + 2
    inside = np.full((height, width), num_levels, np.int16)
    num_inside = 0
    for y in range(height):
        for x in range(width):
            if levels[y, x] < filled[y, x]:
                inside[y, x] = levels[y, x]
                num_inside += 1
    if num_inside == 0:
        return
    ring = _ring_offsets(stride)
    size = (height + 2) * stride
    added = np.zeros(size, np.uint8)
    parent = np.empty(size, np.int32)
    stats = np.empty((size, 6), np.int32)
    overlaps = np.empty(size, np.float64)
    live = np.empty(num_inside, np.int32)
    num_live = 0
    order, starts = _sorted_pixels(inside, num_levels)
    for t in range(num_levels):
        for i in range(starts[t], starts[t - 1] if t > 0 else order.size):
            y = order[i] >> 16
            x = order[i] & 0xFFFF
            p = (y + 1) * stride + x + 1
            root, is_new = _add(p, x, y, stride, ring, added, parent, stats, _JOINS4, _ONE_PIXEL)
            overlaps[root] = -1.0
            if is_new:
                live[num_live] = root
                num_live += 1
        kept = 0
        for i in range(num_live):
            root = live[i]
            if parent[root] != root or filled[root // stride - 1, root % stride - 1] <= t:
                continue  # joined another hole, or the outside
            live[kept] = root
            kept += 1
            if overlaps[root] < 0:
                overlaps[root] = best_overlap(
                    float(stats[root, 0] - 1),
                    float(stats[root, 1] - 1),
                    min(float(stats[root, 2] + 1 + edge), x_limit),
                    min(float(stats[root, 3] + 1 + edge), y_limit),
                    gt_bboxes,
                    plus,
                )
            best[t] = max(best[t], overlaps[root])
        num_live = kept


@njit(nogil=True, cache=True)
def sweep_contours(levels, num_levels, gt, offsets, edge, x_limit, y_limit, plus, empty_iou, best):
    for n in range(levels.shape[0]):
        boxes = gt[offsets[n] : offsets[n + 1]]
        filled = _fill_holes(levels[n], num_levels)
        _outer_ious(levels[n], num_levels, boxes, edge, x_limit, y_limit, plus, empty_iou[n], best[n])
        _hole_ious(levels[n], filled, num_levels, boxes, edge, x_limit, y_limit, plus, best[n])


@njit(nogil=True, cache=True)
def list_contours(mask, extents):
    """Extents of the outer contours, then of the holes, of one binary mask; returns how many of each."""
    height, width = mask.shape
    stride = width + 2
    ring = _ring_offsets(stride)
    size = (height + 2) * stride
    stats = np.empty((size, 6), np.int32)
    outer = 0
    count = 0
    for holes in range(2):
        added = np.zeros(size, np.uint8)
        parent = np.zeros(size, np.int32)
        stats[0] = 0
        if holes:
            added[:stride] = 1
            added[size - stride :] = 1
            added[0::stride] = 1
            added[stride - 1 :: stride] = 1
        for y in range(height):
            for x in range(width):
                if mask[y, x] != holes:
                    p = (y + 1) * stride + x + 1
                    _add(
                        p, x, y, stride, ring, added, parent, stats, _JOINS4 if holes else _JOINS8, _ONE_PIXEL
                    )
        for y in range(height):
            for x in range(width):
                p = (y + 1) * stride + x + 1
                if added[p] and parent[p] == p:
                    extents[count, 0] = stats[p, 0] - holes
                    extents[count, 1] = stats[p, 1] - holes
                    extents[count, 2] = stats[p, 2] + holes
                    extents[count, 3] = stats[p, 3] + holes
                    count += 1
        if not holes:
            outer = count
    return outer, count
