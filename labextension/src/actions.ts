/**
 * What commands do that takes more than a line: questions, plans, notebooks and files.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, InputDialog, Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject as Args } from '@lumino/coreutils';

import { askForDraft, askToDelete, askToReplace } from './dialogs';
import type { SidebarModel } from './model';
import { AWHILE } from './notify';
import { browserPath, codeFor, findTarget, type ITarget } from './target';
import type { Direction, IOrder } from './wire';

export interface ICommandContext {
  app: JupyterFrontEnd;
  model: SidebarModel;
  trans: TranslationBundle;
  files: IFileBrowserFactory | null;
  /** Bring the sidebar to the front. */
  open: () => void;
  openDetails: (target: ITarget) => Promise<void>;
}

export async function askForTag(
  { model, trans }: ICommandContext,
  direction: Direction
): Promise<string | null> {
  if (direction === 'pull') {
    const { value } = await InputDialog.getText({
      title: trans.__('Pull a model'),
      label: trans.__('name:version, or a name for its newest version'),
      okLabel: trans.__('Pull')
    });
    return value?.trim() || null;
  }
  const { items } = await model.service.local('', 0);
  const { value } = await InputDialog.getItem({
    title: trans.__('Push a model'),
    items: items.map(item => item.tag),
    okLabel: trans.__('Push')
  });
  return value;
}

/** Show what overwriting would do; do it if the user agrees. */
export async function replace(
  context: ICommandContext,
  args: Args
): Promise<void> {
  const { app, model, trans } = context;
  const target = findTarget(app, args);
  if (!target) {
    return;
  }
  const order: IOrder = {
    direction: target.side === 'local' ? 'push' : 'pull',
    tag: target.tag,
    force: true
  };
  const plan = await model.service.plan(order);
  if (await askToReplace(plan, trans)) {
    await model.start(order);
  }
}

export async function insertCode(
  { app, trans }: ICommandContext,
  target: ITarget
): Promise<void> {
  const { commands } = app;
  const code = codeFor(target);
  const below = 'notebook:insert-cell-below';
  if (!commands.hasCommand(below) || !commands.isEnabled(below)) {
    Clipboard.copyToSystem(code);
    Notification.info(
      trans.__('No notebook is open. The code is in the clipboard.'),
      { autoClose: AWHILE }
    );
    return;
  }
  await commands.execute(below);
  await commands.execute('notebook:replace-selection', { text: code });
}

export async function reveal(
  { app, model, trans }: ICommandContext,
  { tag }: ITarget
): Promise<void> {
  const { path } = await model.service.localDetails(tag);
  const inside = browserPath(path, PageConfig.getOption('serverRoot'));
  const goTo = 'filebrowser:go-to-path';
  if (inside !== null && app.commands.hasCommand(goTo)) {
    await app.commands.execute(goTo, { path: inside });
    return;
  }
  Notification.info(
    trans.__('%1 is in %2, outside of what the file browser shows.', tag, path),
    {
      autoClose: false,
      actions: [
        {
          label: trans.__('Copy path'),
          callback: () => Clipboard.copyToSystem(path)
        }
      ]
    }
  );
}

export async function remove(
  { model, trans }: ICommandContext,
  { tag }: ITarget
): Promise<void> {
  if (await askToDelete(tag, trans)) {
    await model.delete(tag);
  }
}

export async function save(
  context: ICommandContext,
  args: Args
): Promise<void> {
  const { app, files, model, trans } = context;
  const selected = files?.tracker.currentWidget?.selectedItems().next().value;
  const path = typeof args.path === 'string' ? args.path : selected?.path;
  if (path === undefined) {
    Notification.info(
      trans.__('Select a file or folder in the file browser first.'),
      { autoClose: AWHILE }
    );
    return;
  }
  const { contents } = app.serviceManager;
  const draft = await askForDraft(contents.localPath(path), trans);
  if (draft) {
    const { tag } = await model.save(draft);
    Notification.success(trans.__('Saved as %1.', tag), { autoClose: AWHILE });
  }
}
