/**
 * One version, in the main area: facts, metadata, files, other versions and what differs from them.
 */
import React from 'react';

import type { Details } from '../diff';
import { flatten } from '../diff';
import { formatSize, formatTime, shortDigest } from '../format';
import type { SidebarModel } from '../model';
import { ApiError } from '../request';
import { stateOf } from '../states';
import { nameOf, versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IModel, IVersionState, Side, SyncState } from '../wire';
import { Difference } from './difference';
import { useEnv } from './env';
import { Labels, Problem, TextButton } from './parts';
import { explain, moveFor, SyncBadge } from './sync';
import { Table } from './table';

export function DetailsView(props: {
  model: SidebarModel;
  side: Side;
  tag: string;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, side, tag } = props;
  const [details, setDetails] = React.useState<Details | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const load = React.useCallback(async () => {
    setError(null);
    try {
      setDetails(await fetchDetails(model, side, tag));
    } catch (reason) {
      setError(ApiError.of(reason));
    }
  }, [model, side, tag]);
  React.useEffect(() => void load(), [load]);
  const versions = useVersions(model, side, tag);
  const state = useVersionState(model, tag);

  if (error) {
    return <Problem problem={error.problem} onRetry={() => void load()} />;
  }
  if (!details) {
    return <p className="jp-ModelSync-empty">{trans.__('Loading…')}</p>;
  }
  return (
    <article>
      <h1>{tag}</h1>
      <Actions side={side} tag={tag} state={state?.state} />
      <Facts side={side} details={details} state={state} />
      <Metadata title={trans.__('Metadata')} value={details.metadata} />
      {'info' in details && (
        <>
          <Metadata
            title={trans.__('Environment')}
            value={details.info.context ?? {}}
          />
          <Metadata
            title={trans.__('Options and signatures')}
            value={{
              ...(details.info.options as object),
              ...(details.info.signatures as object)
            }}
          />
          <Files details={details} />
        </>
      )}
      <Versions side={side} tag={tag} versions={versions} />
      <Difference
        details={details}
        others={versions.map(each => each.tag).filter(each => each !== tag)}
        fetch={other => fetchDetails(model, side, other)}
      />
    </article>
  );
}

function fetchDetails(
  model: SidebarModel,
  side: Side,
  tag: string
): Promise<Details> {
  return side === 'local'
    ? model.service.localDetails(tag)
    : model.service.remoteDetails(tag);
}

/** Versions of the same name on the same side; none while they are not known. */
function useVersions(
  model: SidebarModel,
  side: Side,
  tag: string
): readonly IModel[] {
  const [versions, setVersions] = React.useState<readonly IModel[]>([]);
  React.useEffect(() => {
    const name = nameOf(tag);
    const ask: Promise<readonly IModel[]> =
      side === 'remote'
        ? model.service.remoteVersions(name)
        : model.service
            .local(name, 0)
            .then(page => page.items.filter(each => nameOf(each.tag) === name));
    ask.then(setVersions, () => undefined);
  }, [model, side, tag]);
  return versions;
}

/** The state of the version, kept up to date. */
function useVersionState(
  model: SidebarModel,
  tag: string
): IVersionState | undefined {
  const { states } = model;
  const [current, setCurrent] = React.useState(states.current);
  React.useEffect(() => {
    const update = (): void => setCurrent(states.current);
    states.changed.connect(update);
    void states.refresh().then(update);
    return () => void states.changed.disconnect(update);
  }, [states]);
  return stateOf(current, tag);
}

function Actions(props: {
  side: Side;
  tag: string;
  state: SyncState | undefined;
}): JSX.Element {
  const { trans, run } = useEnv();
  const { side, tag, state } = props;
  const move = state ? moveFor(side, state) : null;
  const act = (label: string, command: string): JSX.Element => (
    <TextButton label={label} onClick={() => run(command, { side, tag })} />
  );
  return (
    <div className="jp-ModelSync-buttons">
      {move === 'overwrite' && act(trans.__('Overwrite…'), CommandIDs.replace)}
      {move === 'move' &&
        (side === 'local'
          ? act(trans.__('Push'), CommandIDs.push)
          : act(trans.__('Pull'), CommandIDs.pull))}
      {act(trans.__('Insert code'), CommandIDs.insertCode)}
      {act(trans.__('Copy tag'), CommandIDs.copyTag)}
      {side === 'local' && act(trans.__('Reveal files'), CommandIDs.reveal)}
    </div>
  );
}

function Facts(props: {
  side: Side;
  details: Details;
  state: IVersionState | undefined;
}): JSX.Element {
  const { trans } = useEnv();
  const { side, details, state } = props;
  const rows: [string, React.ReactNode][] = [
    [
      trans.__('Location'),
      side === 'local' ? trans.__('Local store') : trans.__('Registry')
    ],
    [trans.__('State'), state && <Standing key="state" state={state} />],
    [
      trans.__('Content digest'),
      details.digest && (
        <code key="digest" title={details.digest}>
          {shortDigest(details.digest)}
        </code>
      )
    ],
    [trans.__('Size'), formatSize(details.size)],
    [trans.__('Created'), formatTime(details.creation_time)],
    [trans.__('Module'), details.module],
    [trans.__('Labels'), <Labels key="labels" labels={details.labels} />]
  ];
  if ('path' in details) {
    rows.push([trans.__('Folder'), <code key="path">{details.path}</code>]);
  } else {
    rows.push(
      [trans.__('Pushed by'), details.creator],
      [trans.__('Status'), details.upload_status],
      [trans.__('Description'), details.description]
    );
  }
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

function Standing({ state }: { state: IVersionState }): JSX.Element {
  const { trans } = useEnv();
  return (
    <>
      <SyncBadge state={state} /> {explain(state, trans)}
    </>
  );
}

function Metadata(props: {
  title: string;
  value: unknown;
}): JSX.Element | null {
  const rows = Object.entries(flatten(props.value)).filter(
    ([key, value]) => key && value
  );
  return rows.length ? (
    <Table
      title={props.title}
      rows={rows.map(([key, value]) => [key, value])}
    />
  ) : null;
}

function Files({
  details
}: {
  details: Extract<Details, { files: unknown }>;
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
  side: Side;
  tag: string;
  versions: readonly IModel[];
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { side, tag, versions } = props;
  if (versions.length < 2) {
    return null;
  }
  return (
    <Table
      title={trans._n('%1 version', '%1 versions', versions.length)}
      columns={[trans.__('Version'), trans.__('Size'), trans.__('Created')]}
      rows={versions.map(each => [
        each.tag === tag ? (
          <strong key="this">{versionOf(each.tag)}</strong>
        ) : (
          <TextButton
            key="open"
            label={versionOf(each.tag)}
            onClick={() => run(CommandIDs.details, { side, tag: each.tag })}
          />
        ),
        formatSize(each.size),
        formatTime(each.creation_time)
      ])}
    />
  );
}
