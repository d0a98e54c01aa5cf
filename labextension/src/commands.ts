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
  type LabIcon,
  refreshIcon
} from '@jupyterlab/ui-components';
import type {
  ReadonlyPartialJSONObject as Args,
  ReadonlyJSONObject
} from '@lumino/coreutils';

import {
  askForTag,
  cancelOne,
  chooseTag,
  clearHistory,
  diagnose,
  dropAlias,
  emptyTrash,
  exportModel,
  type ICommandContext,
  importModel,
  insertCode,
  overwrite,
  pointAlias,
  remove,
  removeRemote,
  restore,
  restoreLocal,
  reveal,
  save,
  signOut,
  switchRegistry
} from './actions';
import { compareIcon, detailsIcon, modelsIcon } from './icons';
import { tellError } from './notify';
import { findTag } from './target';
import { CommandIDs } from './tokens';
import type { Direction } from './wire';

interface ICommand {
  id: string;
  label: string | ((args: Args) => string);
  icon?: LabIcon;
  /** Its arguments, by name. */
  args?: Record<string, ReadonlyJSONObject>;
  execute: (args: Args) => unknown;
}

const MODEL_ARGS = {
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
      label: ({ launcher }) =>
        launcher ? trans.__('Models') : trans.__('Show Models'),
      icon: modelsIcon,
      execute: () => open()
    },
    {
      id: CommandIDs.refresh,
      label: trans.__('Refresh Models'),
      icon: refreshIcon,
      execute: () => model.refresh(true)
    },
    {
      id: CommandIDs.filter,
      label: trans.__('Search Models'),
      execute: () => open(true)
    }
  ];
}

function transferCommands(context: ICommandContext): ICommand[] {
  const { app, model, trans, open } = context;
  const move = async (direction: Direction, args: Args): Promise<void> => {
    const tag =
      findTag(app, model.catalog, args) ??
      (await askForTag(context, direction));
    if (tag) {
      await model.start({ direction, tag });
    }
  };
  return [
    {
      id: CommandIDs.push,
      label: ({ palette }) =>
        palette ? trans.__('Push Model…') : trans.__('Push'),
      icon: fileUploadIcon,
      args: MODEL_ARGS,
      execute: args => move('push', args)
    },
    {
      id: CommandIDs.pull,
      label: ({ palette }) =>
        palette ? trans.__('Pull Model…') : trans.__('Pull'),
      icon: downloadIcon,
      args: MODEL_ARGS,
      execute: args => move('pull', args)
    },
    {
      id: CommandIDs.overwrite,
      label: trans.__('Overwrite in the Registry…'),
      icon: fileUploadIcon,
      args: MODEL_ARGS,
      execute: args => overwrite(context, args, 'push')
    },
    {
      id: CommandIDs.overwriteLocal,
      label: trans.__('Overwrite the Local Copy…'),
      icon: downloadIcon,
      args: MODEL_ARGS,
      execute: args => overwrite(context, args, 'pull')
    },
    {
      id: CommandIDs.cancel,
      label: ({ palette }) =>
        palette ? trans.__('Cancel Transfer…') : trans.__('Cancel Transfer'),
      args: ID_ARGS,
      execute: ({ id }) =>
        id === undefined ? cancelOne(context) : model.cancel(String(id))
    },
    {
      id: CommandIDs.pause,
      label: trans.__('Pause Transfer'),
      args: ID_ARGS,
      execute: ({ id }) => model.pause(String(id))
    },
    {
      id: CommandIDs.resume,
      label: trans.__('Resume Transfer'),
      args: ID_ARGS,
      execute: ({ id }) => model.resume(String(id))
    },
    {
      id: CommandIDs.history,
      label: trans.__('Show History of Transfers'),
      execute: () => {
        open();
        model.historyOpen = true;
      }
    },
    {
      id: CommandIDs.exportModel,
      label: trans.__('Export…'),
      args: MODEL_ARGS,
      execute: args => exportModel(context, args)
    },
    {
      id: CommandIDs.importModel,
      label: ({ palette }) =>
        palette ? trans.__('Import Model…') : trans.__('Import as Model…'),
      args: {
        path: { type: 'string', description: 'A file or folder to import' }
      },
      execute: args => importModel(context, args)
    },
    {
      id: CommandIDs.forget,
      label: trans.__('Remove Transfer from History'),
      args: ID_ARGS,
      execute: ({ id }) => model.forget(String(id))
    },
    {
      id: CommandIDs.clearHistory,
      label: trans.__('Clear History of Transfers…'),
      execute: () => clearHistory(context)
    }
  ];
}

