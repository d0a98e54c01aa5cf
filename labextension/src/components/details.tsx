/**
 * One version, in the main area: how it stands, what is known of it on both sides, its files and other versions.
 */
import React from 'react';

import { flatten, formatSize, formatTime, shortDigest } from '../format';
import type { SidebarModel } from '../model';
import { ApiError } from '../request';
import { nameOf, versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IDetails, IProvenance, IVersion } from '../wire';
import { useEnv } from './env';
import { Compare } from './compare';
import { Labels, Middle, Problem, TextButton } from './parts';
import { explain, moveFor, StateMark } from './sync';
import { Table } from './table';

export function DetailsView(props: {
  model: SidebarModel;
  tag: string;
  /** Whether to compare both sides at once. */
  compare: boolean;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, tag, compare } = props;
  const [details, error, load] = useDetails(model, tag);
  if (error && !details) {
    return <Problem problem={error.problem} onRetry={load} />;
  }
  if (!details) {
    return <p className="jp-ModelSync-empty">{trans.__('Loading…')}</p>;
  }
  const { local_details: local, remote_details: remote, registry } = details;
  const info = local?.info ?? {};
  return (
    <article>
      <h1>
        {nameOf(tag)}
        <wbr />:{versionOf(tag)}
      </h1>
      {registry.problem && (
        <Problem problem={registry.problem} onRetry={load} />
      )}
      {local?.problem && <Problem problem={local.problem} />}
      <Actions version={details} />
      <Facts details={details} />
      <Compare model={model} details={details} now={compare} />
      {details.provenance && <Origin provenance={details.provenance} />}
      <Values
        title={trans.__('Metadata')}
        value={without(local?.metadata ?? remote?.metadata ?? {}, PROVENANCE)}
      />
      <Values title={trans.__('Environment')} value={info.context ?? {}} />
      <Values
        title={trans.__('Options and signatures')}
        value={{
          ...(info.options as object),
          ...(info.signatures as object)
        }}
      />
      {local && <Files details={local} />}
      <Versions tag={tag} versions={details.versions} />
    </article>
  );
}

/** The key of the metadata under which it is noted where a version came from. */
const PROVENANCE = 'provenance';

function without(
  value: Record<string, unknown>,
  key: string
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => name !== key)
  );
}

/** Where a version came from. */
function Origin({ provenance }: { provenance: IProvenance }): JSX.Element {
  const { trans, run } = useEnv();
  const { path, source, notebook, cell, packages, ...rest } = provenance;
  const rows = Object.entries(flatten(rest)).filter(([, value]) => value);
  return (
    <>
      <Table
        title={trans.__('Where it came from')}
        rows={[
          ...(notebook
            ? [
                [
                  trans.__('Notebook'),
                  <React.Fragment key="notebook">
                    <code>{notebook}</code>
                    {cell ? ` ${trans.__('cell [%1]', cell)}` : ''}{' '}
                    {path !== null && (
                      <button
                        type="button"
                        className="jp-ModelSync-link"
                        onClick={() => run('docmanager:open', { path })}
                      >
                        {trans.__('Open the notebook')}
                      </button>
                    )}
                  </React.Fragment>
                ]
              ]
            : []),
          ...rows
        ]}
      />
      {source && (
        <details>
          <summary>{trans.__('Code of the cell')}</summary>
          <pre>{source}</pre>
        </details>
      )}
      {packages && Object.keys(packages).length > 0 && (
        <details>
          <summary>
            {trans._n(
              '%1 package',
              '%1 packages',
              Object.keys(packages).length
            )}
          </summary>
          <Table
            title={trans.__('Packages')}
            level={3}
            rows={Object.entries(packages)}
          />
        </details>
      )}
    </>
  );
}

/** The details of a version, read again whenever a transfer or a command has changed it. */
function useDetails(
  model: SidebarModel,
  tag: string
): [IDetails | null, ApiError | null, () => void] {
  const [details, setDetails] = React.useState<IDetails | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const load = React.useCallback(() => {
    model.service.details(tag).then(
      found => {
        setDetails(found);
        setError(null);
      },
      (reason: unknown) => setError(ApiError.of(reason))
    );
  }, [model, tag]);
  React.useEffect(() => {
    const update = (_: unknown, touched: string): void => {
      if (nameOf(touched) === nameOf(tag)) {
        load();
      }
    };
    load();
    model.touchedTag.connect(update);
    return () => void model.touchedTag.disconnect(update);
  }, [model, tag, load]);
  return [details, error, load];
}

