/**
 * The menus behind the three dots: of a row, and of the whole sidebar.
 */
import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { CommandIDs } from './tokens';
import type { IVersion, Row } from './wire';

type Entry = string | null;

/** What can be done with a version; null is a line. */
function entriesOf(version: IVersion): Entry[] {
  const { local, remote, state } = version;
  const entries: (Entry | false)[] = [
    CommandIDs.details,
    !!local && !!remote && CommandIDs.compare,
    CommandIDs.compareAny,
    CommandIDs.insertCode,
    CommandIDs.copyTag,
    !!local && CommandIDs.reveal,
    !!local && CommandIDs.exportModel,
    null,
    !!local && state !== 'in sync' && state !== 'different' && CommandIDs.push,
    !!remote && !local && CommandIDs.pull,
    !!local && state === 'different' && CommandIDs.overwrite,
    !!local && state === 'different' && CommandIDs.overwriteLocal,
    null,
    CommandIDs.edit,
    state !== 'partial' && !!remote && CommandIDs.pointAlias,
    null,
    !!local && CommandIDs.remove,
    !!remote && CommandIDs.removeRemote
  ];
  return entries.filter((entry): entry is Entry => entry !== false);
}

/** Open the menu of a row below a node; the focus goes back afterwards. */
export function createMenu(
  commands: CommandRegistry
): (anchor: Element, row: Row, focus: HTMLElement) => void {
  return (anchor, row, focus) => {
    const version = row.kind === 'name' ? row.newest : row;
    open(commands, entriesOf(version), { tag: version.tag }, anchor, focus);
  };
}

/** Open the menu of the sidebar below its button. */
export function createSidebarMenu(
  commands: CommandRegistry
): (anchor: HTMLElement) => void {
  const entries = [
    CommandIDs.importModel,
    CommandIDs.save,
    null,
    CommandIDs.restoreLocal,
    CommandIDs.emptyTrash,
    null,
    CommandIDs.signIn,
    CommandIDs.signOut,
    CommandIDs.diagnose,
    null,
    CommandIDs.clearHistory
  ];
  return anchor => open(commands, entries, {}, anchor, anchor);
}

function open(
  commands: CommandRegistry,
  entries: Entry[],
  args: { tag?: string },
  anchor: Element,
  focus: HTMLElement
): void {
  const menu = new Menu({ commands });
  menu.addClass('jp-ModelSync-menu');
  for (const command of entries) {
    menu.addItem(command === null ? { type: 'separator' } : { command, args });
  }
  menu.aboutToClose.connect(() => {
    focus.focus();
    requestAnimationFrame(() => menu.dispose());
  });
  const box = anchor.getBoundingClientRect();
  menu.open(box.left, box.bottom);
  for (const line of menu.node.querySelectorAll('[data-type=separator]')) {
    line.setAttribute('role', 'separator'); // Lumino's can be focused, and say nothing
    line.removeAttribute('tabindex');
  }
  menu.activateNextItem();
}
