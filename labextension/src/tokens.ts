/**
 * What other extensions may use.
 */
import { Token } from '@lumino/coreutils';

import type { SidebarModel } from './model';

/** The models and transfers that the sidebar shows. */
export const IModelSync = new Token<SidebarModel>(
  'modelsync-jupyter:IModelSync',
  'The models here and in the registry, and the transfers between them.'
);

export namespace CommandIDs {
  export const open = 'modelsync:open';
  export const refresh = 'modelsync:refresh';
  export const push = 'modelsync:push';
  export const pull = 'modelsync:pull';
  export const overwrite = 'modelsync:overwrite';
  export const overwriteLocal = 'modelsync:overwrite-local';
  export const compare = 'modelsync:compare';
  export const compareAny = 'modelsync:compare-any';
  export const edit = 'modelsync:edit-labels';
  export const pointAlias = 'modelsync:point-alias';
  export const dropAlias = 'modelsync:remove-alias';
  export const removeRemote = 'modelsync:delete-in-registry';
  export const restore = 'modelsync:restore';
  export const restoreLocal = 'modelsync:restore-local';
  export const emptyTrash = 'modelsync:empty-trash';
  export const check = 'modelsync:check';
  export const forget = 'modelsync:forget';
  export const clearHistory = 'modelsync:clear-history';
  export const diagnose = 'modelsync:diagnose';
  export const history = 'modelsync:history';
  export const exportModel = 'modelsync:export';
  export const importModel = 'modelsync:import';
  export const filter = 'modelsync:filter';
  export const cancel = 'modelsync:cancel';
  export const pause = 'modelsync:pause';
  export const resume = 'modelsync:resume';
  export const remove = 'modelsync:delete';
  export const copyTag = 'modelsync:copy-tag';
  export const insertCode = 'modelsync:insert-code';
  export const details = 'modelsync:details';
  export const reveal = 'modelsync:reveal-files';
  export const save = 'modelsync:save-as-model';
  export const useContext = 'modelsync:use-context';
  export const signIn = 'modelsync:sign-in';
  export const signOut = 'modelsync:sign-out';
}