function Actions({ version }: { version: IVersion }): JSX.Element {
  const { trans, run } = useEnv();
  const { state, tag, local } = version;
  const act = (label: string, command: string): JSX.Element => (
    <TextButton label={label} onClick={() => run(command, { tag })} />
  );
  const words: Record<string, string> = {
    [CommandIDs.push]: trans.__('Push'),
    [CommandIDs.pull]: trans.__('Pull'),
    [CommandIDs.check]: trans.__('Read files and compare')
  };
  const move = moveFor(version, trans);
  const word = move && words[move.command];
  return (
    <div className="jp-ModelSync-buttons">
      {move && word && act(word, move.command)}
      {local &&
        state === 'different' &&
        act(trans.__('Overwrite in the registry…'), CommandIDs.overwrite)}
      {local &&
        state === 'different' &&
        act(trans.__('Overwrite the local copy…'), CommandIDs.overwriteLocal)}
      {act(trans.__('Insert code'), CommandIDs.insertCode)}
      {act(trans.__('Copy tag'), CommandIDs.copyTag)}
      {local && act(trans.__('Reveal files'), CommandIDs.reveal)}
      {local && act(trans.__('Delete…'), CommandIDs.remove)}
    </div>
  );
}

function Facts({ details }: { details: IDetails }): JSX.Element {
  const { trans } = useEnv();
  const { local_details: local, remote_details: remote, state } = details;
  const rows: [string, React.ReactNode][] = [
    [
      trans.__('State'),
      state && (
        <>
          <StateMark state={state} version={details} />{' '}
          {explain(state, trans, details)}
        </>
      )
    ],
    [trans.__('Aliases'), details.aliases.join(', ')],
    [
      trans.__('Labels'),
      Object.keys(details.labels).length > 0 && (
        <Labels labels={details.labels} />
      )
    ],
    [trans.__('Description'), remote?.description],
    [trans.__('Content digest'), <Digests key="digest" details={details} />],
    [trans.__('Size'), formatSize(details.size)],
    [trans.__('Created'), formatTime(details.creation_time)],
    [trans.__('Pushed by'), remote?.creator],
    [trans.__('Module'), details.module],
    [trans.__('Folder'), local && <code>{local.path}</code>]
  ];
  return (
    <dl>
      {rows
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
    </dl>
  );
}

/** The content digest, or both where they differ: it alone says whether two versions have the same files. */
function Digests({ details }: { details: IDetails }): JSX.Element {
  const { trans } = useEnv();
  const mine = details.local_details?.digest;
  const theirs = details.remote_details?.digest;
  const show = (digest: string | null | undefined): JSX.Element =>
    digest ? (
      <code title={digest}>{shortDigest(digest)}</code>
    ) : (
      <>{trans.__('unknown')}</>
    );
  if (!details.local || !details.remote || mine === theirs) {
    return show(mine || theirs);
  }
  return (
    <>
      {show(mine)} {trans.__('(local)')}, {show(theirs)}{' '}
      {trans.__('(registry)')}
    </>
  );
}

function Values(props: { title: string; value: unknown }): JSX.Element | null {
  const rows = Object.entries(flatten(props.value)).filter(
    ([key, value]) => key && value
  );
  return rows.length ? <Table title={props.title} rows={rows} /> : null;
}

function Files({
  details
}: {
  details: NonNullable<IDetails['local_details']>;
}): JSX.Element {
  const { trans } = useEnv();
  const files = details.files.filter(file => file.kind !== 'dir');
  return (
    <Table
      title={trans._n('%1 file', '%1 files', files.length)}
      columns={[trans.__('Path'), trans.__('Size')]}
      rows={files.map(file => [
        <code key="path">{file.path}</code>,
        file.kind === 'file' ? formatSize(file.size) : file.kind
      ])}
    />
  );
}

function Versions(props: {
  tag: string;
  versions: readonly IVersion[];
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { tag, versions } = props;
  if (versions.length < 2) {
    return null;
  }
  return (
    <Table
      title={trans._n('%1 version', '%1 versions', versions.length)}
      columns={[
        trans.__('Version'),
        trans.__('State'),
        trans.__('Size'),
        trans.__('Created')
      ]}
      rows={versions.map(each => [
        each.tag === tag ? (
          <strong key="this">{versionOf(each.tag)}</strong>
        ) : (
          <button
            key="open"
            type="button"
            className="jp-ModelSync-link"
            onClick={() => run(CommandIDs.details, { tag: each.tag })}
          >
            <Middle text={versionOf(each.tag)} tail={8} />
          </button>
        ),
        <StateMark key="state" state={each.state} version={each} />,
        formatSize(each.size),
        formatTime(each.creation_time)
      ])}
    />
  );
}