function modelCommands(context: ICommandContext): ICommand[] {
  const { app, model, trans } = context;
  /** In the palette, where nothing says which version is meant, it is asked for. */
  const on =
    (
      act: (context: ICommandContext, tag: string) => unknown,
      question = trans.__('Choose a version')
    ) =>
    async (args: Args): Promise<unknown> => {
      const tag =
        findTag(app, model.catalog, args) ??
        (args.palette ? await chooseTag(context, question) : null);
      return tag && act(context, tag);
    };
  return [
    {
      id: CommandIDs.details,
      label: ({ palette }) =>
        palette ? trans.__('Details of a Model…') : trans.__('Details'),
      icon: detailsIcon,
      args: MODEL_ARGS,
      execute: on(
        ({ openDetails }, tag) => openDetails(tag),
        trans.__('Details of a model')
      )
    },
    {
      id: CommandIDs.compare,
      label: trans.__('Compare with Registry…'),
      icon: compareIcon,
      args: MODEL_ARGS,
      execute: on(({ openDetails }, tag) => openDetails(tag, 'compare'))
    },
    {
      id: CommandIDs.compareAny,
      label: trans.__('Compare with…'),
      args: MODEL_ARGS,
      execute: on(({ openDetails }, tag) => openDetails(tag, 'compare-any'))
    },
    {
      id: CommandIDs.edit,
      label: trans.__('Edit Labels and Description…'),
      args: MODEL_ARGS,
      execute: on(({ openDetails }, tag) => openDetails(tag, 'edit'))
    },
    {
      id: CommandIDs.pointAlias,
      label: trans.__('Point an Alias Here…'),
      args: MODEL_ARGS,
      execute: on(pointAlias)
    },
    {
      id: CommandIDs.dropAlias,
      label: trans.__('Remove Alias…'),
      args: {
        ...MODEL_ARGS,
        alias: { type: 'string', description: 'The alias' }
      },
      execute: ({ tag, alias }) =>
        dropAlias(context, String(tag), String(alias))
    },
    {
      id: CommandIDs.check,
      label: trans.__('Read Files and Compare'),
      icon: compareIcon,
      args: MODEL_ARGS,
      execute: on((_, tag) => model.check(tag))
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
      execute: on((_, tag) => Clipboard.copyToSystem(tag))
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
      label: ({ palette }) =>
        palette ? trans.__('Delete Local Model…') : trans.__('Delete…'),
      icon: deleteIcon,
      args: MODEL_ARGS,
      execute: on(remove, trans.__('Delete a local model'))
    },
    {
      id: CommandIDs.removeRemote,
      label: trans.__('Delete in the Registry…'),
      args: MODEL_ARGS,
      execute: on(removeRemote)
    },
    {
      id: CommandIDs.restore,
      label: trans.__('Restore in the Registry'),
      args: MODEL_ARGS,
      execute: on(restore)
    },
    {
      id: CommandIDs.restoreLocal,
      label: trans.__('Restore Deleted Model…'),
      args: MODEL_ARGS,
      execute: args => restoreLocal(context, args)
    },
    {
      id: CommandIDs.emptyTrash,
      label: trans.__('Free Space of Deleted Models…'),
      execute: () => emptyTrash(context)
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

function registryCommands(context: ICommandContext): ICommand[] {
  const { model, trans, open } = context;
  return [
    {
      id: CommandIDs.signIn,
      label: trans.__('Sign in to a Registry…'),
      execute: () => {
        model.signingIn = true; // before the sidebar takes the focus: the form is where one begins
        open();
      }
    },
    {
      id: CommandIDs.signOut,
      label: trans.__('Sign out of Registry…'),
      args: NAME_ARGS,
      execute: args => signOut(context, args)
    },
    {
      id: CommandIDs.diagnose,
      label: trans.__('Diagnose Problems…'),
      execute: () => diagnose(context)
    },
    {
      id: CommandIDs.useContext,
      label: trans.__('Switch Registry…'),
      args: NAME_ARGS,
      execute: args => switchRegistry(context, args)
    }
  ];
}
