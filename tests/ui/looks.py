"""How a page looks: pictures of it, what axe-core says, what sticks out and what moves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from .sidebar import SIDEBAR

AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
#: What moves by itself in the sidebar.
MOVING = """() => document.getAnimations().map(each => each.effect.target)
  .filter(node => node?.closest('.jp-ModelSync')).map(node => node.className)"""

#: Sets the least width of the side bar, 250 pixels in JupyterLab; its layout looks at that when something is shown.
UNLIMITED = """width => {
  document.body.style.setProperty('--jp-sidebar-min-width', width);
  const { shell } = window.jupyterapp;
  shell.collapseLeft();
  shell.expandLeft();
}"""

#: What is wider than the sidebar: nothing in it may have to be scrolled sideways.
STICKS_OUT = """selector => {
  const sidebar = document.querySelector(selector);
  const right = sidebar.getBoundingClientRect().right;
  return [...sidebar.querySelectorAll('button, select, input, .jp-ModelSync-row, p')]
    .filter(node => node.offsetParent && node.getBoundingClientRect().right > right + 1
      && !node.closest('.jp-ModelSync-line'))
    .map(node => node.outerHTML.slice(0, 120));
}"""


def violations(page: Page, *selectors: str, colours: bool = False) -> list[str]:
    """What axe-core finds wrong with parts of the page, or with their colours only."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    every = {"rules": {"target-size": {"enabled": True}}}  # of WCAG 2.2, and off by default
    options = {"runOnly": ["color-contrast"]} if colours else every
    context = {"include": [[selector] for selector in selectors]}
    found: dict[str, list[dict[str, Any]]] = page.evaluate("all => axe.run(...all)", [context, options])
    assert found["passes"], "axe-core has looked at nothing"
    return [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}" for each in found["violations"]]


def shoot(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it: in $UI_SHOTS."""
    if folder := os.environ.get("UI_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def drag_to(page: Page, width: int) -> None:
    """Make the sidebar so wide, by the handle beside it."""
    box = page.locator(SIDEBAR).bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] + 2, 500)
    page.mouse.down()
    page.mouse.move(box["x"] + width + 2, 500, steps=3)
    page.mouse.up()
