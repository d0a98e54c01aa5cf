/**
 * Which model a command is meant for: the one in its arguments, under the mouse or under the keyboard's focus.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { Side } from './wire';

export interface ITarget {
  side: Side;
  tag: string;
}

export function findTarget(
  app: JupyterFrontEnd,
  args: ReadonlyPartialJSONObject
): ITarget | null {
  if (typeof args.tag === 'string') {
    return { side: args.side === 'remote' ? 'remote' : 'local', tag: args.tag };
  }
  if (args.palette) {
    return null;
  }
  const marked = (node: HTMLElement): boolean => !!node.dataset.msSide;
  const focused =
    document.activeElement?.closest<HTMLElement>('[data-ms-side]');
  const node = app.contextMenuHitTest(marked) ?? focused;
  const { msSide, msTag, msName } = node?.dataset ?? {};
  const tag = msTag ?? (msName && `${msName}:latest`);
  return tag ? { side: msSide as Side, tag } : null;
}

/** Code that makes a model available in a notebook. */
export function codeFor({ side, tag }: ITarget): string {
  const verb = side === 'local' ? 'get' : 'pull';
  return `from modelsync_jupyter import ${verb}\n\nmodel = ${verb}("${tag}")`;
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
