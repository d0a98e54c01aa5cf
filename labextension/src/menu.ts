/**
 * The menu behind the three dots of a model.
 */
import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { CommandIDs } from './tokens';
import type { Side } from './wire';

const { copyTag, details, insertCode, pull, push, remove, replace, reveal } =
  CommandIDs;

/** What can be done with a model; null is a line. */
const ITEMS: Record<Side, (string | null)[]> = {
  local: [
    details,
    insertCode,
    copyTag,
    reveal,
    null,
    push,
    replace,
    null,
    remove
  ],
  remote: [details, insertCode, copyTag, null, pull, replace]
};

/** A function that opens the menu of a model below a button; the focus goes back to the button afterwards. */
export function createMenu(
  commands: CommandRegistry
): (anchor: HTMLElement, side: Side, tag: string) => void {
  return (anchor, side, tag) => {
    const menu = new Menu({ commands });
    menu.addClass('jp-ModelSync-menu');
    for (const command of ITEMS[side]) {
      menu.addItem(
        command === null
          ? { type: 'separator' }
          : { command, args: { side, tag } }
      );
    }
    menu.aboutToClose.connect(() => {
      anchor.focus();
      requestAnimationFrame(() => menu.dispose());
    });
    const box = anchor.getBoundingClientRect();
    menu.open(box.left, box.bottom);
    menu.activateNextItem();
  };
}
