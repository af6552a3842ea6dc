"""The report as a person sees it, in a headless browser, and the functions it is made of."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from planted_results import SIZE, planted_results

from mmwsol.evaluation.functional.error_breakdown import ERROR_NAMES
from mmwsol.visualization.drawing import PRED_COLOR
from mmwsol.visualization.html_report import choose_pictures, draw_image, html_report, read_input, to_data_uri

KINDS = ['correct'] * 6 + ['part'] * 3 + ['classification', 'more', 'correct']
LABELS = [0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 2, 2]
SHARES = [0.05, 0.2, 0.3, 0.3, 0.6, 0.6, 0.05, 0.2, 0.2, 0.3, 0.3, 0.9]
BROWSERS = ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome')


def write_images(folder: Path, count: int) -> None:
    (folder / 'a').mkdir()
    for i in range(count):
        cv2.imwrite(str(folder / 'a' / f'{i}.jpg'), np.full((*SIZE, 3), 20 * i, np.uint8))


def page_of(folder: Path, names: dict[str, Any] | None = None, pictures: int = 8) -> str:
    results = planted_results(KINDS, LABELS, SHARES, **(names or {}))
    row = results.row()
    drawn = {
        i: to_data_uri(draw_image(results, row, i, folder / f'a/{i}.jpg'), 100)
        for i in choose_pictures(row.kinds, pictures).tolist()
    }
    numbers = (['protocol', 'threshold', 'source', 'Top-1 Loc'], [['tscam', '0.1', 'fixed', '58.33']])
    return html_report(results, row, drawn, 'run <1> & co', 'twelve images', numbers, ['a note'])


@pytest.fixture(scope='module')
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The report, opened; what the console said is in ``page.messages``, what it loaded in ``page.requested``."""
    api = pytest.importorskip('playwright.sync_api', reason='needs playwright: pip install mmwsol[browser]')
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f'needs a browser, one of {", ".join(BROWSERS)}: apt-get install chromium-headless-shell')
    folder = tmp_path_factory.mktemp('report')
    write_images(folder, len(KINDS))
    names = np.array([f'a/{i}.jpg' for i in range(11)] + ['</script><b>x.jpg'])
    (folder / 'report.html').write_text(page_of(folder, dict(img_id=names)), encoding='utf-8')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=['--no-sandbox'])
        opened = browser.new_page(viewport=dict(width=1200, height=900))
        opened.messages, opened.requested = [], []
        opened.on('console', lambda message: opened.messages.append(f'{message.type}: {message.text}'))
        opened.on('pageerror', lambda error: opened.messages.append(f'error: {error}'))
        opened.on('request', lambda request: opened.requested.append(request.url))
        opened.goto((folder / 'report.html').as_uri())
        yield opened
        browser.close()


def shown(page: Any) -> list[str]:
    return page.eval_on_selector_all('#cards figure', 'all => all.map(f => f.dataset.id)')


def reset(page: Any) -> None:
    page.click('#reset')
    assert page.inner_text('#count') == '12 of 12 images'


def test_page_opens_without_a_word_on_the_console(page: Any) -> None:
    assert page.messages == [] and page.inner_text('h1') == page.title() == 'run <1> & co'


def test_page_loads_nothing_from_elsewhere(page: Any) -> None:
    others = [url for url in page.requested if not url.startswith('data:')]
    assert len(others) == 1 and others[0].startswith('file:') and others[0].endswith('report.html')


def test_pictures_are_rendered(page: Any) -> None:
    reset(page)
    page.wait_for_function('[...document.images].every(image => image.complete)')
    sizes = page.eval_on_selector_all('#cards img', 'all => all.map(i => [i.naturalWidth, i.naturalHeight])')
    assert len(sizes) == 8 and all(width > height > 0 for width, height in sizes)
    assert page.locator('#cards .none').count() == 4


def test_images_are_filtered_by_kind_class_size_and_name(page: Any) -> None:
    reset(page)
    page.select_option('#f-kind', label='part (3)')
    assert shown(page) == ['a/6.jpg', 'a/7.jpg', 'a/8.jpg'] and page.inner_text('#count') == '3 of 12 images'
    page.select_option('#f-class', label='class 1 (5)')
    assert shown(page) == ['a/7.jpg', 'a/8.jpg']
    page.select_option('#f-size', label='25 to 50 % (4)')
    assert shown(page) == []
    reset(page)
    page.select_option('#f-size', label='below 10 % (2)')
    assert shown(page) == ['a/0.jpg', 'a/6.jpg']
    reset(page)
    page.fill('#f-text', '/1')
    assert shown(page) == ['a/1.jpg', 'a/10.jpg']


def test_images_are_ordered_by_overlap(page: Any) -> None:
    reset(page)
    page.select_option('#f-order', label='lowest IoU first')
    assert shown(page)[:3] == ['a/6.jpg', 'a/7.jpg', 'a/8.jpg'] and shown(page)[-1] == '</script><b>x.jpg'
    page.select_option('#f-drawn', label='with a picture')
    assert len(shown(page)) == 8


def test_list_of_images_can_be_saved(page: Any) -> None:
    reset(page)
    page.select_option('#f-kind', label='part (3)')
    with page.expect_download() as download:
        page.click('#save')
    assert Path(download.value.path()).read_text() == 'a/6.jpg\na/7.jpg\na/8.jpg\n'


