/**
 * Which version a command is meant for: the one in its arguments, under the mouse or under the keyboard's focus.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { Catalog } from './catalog';

/** The tag that a command is about; null where there is none. */
export function findTag(
  app: JupyterFrontEnd,
  catalog: Catalog,
  args: ReadonlyPartialJSONObject
): string | null {
  if (typeof args.tag === 'string') {
    return args.tag;
  }
  if (args.palette) {
    return null;
  }
  const marked = (node: HTMLElement): boolean => !!node.dataset.msTag;
  const node = app.contextMenuHitTest(marked);
  if (node) {
    return node.dataset.msTag ?? null;
  }
  const focused =
    document.activeElement?.closest<HTMLElement>('[data-ms-current]');
  const row = catalog.row(catalog.indexOf(focused?.dataset.msCurrent ?? ''));
  return row ? (row.kind === 'name' ? row.newest.tag : row.tag) : null;
}

/** Code that loads a model in a notebook, as its framework does; one that the local store lacks is pulled first. */
export function codeFor(tag: string): string {
  return `from modelsync_jupyter import load\n\nmodel = load("${tag}")`;
}

/**
 * A folder as the file browser names it: relative to the server's root.
 *
 * @returns null where it is outside of that.
 */
export function browserPath(folder: string, root: string): string | null {
  const base = root.replace(/\/+$/, '');
  const path = folder.replace(/\\/g, '/');
  return path.startsWith(`${base}/`) ? path.slice(base.length + 1) : null;
}
