/**
 * The whole sidebar.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { endOf, isActive } from '../format';
import type { SidebarModel } from '../model';
import { CommandIDs } from '../tokens';
import type { IProblem, IRecord } from '../wire';
import { useEnv } from './env';
import { Contexts, Standing, Title, Views } from './header';
import { Problem, Words } from './parts';
import { SignIn } from './signin';
import { History, Pinned, pinnedOf } from './transfers';
import { Tree } from './tree';

export function Panel(props: {
  model: SidebarModel;
  onMenu: (anchor: HTMLElement) => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, onMenu } = props;
  const { catalog, transfers, status, context, signedOut } = model;
  const { remote, error } = catalog.listing;
  const active = useActive(transfers.records);
  const pinned = pinnedOf([...transfers.active, ...transfers.fresh]);
  const isStopping = (id: string): boolean => transfers.isStopping(id);
  if (model.problem) {
    return (
      <>
        <Title onMenu={onMenu} />
        <Problem
          problem={model.problem.problem}
          onRetry={() => void model.refresh()}
        />
      </>
    );
  }
  return (
    <>
      <div className="jp-ModelSync-header">
        <Title onMenu={onMenu} />
        <Contexts
          contexts={status?.contexts ?? NONE}
          current={context?.name ?? ''}
          failed={!!context && !!remote?.problem}
          reading={!!remote?.reading}
        />
        {remote && !model.signingIn && (
          <Standing
            remote={remote}
            name={context?.name ?? ''}
            onRetry={() => void model.refresh()}
          />
        )}
        {model.signingIn && (
          <SignIn
            key={signedOut ? context?.name : '+'}
            expired={signedOut ? context : null}
            contexts={status?.contexts ?? NONE}
            onLogin={(...words) => model.login(...words)}
            onClose={() => (model.signingIn = false)}
          />
        )}
        {model.otherVersion && (
          <Problem
            problem={mismatch(model.version, model.otherVersion, trans)}
          />
        )}
        {error && (
          <Problem
            problem={error.problem}
            onRetry={() => void model.refresh()}
          />
        )}
        <Views catalog={catalog} />
      </div>
      <Pinned
        records={pinned}
        isStopping={isStopping}
        onDismiss={id => transfers.dismiss(id)}
      />
      {catalog.listing.total === 0 &&
      (!catalog.reading || remote?.whole || remote?.problem) ? (
        <Empty model={model} />
      ) : (
        <Tree
          catalog={catalog}
          cursor={model.cursor}
          active={active}
          isStopping={isStopping}
        />
      )}
      <History
        records={transfers.records.filter(each => !pinned.includes(each))}
        open={model.historyOpen}
        onToggle={() => (model.historyOpen = !model.historyOpen)}
      />
      <Announcer model={model} />
    </>
  );
}

const NONE: never[] = [];

function mismatch(
  page: string,
  server: string,
  trans: TranslationBundle
): IProblem {
  return {
    code: 'other-version',
    message: trans.__(
      'This page has version %1 of the sidebar, and the server has %2.',
      page,
      server
    ),
    hint: trans.__(
      'Save your work and reload the page; if this stays, restart Jupyter.'
    )
  };
}

function Empty({ model }: { model: SidebarModel }): JSX.Element {
  const { trans, run } = useEnv();
  const { show, search } = model.catalog.listing.view;
  const { counts } = model.catalog.listing;
  const words = (): string => {
    if (search) {
      return trans.__('No models match “%1”.', search);
    }
    if (show === 'changed' && counts?.all.versions) {
      return trans.__(
        'Nothing has changed: all local versions are in the registry.'
      );
    }
    if (show === 'registry') {
      return model.signedOut
        ? trans.__('Sign in to see the models of a registry.')
        : trans.__('The registry is empty. Push a model to share it.');
    }
    return trans.__(
      'No models yet. Save one from a cell with `modelsync_jupyter.save`, or right-click a file or folder in the file browser and choose “Save as Model…”.'
    );
  };
  return (
    <div className="jp-ModelSync-empty" role="status">
      <p>
        <Words text={words()} />
      </p>
      {search && (
        <button
          type="button"
          className="jp-ModelSync-link"
          onClick={() => void model.catalog.show({ search: '' })}
        >
          {trans.__('Clear the search')}
        </button>
      )}
      {!search && !model.context && !model.signingIn && (
        <button
          type="button"
          className="jp-ModelSync-link"
          onClick={() => run(CommandIDs.signIn)}
        >
          {trans.__('Sign in to a registry')}
        </button>
      )}
    </div>
  );
}

/** Tells screen readers how transfers end. */
function Announcer({ model }: { model: SidebarModel }): JSX.Element {
  const { trans } = useEnv();
  const [text, setText] = React.useState('');
  React.useEffect(() => {
    const tell = (_: unknown, record: IRecord): void => {
      setText(endOf(record, trans));
    };
    model.transfers.ended.connect(tell);
    return () => void model.transfers.ended.disconnect(tell);
  }, [model, trans]);
  return (
    <div className="jp-ModelSync-announcer" role="status" aria-live="polite">
      {text}
    </div>
  );
}

/** Transfers that run, by tag; the same map as long as none of them changed. */
function useActive(records: readonly IRecord[]): ReadonlyMap<string, IRecord> {
  return React.useMemo(
    () =>
      new Map(
        records.filter(isActive).map(record => [record.tag, record] as const)
      ),
    [records]
  );
}
