/**
 * What commands do that takes more than a line: questions, plans, notebooks and files.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject as Args } from '@lumino/coreutils';

import {
  askForAlias,
  askForDraft,
  askForExport,
  askForImport,
  askToDelete,
  askToDeleteInRegistry,
  askToOverwrite,
  askToRestore,
  showChecks
} from './dialogs';
import type { DetailsPlace } from './components/details';
import { formatSize, plain } from './format';
import { choose, confirm } from './forms';
import type { SidebarModel } from './model';
import { AWHILE, tell, tellDone } from './notify';
import { browserPath, codeFor, findTag } from './target';
import { nameOf, versionOf } from './tags';
import { CommandIDs } from './tokens';
import type { Direction, IOrder, ITrashed } from './wire';

export interface ICommandContext {
  app: JupyterFrontEnd;
  model: SidebarModel;
  trans: TranslationBundle;
  files: IFileBrowserFactory | null;
  /** Bring the sidebar to the front, with the cursor in the field to search in if wanted. */
  open: (search?: boolean) => void;
  /** Open the details of a version, at a place of them if wanted. */
  openDetails: (tag: string, place?: DetailsPlace) => Promise<void>;
}

export async function askForTag(
  { model, trans }: ICommandContext,
  direction: Direction
): Promise<string | null> {
  if (direction === 'pull') {
    const there = await model.service.search('', 'registry');
    return choose({
      title: trans.__('Pull a model'),
      label: trans.__('name:version, or a name for its newest version'),
      items: there.filter(each => !each.local).map(each => each.tag),
      free: true,
      accept: trans.__('Pull'),
      trans
    });
  }
  const changed = await model.service.search('', 'changed');
  const tags = changed
    .filter(each => each.local && each.state !== 'different')
    .map(each => each.tag);
  if (!tags.length) {
    tell(trans.__('All local models are in the registry.'));
    return null;
  }
  return choose({
    title: trans.__('Push a model'),
    label: trans.__('name:version (type to filter)'),
    items: tags,
    free: true,
    accept: trans.__('Push'),
    trans
  });
}

/** Ask for a version on either side; any tag may be typed. */
export async function chooseTag(
  { model, trans }: ICommandContext,
  title: string
): Promise<string | null> {
  const versions = await model.service.search('');
  return choose({
    title,
    label: trans.__('name:version (type to filter)'),
    items: versions.map(each => each.tag),
    free: true,
    accept: trans.__('Choose'),
    trans
  });
}

/** Cancel one of the transfers that run. */
export async function cancelOne({
  model,
  trans
}: ICommandContext): Promise<void> {
  const { active } = model.transfers;
  if (!active.length) {
    tell(trans.__('No transfer is running.'));
    return;
  }
  const words = active.map(({ direction, tag }) => `${direction} ${tag}`);
  const value = await choose({
    title: trans.__('Cancel a transfer'),
    label: trans.__('Transfer (it can be resumed)'),
    items: words,
    accept: trans.__('Cancel Transfer'),
    trans
  });
  const chosen = value === null ? undefined : active[words.indexOf(value)];
  if (chosen) {
    await model.cancel(chosen.id);
  }
}

/** Ask another registry from now on. */
export async function switchRegistry(
  { model, trans }: ICommandContext,
  args: Args
): Promise<void> {
  const names = model.status?.contexts.map(each => each.name) ?? [];
  const chosen =
    typeof args.name === 'string'
      ? args.name
      : await choose({
          title: trans.__('Switch registry'),
          label: trans.__('Registry'),
          items: names,
          current: model.context?.name,
          accept: trans.__('Switch'),
          trans
        });
  if (chosen) {
    await model.useContext(chosen);
  }
}

/** Show what overwriting would do, where there is something to overwrite; do it if the user agrees. */
export async function overwrite(
  context: ICommandContext,
  args: Args,
  direction: Direction
): Promise<void> {
  const { app, model, trans } = context;
  const tag = findTag(app, model.catalog, args);
  if (!tag) {
    return;
  }
  const order: IOrder = { direction, tag, force: true };
  const [plan, details] = await Promise.all([
    model.service.plan(order),
    model.service.details(tag)
  ]);
  if (plan.action !== 'replace' || plan.state === 'in sync') {
    tell(
      plan.state === 'in sync'
        ? trans.__('Nothing to overwrite: both sides have the same files.')
        : trans.__('Nothing to overwrite. %1', plain(plan.reason))
    );
    await model.touched(tag);
    return;
  }
  if (await askToOverwrite(plan, details, trans)) {
    await model.start(order);
  }
}

