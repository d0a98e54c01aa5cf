/**
 * The whole sidebar.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { isActive } from '../format';
import type { IListing } from '../listing';
import type { SidebarModel } from '../model';
import { nameOf } from '../tags';
import type { IStates } from '../states';
import type { IModel, IProblem, IRecord, Side } from '../wire';
import { useEnv } from './env';
import { Contexts, Filter } from './header';
import { ModelList } from './models';
import { Problem, TextButton } from './parts';
import { Section } from './section';
import { SignIn } from './signin';
import { TransferList } from './transfers';

export function Panel({ model }: { model: SidebarModel }): JSX.Element {
  const { trans } = useEnv();
  const search = React.useCallback(
    (text: string) => void model.search(text),
    [model]
  );
  const local = model.local.state;
  const remote = model.remote.state;
  const { records } = model.transfers;
  const states = model.states.current;
  const busy = useBusy(records);
  if (model.problem) {
    return (
      <Problem
        problem={model.problem.problem}
        onRetry={() => void model.refresh()}
      />
    );
  }
  const { signedOut, status, context } = model;
  return (
    <>
      <div className="jp-ModelSync-header">
        <Contexts
          contexts={status?.contexts ?? NONE}
          current={context?.name ?? ''}
        />
        <Filter onSearch={search} />
      </div>
      {model.signingIn && (
        <SignIn
          key={signedOut ? context?.name : '+'}
          expired={signedOut ? context : null}
          contexts={status?.contexts ?? NONE}
          onLogin={(...words) => model.login(...words)}
          onClose={signedOut ? undefined : () => (model.signingIn = false)}
        />
      )}
      {model.otherVersion && (
        <Problem problem={mismatch(model.version, model.otherVersion, trans)} />
      )}
      <TransferList
        records={records}
        states={states}
        isStopping={id => model.transfers.isStopping(id)}
      />
      <Section
        title={trans.__('Local')}
        count={local.loaded ? local.total : undefined}
        busy={local.loading && !local.loaded}
      >
        <ModelsOf
          side="local"
          listing={local}
          states={states}
          busy={busy}
          model={model}
        />
      </Section>
      <Section
        title={trans.__('Registry')}
        count={remote.loaded && !signedOut ? remote.total : undefined}
        busy={remote.loading && !remote.loaded && !signedOut}
      >
        {signedOut ? (
          <p className="jp-ModelSync-empty">
            {trans.__('Sign in to see what the registry has.')}
          </p>
        ) : (
          <ModelsOf
            side="remote"
            listing={remote}
            states={states}
            busy={busy}
            model={model}
          />
        )}
      </Section>
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

function ModelsOf(props: {
  side: Side;
  listing: IListing<IModel>;
  states: IStates;
  busy: ReadonlyMap<string, string>;
  model: SidebarModel;
}): JSX.Element {
  const { trans } = useEnv();
  const { side, listing, states, busy, model } = props;
  const source = side === 'local' ? model.local : model.remote;
  const rest = listing.total - listing.items.length;
  return (
    <>
      {listing.error && (
        <Problem
          problem={listing.error.problem}
          onRetry={() => void source.refresh()}
        />
      )}
      {listing.loaded && !listing.items.length && (
        <Empty side={side} search={listing.search} />
      )}
      <ModelList
        side={side}
        items={listing.items}
        states={states}
        busy={busy}
      />
      {listing.loaded && rest > 0 && (
        <div className="jp-ModelSync-more">
          <TextButton
            label={
              listing.loading
                ? trans.__('Loading…')
                : trans.__('Load more (%1 left)', rest)
            }
            disabled={listing.loading}
            onClick={() => void source.more()}
          />
        </div>
      )}
    </>
  );
}

function Empty(props: { side: Side; search: string }): JSX.Element {
  const { trans } = useEnv();
  const { side, search } = props;
  if (search) {
    return (
      <p className="jp-ModelSync-empty">
        {trans.__('No models match “%1”.', search)}
      </p>
    );
  }
  return side === 'local' ? (
    <p className="jp-ModelSync-empty">
      {trans.__(
        'No models yet. Save one from a cell, or right-click a file or folder in the file browser and choose “Save as model…”.'
      )}
    </p>
  ) : (
    <p className="jp-ModelSync-empty">
      {trans.__('The registry is empty. Push a model to share it.')}
    </p>
  );
}

/** Tells screen readers how transfers end. */
function Announcer({ model }: { model: SidebarModel }): JSX.Element {
  const { trans } = useEnv();
  const [text, setText] = React.useState('');
  React.useEffect(() => {
    const tell = (_: unknown, record: IRecord): void => {
      const words = {
        push: {
          succeeded: trans.__('Pushed %1', record.tag),
          failed: trans.__('Push of %1 failed', record.tag),
          other: trans.__('Push of %1 stopped', record.tag)
        },
        pull: {
          succeeded: trans.__('Pulled %1', record.tag),
          failed: trans.__('Pull of %1 failed', record.tag),
          other: trans.__('Pull of %1 stopped', record.tag)
        }
      }[record.direction];
      const { state } = record;
      setText(
        words[state === 'succeeded' || state === 'failed' ? state : 'other']
      );
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

/** Tags being transferred, by name; the same map as long as they are the same, however far they are. */
function useBusy(records: readonly IRecord[]): ReadonlyMap<string, string> {
  const key = records
    .filter(isActive)
    .map(record => record.tag)
    .sort()
    .join(' ');
  return React.useMemo(() => {
    const busy = new Map<string, string>();
    for (const tag of key.split(' ').filter(word => word)) {
      const name = nameOf(tag);
      busy.set(name, `${busy.get(name) ?? ''} ${tag}`);
    }
    return busy;
  }, [key]);
}
