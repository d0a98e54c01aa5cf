import React from 'react';

import type { SidebarModel } from '../model';
import { ApiError } from '../request';
import { nameOf } from '../tags';

/** What the server answers, or why it does not. The last answer stays until there is another. */
export interface IAnswer<T> {
  value: T | null;
  /** Null again with the next answer. */
  error: ApiError | null;
  /** Ask once more. */
  again: () => void;
}

/**
 * Ask the server. An answer that comes after another question, or after all is gone, is dropped.
 *
 * @param ask The question: a function that stays the same as long as the question does. Null asks nothing.
 * @param key Asks anew when it is another one: of what the question is about, all that may change.
 */
export function useAnswer<T>(
  ask: (() => Promise<T>) | null,
  key?: string | null
): IAnswer<T> {
  const [value, setValue] = React.useState<T | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const [round, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    let late = false;
    ask?.().then(
      found => {
        if (!late) {
          setValue(found);
          setError(null);
        }
      },
      (reason: unknown) => !late && setError(ApiError.of(reason))
    );
    return () => {
      late = true;
    };
  }, [ask, key, round]);
  return { value, error, again };
}

/** The same, asked anew whenever a transfer or a command has changed a version of a name. */
export function useFreshAnswer<T>(
  model: SidebarModel,
  name: string,
  ask: (() => Promise<T>) | null
): IAnswer<T> {
  const answer = useAnswer(ask);
  const { again } = answer;
  React.useEffect(() => {
    const update = (_: unknown, touched: string): void => {
      if (nameOf(touched) === name) {
        again();
      }
    };
    model.touchedTag.connect(update);
    return () => void model.touchedTag.disconnect(update);
  }, [model, name, again]);
  return answer;
}
