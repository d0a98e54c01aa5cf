/**
 * The next step, in the words of the sidebar: the server says it as data.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IProblem } from './wire';

/** Codes of errors that only signing in can mend. */
export const SIGNED_OUT = ['no-context', 'not-authenticated'];

/** What to do about a problem: a step that has a verb in our own words, mere advice as it is. */
export function nextStep(problem: IProblem, trans: TranslationBundle): string {
  return problem.step?.verb
    ? (steps(trans)[problem.code] ?? problem.hint)
    : problem.hint;
}

function steps(trans: TranslationBundle): Record<string, string | undefined> {
  const refresh = trans.__('Refresh the sidebar.');
  const sign = trans.__('Sign in again in the sidebar.');
  const retry = trans.__('Retry: it will resume where it left off.');
  return {
    usage: refresh,
    'model-not-found': refresh,
    'transfer-not-found': refresh,
    'transfer-failed': retry,
    'remote-not-found': refresh,
    conflict: refresh,
    'no-context': sign,
    'not-authenticated': sign,
    'remote-error': trans.__('Check the log of the registry.'),
    'invalid-reply': trans.__(
      'Check the address you signed in to: it does not answer like a model registry.'
    ),
    'invalid-model': trans.__('Overwrite the broken copy, from its menu.'),
    integrity: trans.__(
      'Nothing was installed. Retry; if it fails again, the model has to be pushed again with Overwrite.'
    ),
    'disk-full': trans.__(
      'Free some space and retry: it will resume where it left off.'
    ),
    cancelled: trans.__('Resume: it will continue where it left off.'),
    unavailable: trans.__('Check the network and the address you signed in to.')
  };
}
