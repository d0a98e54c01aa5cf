/**
 * Which registry, what is wrong with it, and which of the models are shown.
 */
import {
  addIcon,
  clearIcon,
  ellipsesIcon,
  refreshIcon,
  searchIcon,
  userIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import type { Catalog } from '../catalog';
import { SIGNED_OUT } from '../hints';
import { formatTime } from '../format';
import { CommandIDs } from '../tokens';
import type { IContext, IStanding, Show, Sort } from '../wire';
import { useEnv } from './env';
import { IconButton, Problem, TextButton } from './parts';

/** The name of the context that environment variables make. */
const ENVIRONMENT = '__env__';
/** Milliseconds after the last key before the server is asked. */
const PAUSE = 200;
/** Seconds after which a registry that does not answer is said to be slow. */
const SLOW = 3;

export const Title = React.memo(function Title(props: {
  onMenu: (anchor: HTMLElement) => void;
}): JSX.Element {
  const { trans, run } = useEnv();
  return (
    <div className="jp-ModelSync-title">
      <h1>{trans.__('Models')}</h1>
      <IconButton
        icon={refreshIcon}
        label={trans.__('Refresh')}
        onClick={() => run(CommandIDs.refresh)}
      />
      <IconButton
        icon={ellipsesIcon}
        label={trans.__('More actions')}
        menu
        onClick={event => props.onMenu(event.currentTarget)}
      />
    </div>
  );
});

export const Contexts = React.memo(function Contexts(props: {
  contexts: readonly IContext[];
  current: string;
  failed: boolean;
  reading: boolean;
}): JSX.Element {
  const { trans, run } = useEnv();
  const { contexts, current, failed, reading } = props;
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
        className={failed ? 'jp-mod-failed' : ''}
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
      {reading && (
        <span
          className="jp-ModelSync-spinner"
          role="img"
          aria-label={trans.__('Reading the registry')}
        />
      )}
      <IconButton
        icon={current ? addIcon : userIcon}
        label={
          current
            ? trans.__('Sign in to another registry')
            : trans.__('Sign in to a registry')
        }
        onClick={() => run(CommandIDs.signIn)}
      />
    </div>
  );
});

/** What is wrong with the registry, or why its versions are not there yet. */
export function Standing(props: {
  remote: IStanding;
  name: string;
  onRetry: () => void;
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { remote, name, onRetry } = props;
  if (remote.problem) {
    const signIn = SIGNED_OUT.includes(remote.problem.code);
    return (
      <Problem problem={remote.problem} onRetry={signIn ? undefined : onRetry}>
        {signIn && (
          <TextButton
            label={trans.__('Sign in')}
            onClick={() => run(CommandIDs.signIn)}
          />
        )}
        <TextButton
          label={trans.__('Diagnose…')}
          onClick={() => run(CommandIDs.diagnose)}
        />
        {remote.as_of !== null && (
          <p className="jp-ModelSync-hint">
            {trans.__(
              'The list shows what it had at %1.',
              formatTime(new Date(remote.as_of * 1000).toISOString())
            )}
          </p>
        )}
      </Problem>
    );
  }
  if (!remote.reading || remote.whole) {
    return null;
  }
  const words = remote.known
    ? trans.__(
        'Reading %1: %2 of %3 versions',
        name,
        remote.known,
        remote.total
      )
    : remote.waiting > SLOW
      ? trans.__(
          'Waiting for %1 to answer… %2 s',
          name,
          Math.round(remote.waiting)
        )
      : '';
  return words ? <p className="jp-ModelSync-standing">{words}</p> : null;
}

export function Views({ catalog }: { catalog: Catalog }): JSX.Element {
  const { trans } = useEnv();
  const { counts, view } = catalog.listing;
  const { show, sort } = catalog.view;
  const kinds: [Show, string, string][] = [
    ['all', trans.__('All'), trans.__('All models')],
    ['local', trans.__('Local'), trans.__('Models in the local store')],
    ['registry', trans.__('Registry'), trans.__('Models in the registry')],
    [
      'changed',
      trans.__('Changed'),
      trans.__('Versions that are only local, different, partial or unknown')
    ]
  ];
  const many = (kind: Show): string[] => {
    const count = counts?.[kind];
    return count
      ? [
          trans._n('%1 model', '%1 models', count.names),
          trans._n('%1 version', '%1 versions', count.versions)
        ]
      : [];
  };
  return (
    <>
      <Search catalog={catalog} />
      <div
        className="jp-ModelSync-views"
        role="group"
        aria-label={trans.__('Show')}
      >
        {kinds.map(([kind, word, help]) => (
          <button
            key={kind}
            type="button"
            aria-pressed={show === kind}
            title={[help, many(kind).join(' · ')]
              .filter(text => text)
              .join(': ')}
            onClick={() => void catalog.show({ show: kind })}
          >
            {word}
          </button>
        ))}
      </div>
      <div
        className="jp-ModelSync-order"
        data-ms-show={view.show}
        data-ms-sort={view.sort}
        data-ms-search={view.search}
      >
        <span title={many(show).join(' · ')}>
          {many(show).map((words, index) => (
            <span key={index}>{index ? ` · ${words}` : words}</span>
          ))}
        </span>
        <select
          aria-label={trans.__('Sort by')}
          value={sort}
          onChange={event =>
            void catalog.show({ sort: event.target.value as Sort })
          }
        >
          <option value="name">{trans.__('By name')}</option>
          <option value="time">{trans.__('Newest first')}</option>
          <option value="size">{trans.__('Largest first')}</option>
        </select>
      </div>
    </>
  );
}

/** Searches once the typing pauses; a click on a label fills it in from outside. */
function Search({ catalog }: { catalog: Catalog }): JSX.Element {
  const { trans } = useEnv();
  const { search } = catalog.view;
  const [text, setText] = React.useState(search);
  const asked = React.useRef(search);
  const input = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (search !== asked.current) {
      asked.current = search;
      setText(search);
    }
  }, [search]);
  const ask = (words: string): void => {
    setText(words);
    asked.current = words;
    void catalog.show({ search: words });
  };
  React.useEffect(() => {
    const timer = setTimeout(() => {
      if (text.trim() !== asked.current) {
        asked.current = text.trim();
        void catalog.show({ search: asked.current });
      }
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [text, catalog]);
  return (
    <div className="jp-ModelSync-search">
      <searchIcon.react tag="span" width="16px" aria-hidden="true" />
      <input
        ref={input}
        type="search"
        placeholder={trans.__('Search')}
        aria-label={trans.__('Search models')}
        title={trans.__(
          'Words of names, labels, aliases and descriptions; key=value for a label'
        )}
        value={text}
        spellCheck={false}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape' && text) {
            event.stopPropagation();
            ask('');
          }
          if (event.key === 'ArrowDown') {
            event.preventDefault();
            input.current
              ?.closest('.jp-ModelSync')
              ?.querySelector<HTMLElement>('[role=tree]')
              ?.focus();
          }
        }}
      />
      {text && (
        <IconButton
          icon={clearIcon}
          label={trans.__('Clear the search')}
          onClick={() => {
            ask('');
            input.current?.focus();
          }}
        />
      )}
    </div>
  );
}