export async function clearHistory({
  model,
  trans
}: ICommandContext): Promise<void> {
  const sure = await confirm({
    title: trans.__('Clear the history of transfers?'),
    body: trans.__(
      'Transfers that have ended are removed from the list, on this computer only. Running ones stay, and what was moved is kept.'
    ),
    accept: trans.__('Clear'),
    trans
  });
  if (sure) {
    await model.forget();
  }
}

/** Write a version to a file or folder that the file browser shows. */
export async function exportModel(
  { app, files, model, trans }: ICommandContext,
  args: Args
): Promise<void> {
  const tag = findTag(app, model.catalog, args);
  const chosen = tag && (await askForExport(tag, folderOf(app, files), trans));
  if (chosen) {
    await model.start({ direction: 'export', tag, ...chosen });
  }
}

/** Take a model from a file or folder that the file browser shows. */
export async function importModel(
  { app, files, model, trans, open }: ICommandContext,
  args: Args
): Promise<void> {
  const chosen = await askForImport(pathOf(app, files, args) ?? '', trans);
  if (chosen) {
    open();
    await model.start({ direction: 'import', ...chosen });
  }
}

/** The file or folder that a command is about: that of its arguments, or the selected one. */
function pathOf(
  app: JupyterFrontEnd,
  files: IFileBrowserFactory | null,
  args: Args
): string | null {
  const selected = files?.tracker.currentWidget?.selectedItems().next().value;
  const path = typeof args.path === 'string' ? args.path : selected?.path;
  return path === undefined
    ? null
    : app.serviceManager.contents.localPath(path);
}

/** The folder that the file browser shows. */
function folderOf(
  app: JupyterFrontEnd,
  files: IFileBrowserFactory | null
): string {
  const path = files?.tracker.currentWidget?.model.path ?? '';
  return app.serviceManager.contents.localPath(path);
}

/** Look for what keeps models from being synced, and show what was seen. */
export async function diagnose({
  model,
  trans
}: ICommandContext): Promise<void> {
  await showChecks(model.service.doctor(), trans);
}

export async function signOut(
  { model, trans }: ICommandContext,
  args: Args
): Promise<void> {
  const name = String(args.name ?? model.context?.name ?? '');
  const sure =
    name &&
    (await confirm({
      title: trans.__('Sign out of %1?', name),
      body: trans.__(
        'Its address and your token are removed from this computer. You need a token to sign in again.'
      ),
      accept: trans.__('Sign Out'),
      trans
    }));
  if (sure) {
    await model.logout(name);
  }
}

export async function insertCode(
  { app, trans }: ICommandContext,
  tag: string
): Promise<void> {
  const { commands } = app;
  const code = codeFor(tag);
  const below = 'notebook:insert-cell-below';
  if (!commands.hasCommand(below) || !commands.isEnabled(below)) {
    Clipboard.copyToSystem(code);
    tell(trans.__('No notebook is open. The code is in the clipboard.'));
    return;
  }
  await commands.execute(below);
  await commands.execute('notebook:replace-selection', { text: code });
}

export async function reveal(
  { app, model, trans }: ICommandContext,
  tag: string
): Promise<void> {
  const path = (await model.service.details(tag)).local_details?.path ?? '';
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
  { app, model, trans }: ICommandContext,
  tag: string
): Promise<void> {
  const { remote, local_details } = await model.service.details(tag);
  const size = local_details?.size ?? 0;
  const chosen = await askToDelete(tag, size, remote !== null, trans);
  if (!chosen) {
    return;
  }
  await model.delete(tag, chosen === 'permanently');
  if (chosen === 'permanently') {
    tellDone(trans.__('Deleted %1 permanently.', tag));
    return;
  }
  offerUndo(trans.__('Deleted %1.', tag), trans, () =>
    app.commands.execute(CommandIDs.restoreLocal, { tag })
  );
}

