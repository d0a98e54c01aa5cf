/**
 * Which registry, and which models.
 */
import { addIcon, refreshIcon, userIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { signOutIcon } from '../icons';
import { CommandIDs } from '../tokens';
import type { IContext } from '../wire';
import { useEnv } from './env';
import { IconButton } from './parts';

/** The name of the context that environment variables make. */
const ENVIRONMENT = '__env__';
/** Milliseconds after the last key before the server is asked. */
const PAUSE = 250;

export const Contexts = React.memo(function Contexts(props: {
  contexts: readonly IContext[];
  current: string;
}): JSX.Element {
  const { trans, run } = useEnv();
  const { contexts, current } = props;
  const fixed = current === ENVIRONMENT;
  const endpoint = contexts.find(each => each.name === current)?.endpoint;
  return (
    <div className="jp-ModelSync-contexts">
      <select
        aria-label={trans.__('Registry')}
        title={
          fixed
            ? trans.__('Set by the environment variable BENTO_CLOUD_API_KEY.')
            : endpoint
        }
        value={current}
        disabled={fixed}
        onChange={event =>
          run(CommandIDs.useContext, { name: event.target.value })
        }
      >
        {!current && <option value="">{trans.__('No registry')}</option>}
        {contexts.map(each => (
          <option key={each.name} value={each.name}>
            {each.name === ENVIRONMENT
              ? trans.__('From the environment')
              : each.name}
          </option>
        ))}
      </select>
      <IconButton
        icon={current ? addIcon : userIcon}
        label={
          current
            ? trans.__('Sign in to another registry')
            : trans.__('Sign in to a registry')
        }
        onClick={() => run(CommandIDs.signIn)}
      />
      {current && !fixed && (
        <IconButton
          icon={signOutIcon}
          label={trans.__('Sign out of %1', current)}
          onClick={() => run(CommandIDs.signOut, { name: current })}
        />
      )}
      <IconButton
        icon={refreshIcon}
        label={trans.__('Refresh')}
        onClick={() => run(CommandIDs.refresh)}
      />
    </div>
  );
});

/** Asks for models whose names contain what is typed, once the typing pauses. */
export function Filter(props: {
  onSearch: (text: string) => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { onSearch } = props;
  const [text, setText] = React.useState('');
  const asked = React.useRef('');
  React.useEffect(() => {
    const timer = setTimeout(() => {
      if (text.trim() !== asked.current) {
        asked.current = text.trim();
        onSearch(asked.current);
      }
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [text, onSearch]);
  return (
    <input
      type="search"
      className="jp-ModelSync-filter"
      placeholder={trans.__('Filter by name')}
      aria-label={trans.__('Filter models by name')}
      value={text}
      spellCheck={false}
      onChange={event => setText(event.target.value)}
    />
  );
}
