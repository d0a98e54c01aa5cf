/**
 * Everything a user can do, as commands: buttons, menus, the palette and shortcuts all run these.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, InputDialog, Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  codeIcon,
  copyIcon,
  deleteIcon,
  downloadIcon,
  fileUploadIcon,
  folderIcon,
  infoIcon,
  type LabIcon,
  refreshIcon
} from '@jupyterlab/ui-components';
import type {
  ReadonlyPartialJSONObject as Args,
  ReadonlyJSONObject
} from '@lumino/coreutils';

import { askForDraft, askToDelete, askToReplace } from './dialogs';
import { modelsIcon } from './icons';
import type { SidebarModel } from './model';
import { AWHILE, tellError } from './notify';
import { browserPath, codeFor, findTarget, type ITarget } from './target';
import { CommandIDs } from './tokens';
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

interface ICommand {
  id: string;
  label: string;
  icon?: LabIcon;
  /** Its arguments, by name. */
  args?: Record<string, ReadonlyJSONObject>;
  execute: (args: Args) => unknown;
}

const MODEL_ARGS = {
  side: { type: 'string', description: 'Where it is: "local" or "remote"' },
  tag: { type: 'string', description: 'The tag, name:version' }
};
const ID_ARGS = { id: { type: 'string', description: 'Id of the transfer' } };
const NAME_ARGS = {
  name: { type: 'string', description: 'Name of a registry' }
};

/** Add all commands. */
export function addCommands(context: ICommandContext): void {
  const { app, trans } = context;
  const all = [
    ...viewCommands(context),
    ...transferCommands(context),
    ...modelCommands(context),
    ...registryCommands(context)
  ];
  for (const { id, label, icon, args, execute } of all) {
    const run = async (given: Args): Promise<void> => {
      try {
        await execute(given);
      } catch (reason) {
        tellError(reason, trans, () => void run(given));
      }
    };
    app.commands.addCommand(id, {
      label,
      icon,
      describedBy: { args: { type: 'object', properties: args ?? {} } },
      execute: run
    });
  }
}

function viewCommands({ model, trans, open }: ICommandContext): ICommand[] {
  return [
    {
      id: CommandIDs.open,
      label: trans.__('Show Models'),
      icon: modelsIcon,
      execute: open
    },
    {
      id: CommandIDs.refresh,
      label: trans.__('Refresh Models'),
      icon: refreshIcon,
      execute: () => model.refresh()
    }
  ];
}

function transferCommands(context: ICommandContext): ICommand[] {
  const { app, model, trans } = context;
  const move = async (direction: Direction, args: Args): Promise<void> => {
    const tag =
      findTarget(app, args)?.tag ?? (await askForTag(context, direction));
    if (tag) {
      await model.start({ direction, tag });
    }
  };
  return [
    {
      id: CommandIDs.push,
      label: trans.__('Push Model'),
      icon: fileUploadIcon,
      args: MODEL_ARGS,
      execute: args => move('push', args)
    },
    {
      id: CommandIDs.pull,
      label: trans.__('Pull Model'),
      icon: downloadIcon,
      args: MODEL_ARGS,
      execute: args => move('pull', args)
    },
    {
      id: CommandIDs.replace,
      label: trans.__('Replace by Force…'),
      args: MODEL_ARGS,
      execute: args => replace(context, args)
    },
    {
      id: CommandIDs.cancel,
      label: trans.__('Cancel Transfer'),
      args: ID_ARGS,
      execute: ({ id }) => model.cancel(String(id))
    },
    {
      id: CommandIDs.resume,
      label: trans.__('Resume Transfer'),
      args: ID_ARGS,
      execute: ({ id }) => model.resume(String(id))
    }
  ];
}

function modelCommands(context: ICommandContext): ICommand[] {
  const { app, trans } = context;
  const on =
    (act: (context: ICommandContext, target: ITarget) => unknown) =>
    (args: Args): unknown => {
      const target = findTarget(app, args);
      return target && act(context, target);
    };
  return [
    {
      id: CommandIDs.details,
      label: trans.__('Details'),
      icon: infoIcon,
      args: MODEL_ARGS,
      execute: on(({ openDetails }, target) => openDetails(target))
    },
    {
      id: CommandIDs.insertCode,
      label: trans.__('Insert Code That Loads It'),
      icon: codeIcon,
      args: MODEL_ARGS,
      execute: on(insertCode)
    },
    {
      id: CommandIDs.copyTag,
      label: trans.__('Copy Tag'),
      icon: copyIcon,
      args: MODEL_ARGS,
      execute: on((_, { tag }) => Clipboard.copyToSystem(tag))
    },
    {
      id: CommandIDs.reveal,
      label: trans.__('Reveal Files'),
      icon: folderIcon,
      args: MODEL_ARGS,
      execute: on(reveal)
    },
    {
      id: CommandIDs.remove,
      label: trans.__('Delete…'),
      icon: deleteIcon,
      args: MODEL_ARGS,
      execute: on(remove)
    },
    {
      id: CommandIDs.save,
      label: trans.__('Save as Model…'),
      icon: modelsIcon,
      args: { path: { type: 'string', description: 'A file or folder' } },
      execute: args => save(context, args)
    }
  ];
}

function registryCommands({ model, trans, open }: ICommandContext): ICommand[] {
  return [
    {
      id: CommandIDs.signIn,
      label: trans.__('Sign in to a Registry…'),
      execute: () => {
        open();
        model.signingIn = true;
      }
    },
    {
      id: CommandIDs.signOut,
      label: trans.__('Sign out of a Registry'),
      args: NAME_ARGS,
      execute: ({ name }) => model.logout(String(name ?? model.context?.name))
    },
    {
      id: CommandIDs.useContext,
      label: trans.__('Switch Registry'),
      args: NAME_ARGS,
      execute: ({ name }) => model.useContext(String(name))
    }
  ];
}

async function askForTag(
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

/** Show what force would do; do it if the user agrees. */
async function replace(context: ICommandContext, args: Args): Promise<void> {
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

async function insertCode(
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

async function reveal(
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

async function remove(
  { model, trans }: ICommandContext,
  { tag }: ITarget
): Promise<void> {
  if (await askToDelete(tag, trans)) {
    await model.delete(tag);
  }
}

async function save(context: ICommandContext, args: Args): Promise<void> {
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
