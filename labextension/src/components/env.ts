import type { TranslationBundle } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import React from 'react';

import type { Side } from '../wire';

/** What every component may need, however deep. */
export interface IEnv {
  trans: TranslationBundle;
  /** Run a command; what goes wrong in it is told to the user there. */
  run: (id: string, args?: ReadonlyPartialJSONObject) => void;
  /** Open the menu of a model below its button. */
  openMenu: (anchor: HTMLElement, side: Side, tag: string) => void;
}

export const Env = React.createContext<IEnv>({
  trans: nullTranslator.load(''),
  run: () => undefined,
  openMenu: () => undefined
});

export function useEnv(): IEnv {
  return React.useContext(Env);
}