def test_tables_count_errors_by_size_and_class(page: Any) -> None:
    def cells(name: str) -> list[list[str]]:
        return page.eval_on_selector_all(
            f'#{name} tbody tr', 'all => all.map(r => [...r.cells].slice(0, 4).map(c => c.textContent))'
        )

    assert page.inner_text('#numbers tbody tr').split() == ['tscam', '0.1', 'fixed', '58.33']
    (row,) = page.eval_on_selector_all(
        '#kinds tbody tr', 'all => all.map(r => [...r.cells].map(c => c.textContent))'
    )
    stated = dict(zip(ERROR_NAMES, row[1:7]))
    assert (stated['correct'], stated['part'], stated['other']) == ('58.33', '25.00', '0.00')
    assert cells('sizes') == [
        ['below 10 %', '2', '50.00', '50.00'],
        ['10 to 25 %', '3', '33.33', '33.33'],
        ['25 to 50 %', '4', '50.00', '50.00'],
        ['50 % and more', '3', '100.00', '100.00'],
    ]
    assert [row[:2] for row in cells('classes')] == [['class 2', '2'], ['class 0', '5'], ['class 1', '5']]


def test_click_on_a_class_shows_its_images(page: Any) -> None:
    reset(page)
    page.locator('#classes tbody tr').first.click()
    assert shown(page) == ['a/10.jpg', '</script><b>x.jpg']


def test_page_without_class_scores_explains_the_first_number(page: Any, tmp_path: Path) -> None:
    results = planted_results(['correct', 'part', 'part', 'other'], pred_label=np.full(4, -1))
    del results.row().hits['Top-1 Loc']
    content = html_report(results, results.row(), {}, 'x', '', (['protocol'], [['tscam']]))
    (tmp_path / 'x.html').write_text(content, encoding='utf-8')
    other = page.context.browser.new_page()
    messages: list[str] = []
    other.on('console', lambda message: messages.append(message.text))
    other.on('pageerror', lambda error: messages.append(str(error)))
    other.goto((tmp_path / 'x.html').as_uri())
    assert messages == [] and 'Top-1' not in other.inner_text('body')
    heads = other.eval_on_selector_all('#classes th', 'all => all.map(cell => cell.textContent)')
    assert heads == ['class', 'images', 'GT-known', 'kinds']
    row = other.eval_on_selector_all('#classes tbody td', 'all => all.slice(0, 3).map(c => c.textContent)')
    assert row == ['class 0', '4', '25.00']
    other.close()


def test_page_names_no_other_file(tmp_path: Path) -> None:
    write_images(tmp_path, len(KINDS))
    page = page_of(tmp_path)
    assert not re.search(r'(?:src|href)="?(?!data:)[a-z./]|https?://|@import|url\(', page)
    assert page.count('data:image/jpeg;base64,') == 8


def test_pictures_are_spread_over_the_kinds() -> None:
    kinds = np.array([ERROR_NAMES.index(kind) for kind in KINDS], np.int8)
    chosen = choose_pictures(kinds, 8)
    names = [KINDS[i] for i in chosen]
    assert {kind: names.count(kind) for kind in names} == {
        'correct': 3,
        'part': 3,
        'classification': 1,
        'more': 1,
    }
    assert chosen.tolist() == sorted(set(chosen.tolist())) and {0, 11} <= set(chosen.tolist())
    assert choose_pictures(kinds, 100).tolist() == list(range(12))
    assert choose_pictures(kinds, 0).tolist() == []


def test_image_is_drawn_as_the_network_saw_it(tmp_path: Path) -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    image[10:20, 20:30] = 250  # a white box, which twice the size makes (40, 20, 60, 40)
    cv2.imwrite(str(tmp_path / 'x.png'), image)
    results = planted_results(['correct'])
    geometry = dict(
        ori_shape=(40, 50), resize_shape=(80, 100), crop_offset=(10, 20), img_shape=(60, 70), flip=True
    )
    results.columns |= {key: np.array([value]) for key, value in geometry.items()}
    results.gt_bboxes[0] = np.array([[20, 10, 30, 20]], float)
    seen = read_input(results, 0, tmp_path / 'x.png')
    assert seen.shape == (60, 70, 3)
    rows, columns = np.nonzero(seen[..., 0] > 125)
    assert (columns.min(), columns.max() + 1) == (70 - 40, 70 - 20) and (rows.min(), rows.max() + 1) == (
        10,
        30,
    )
    panel = draw_image(results, results.row(), 0, tmp_path / 'x.png')
    scale = panel.shape[0] // 60
    assert panel.shape == (60 * scale, 140 * scale, 3)
    red = (panel == PRED_COLOR).all(axis=2)
    assert red[:, : 70 * scale].any() and red[:, 70 * scale :].any()
    green = np.argwhere((panel == (40, 200, 60)).all(axis=2))[:, 1]
    assert abs(green.min() - 30 * scale) <= 3


def test_images_without_scores_and_classes_have_a_report(tmp_path: Path) -> None:
    results = planted_results(
        ['correct', 'other'], pred_label=np.array([-1, -1]), pred_score=np.full(2, np.nan)
    )
    results.classes = []
    page = html_report(results, results.row(), {}, 'x', '', ([], []))
    assert '"score":null' in page and '"classes":["0"]' in page


def test_picture_is_small() -> None:
    uri = to_data_uri(np.random.default_rng(0).integers(0, 255, (300, 600, 3)).astype(np.uint8), 150)
    assert uri.startswith('data:image/jpeg;base64,') and len(uri) < 60_000
