import type { TranslationBundle } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import React from 'react';

import type { Row } from '../wire';

/** What every component may need, however deep. */
export interface IEnv {
  trans: TranslationBundle;
  /** Run a command; what goes wrong in it is told to the user there. */
  run: (id: string, args?: ReadonlyPartialJSONObject) => void;
  /** Open the menu of a row below a node. */
  openMenu: (anchor: Element, row: Row, focus: HTMLElement) => void;
}

export const Env = React.createContext<IEnv>({
  trans: nullTranslator.load(''),
  run: () => undefined,
  openMenu: () => undefined
});

export function useEnv(): IEnv {
  return React.useContext(Env);
}
