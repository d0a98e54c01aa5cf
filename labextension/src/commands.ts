/**
 * Everything a user can do, as commands: buttons, menus, the palette and shortcuts all run these.
 */
import { Clipboard } from '@jupyterlab/apputils';
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

import {
  askForTag,
  type ICommandContext,
  insertCode,
  remove,
  replace,
  reveal,
  save
} from './actions';
import { modelsIcon } from './icons';
import { tellError } from './notify';
import { findTarget, type ITarget } from './target';
import { CommandIDs } from './tokens';
import type { Direction } from './wire';

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
      label: trans.__('Overwrite…'),
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
      label: trans.__('Insert Code to Load Model'),
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