/** Say that something was deleted, long enough for a second thought. */
function offerUndo(
  text: string,
  trans: TranslationBundle,
  undo: () => Promise<unknown>
): void {
  Notification.success(text, {
    autoClose: 6 * AWHILE,
    actions: [{ label: trans.__('Undo'), callback: () => void undo() }]
  });
}

/** The local versions that can be restored; says so where there are none. */
async function trashOf({ model, trans }: ICommandContext): Promise<ITrashed[]> {
  const found = await model.service.trash();
  if (!found.length) {
    tell(
      trans.__('No model was deleted on this computer within the last 7 days.')
    );
  }
  return found;
}

/** Undo the deletion of a local version; it is asked for where nothing says which one. */
export async function restoreLocal(
  context: ICommandContext,
  args: Args
): Promise<void> {
  const { model, trans } = context;
  const tag =
    typeof args.tag === 'string'
      ? args.tag
      : await askToRestore(await trashOf(context), trans);
  if (tag) {
    await model.service.restoreLocal(tag);
    tellDone(trans.__('Restored %1 on this computer.', tag));
    await model.touched(tag);
  }
}

/** Delete for good what could be restored. */
export async function emptyTrash(context: ICommandContext): Promise<void> {
  const { model, trans } = context;
  const found = await trashOf(context);
  const size = formatSize(found.reduce((sum, each) => sum + each.size, 0));
  const sure =
    found.length > 0 &&
    (await confirm({
      title: trans.__('Delete these models permanently?'),
      body: trans.__(
        '%1 deleted from this computer can still be restored: %2. Deleting them permanently frees %3.',
        trans._n('%1 version', '%1 versions', found.length),
        found.map(each => each.tag).join(', '),
        size
      ),
      accept: trans.__('Delete Permanently'),
      trans
    }));
  if (sure) {
    const freed = formatSize(await model.service.emptyTrash());
    tellDone(trans.__('Freed %1.', freed));
    found.forEach(each => void model.touched(each.tag));
  }
}

/** Delete a version in the registry, for everybody; a notification offers to undo it. */
export async function removeRemote(
  { app, model, trans }: ICommandContext,
  tag: string
): Promise<void> {
  const { local } = await model.service.details(tag);
  const registry = model.context?.name ?? '';
  const sure = await askToDeleteInRegistry(
    tag,
    registry,
    local !== null,
    trans
  );
  if (!sure) {
    return;
  }
  await model.service.deleteRemote(tag);
  offerUndo(trans.__('Deleted %1 in %2.', tag, registry), trans, () =>
    app.commands.execute(CommandIDs.restore, { tag })
  );
  await model.touched(tag);
}

/** Undo that. */
export async function restore(
  { model, trans }: ICommandContext,
  tag: string
): Promise<void> {
  await model.service.restore(tag);
  tellDone(trans.__('Restored %1 in the registry.', tag));
  await model.touched(tag);
}

/** Let an alias point at a version: a new one, or one that points at another version now. */
export async function pointAlias(
  { model, trans }: ICommandContext,
  tag: string
): Promise<void> {
  const aliases = await model.service.aliases(nameOf(tag));
  const alias = await askForAlias(tag, aliases, trans);
  if (alias) {
    const known = aliases.find(each => each.name === alias);
    await model.service.pointAlias(tag, alias, known?.version ?? '');
    await model.touched(tag);
  }
}

export async function dropAlias(
  { model, trans }: ICommandContext,
  tag: string,
  alias: string
): Promise<void> {
  const sure = await confirm({
    title: trans.__('Remove the alias %1?', alias),
    body: trans.__(
      'It points at %1. It will not be found by that name any more; the version stays.',
      versionOf(tag)
    ),
    accept: trans.__('Remove'),
    trans
  });
  if (sure) {
    await model.service.dropAlias(tag, alias);
    await model.touched(tag);
  }
}

export async function save(
  context: ICommandContext,
  args: Args
): Promise<void> {
  const { app, files, model, trans } = context;
  const path = pathOf(app, files, args);
  if (path === null) {
    tell(trans.__('Select a file or folder in the file browser first.'));
    return;
  }
  const draft = await askForDraft(path, trans);
  if (draft) {
    const { tag } = await model.save(draft);
    tellDone(trans.__('Saved as %1.', tag));
  }
}
