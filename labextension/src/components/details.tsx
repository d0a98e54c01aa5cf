/**
 * One version, in the main area: how it stands, what is known of it on both sides, its files and other versions.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { flatten, formatSize, formatTime, shortDigest } from '../format';
import type { SidebarModel } from '../model';
import { nameOf, versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IDeed, IDetails, IProvenance, IVersion } from '../wire';
import { useAnswer, useFreshAnswer } from './answer';
import { Compare } from './compare';
import { Editor } from './edit';
import { useEnv } from './env';
import { Middle } from './middle';
import { IconButton, Labels, Problem, TextButton } from './parts';
import { explain, moveFor, StateMark } from './sync';
import { Table } from './table';

/** A place in the details: both sides compared, the choice of what to compare with, or the form for labels. */
export type DetailsPlace = 'compare' | 'compare-any' | 'edit';

export function DetailsView(props: {
  model: SidebarModel;
  tag: string;
  /** Where to go in it; a new object each time. */
  wanted: { place: DetailsPlace } | null;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, tag, wanted } = props;
  const { service } = model;
  const name = nameOf(tag);
  const ask = React.useCallback(() => service.details(tag), [service, tag]);
  const {
    value: details,
    error,
    again: load
  } = useFreshAnswer(model, name, ask);
  const [editing, setEditing] = React.useState(false);
  React.useEffect(() => {
    if (wanted?.place === 'edit') {
      setEditing(true);
    }
  }, [wanted]);
  if (error && (!details || error.code === GONE)) {
    return (
      <>
        <Problem problem={error.problem} onRetry={load} />
        <Deleted model={model} tag={tag} />
      </>
    );
  }
  if (!details) {
    return <p className="jp-ModelSync-empty">{trans.__('Loading…')}</p>;
  }
  const { local_details: local, remote_details: remote, registry } = details;
  const info = local?.info ?? {};
  return (
    <article>
      <h1>
        {name}
        <wbr />:{versionOf(tag)}
      </h1>
      {registry.problem && (
        <Problem problem={registry.problem} onRetry={load} />
      )}
      {local?.problem && <Problem problem={local.problem} />}
      <Actions version={details} />
      {editing && (
        <Editor
          model={model}
          details={details}
          onClose={() => setEditing(false)}
        />
      )}
      <Facts
        details={details}
        onEdit={editing ? undefined : () => setEditing(true)}
      />
      <Compare model={model} details={details} wanted={wanted} />
      {details.provenance && <Origin provenance={details.provenance} />}
      <Values
        title={trans.__('Metadata')}
        value={without(local?.metadata ?? remote?.metadata ?? {}, [
          PROVENANCE,
          DESCRIPTION
        ])}
      />
      <Values title={trans.__('Environment')} value={info.context ?? {}} />
      <Values
        title={trans.__('Options and signatures')}
        value={{
          ...(info.options as object),
          ...(info.signatures as object)
        }}
      />
      {local ? (
        <Files details={local} />
      ) : (
        <RemoteFiles model={model} details={details} />
      )}
      <Versions tag={tag} versions={details.versions} />
      {remote && <History key={remote.uid} model={model} tag={tag} />}
      <Deleted model={model} tag={tag} />
    </article>
  );
}

/** The code of the error of a version that neither side has. */
const GONE = 'model-not-found';

/** The key of the metadata under which it is noted where a version came from. */
const PROVENANCE = 'provenance';
/** And its description, in the local files. */
const DESCRIPTION = 'description';

function without(
  value: Record<string, unknown>,
  keys: readonly string[]
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => !keys.includes(name))
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

function Actions({ version }: { version: IVersion }): JSX.Element {
  const { trans, run } = useEnv();
  const { state, tag, local, remote } = version;
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
      {remote &&
        act(trans.__('Delete in the registry…'), CommandIDs.removeRemote)}
    </div>
  );
}

function Facts(props: {
  details: IDetails;
  onEdit: (() => void) | undefined;
}): JSX.Element {
  const { trans } = useEnv();
  const { details, onEdit } = props;
  const { local_details: local, remote_details: remote, state } = details;
  const description = remote?.description || local?.metadata[DESCRIPTION];
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
    [
      trans.__('Aliases'),
      remote && state !== 'partial' && (
        <Aliases tag={details.tag} aliases={details.aliases} />
      )
    ],
    [
      trans.__('Labels'),
      <div key="labels" className="jp-ModelSync-editable">
        <Labels labels={details.labels} />
        {onEdit && (
          <TextButton
            label={trans.__('Edit…')}
            description={trans.__('Edit labels and description')}
            onClick={onEdit}
          />
        )}
      </div>
    ],
    [
      trans.__('Description'),
      typeof description === 'string' && (
        <div className="jp-ModelSync-description">{description}</div>
      )
    ],
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

/** The aliases that point at a version, to be moved here and removed. */
function Aliases(props: {
  tag: string;
  aliases: readonly string[];
}): JSX.Element {
  const { trans, run } = useEnv();
  const { tag, aliases } = props;
  return (
    <div className="jp-ModelSync-editable">
      {aliases.length > 0 && (
        <ul className="jp-ModelSync-labels" aria-label={trans.__('Aliases')}>
          {aliases.map(alias => (
            <li key={alias} className="jp-mod-alias" title={alias}>
              {alias}
              <IconButton
                icon={closeIcon}
                label={trans.__('Remove the alias %1', alias)}
                onClick={() => run(CommandIDs.dropAlias, { tag, alias })}
              />
            </li>
          ))}
        </ul>
      )}
      <TextButton
        label={trans.__('Point an alias here…')}
        onClick={() => run(CommandIDs.pointAlias, { tag })}
      />
    </div>
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

/** The files of a version that only the registry has, where it tells them. */
function RemoteFiles(props: {
  model: SidebarModel;
  details: IDetails;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { service } = props.model;
  const { tag, remote } = props.details;
  const ask = React.useCallback(() => service.remoteFiles(tag), [service, tag]);
  const { value: found, error } = useAnswer(ask, remote?.digest);
  if (error) {
    return <Problem problem={error.problem} />;
  }
  if (!found) {
    return <p>{trans.__('Loading files…')}</p>;
  }
  return found.listed ? (
    <Table
      title={trans._n('%1 file', '%1 files', found.files.length)}
      columns={[trans.__('Path'), trans.__('Size'), trans.__('Digest')]}
      rows={found.files.map(({ path, size, digest, link }) => [
        <code key="path">{path}</code>,
        link ? `→ ${link}` : formatSize(size),
        digest && (
          <code key="digest" title={digest}>
            {shortDigest(digest)}
          </code>
        )
      ])}
    />
  ) : (
    <p>{trans.__('The registry does not tell which files it has.')}</p>
  );
}

/** Who did what to a version in the registry; asked for when it is unfolded. */
function History(props: { model: SidebarModel; tag: string }): JSX.Element {
  const { trans } = useEnv();
  const { model, tag } = props;
  const { service } = model;
  const [open, setOpen] = React.useState(false);
  const ask = React.useCallback(() => service.history(tag), [service, tag]);
  const { value: deeds, error } = useFreshAnswer(
    model,
    nameOf(tag),
    open ? ask : null
  );
  return (
    <details onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>{trans.__('Who changed it in the registry')}</summary>
      {error && <Problem problem={error.problem} />}
      {deeds && (
        <Table
          title={trans._n('%1 change', '%1 changes', deeds.length)}
          level={3}
          columns={[trans.__('When'), trans.__('What'), trans.__('Who')]}
          rows={deeds.map(deed => [
            deed.time ? formatTime(deed.time) : '',
            wordsFor(deed, trans),
            [deed.user, deed.client].filter(word => word).join(' · ')
          ])}
        />
      )}
    </details>
  );
}

function wordsFor(
  { operation, alias, earlier }: IDeed,
  trans: TranslationBundle
): string {
  const word =
    {
      pushed: trans.__('pushed'),
      replaced: trans.__('overwritten'),
      changed: trans.__('labels or description changed'),
      deleted: trans.__('deleted'),
      restored: trans.__('restored')
    }[operation] ?? operation;
  return operation === 'aliased'
    ? earlier
      ? trans.__('alias %1 moved here from %2', alias, earlier)
      : trans.__('alias %1 pointed here', alias)
    : operation === 'unaliased'
      ? trans.__('alias %1 removed', alias)
      : word;
}

/** Versions of the same name that were deleted, and are kept for a while: by the registry, or on this computer. */
function Deleted(props: { model: SidebarModel; tag: string }): JSX.Element {
  const { trans } = useEnv();
  const { service } = props.model;
  const name = nameOf(props.tag);
  const there = React.useCallback(() => service.deleted(name), [service, name]);
  const here = React.useCallback(
    async () => (await service.trash(name)).map(each => each.tag),
    [service, name]
  );
  return (
    <>
      <Restorable
        {...props}
        title={trans.__('Deleted on this computer')}
        describe={each => trans.__('Restore %1 on this computer', each)}
        ask={here}
        command={CommandIDs.restoreLocal}
      />
      <Restorable
        {...props}
        title={trans.__('Deleted in the registry')}
        describe={each => trans.__('Restore %1 in the registry', each)}
        ask={there}
        command={CommandIDs.restore}
      />
    </>
  );
}

function Restorable(props: {
  model: SidebarModel;
  tag: string;
  title: string;
  /** What the button of a tag does, in words. */
  describe: (tag: string) => string;
  ask: () => Promise<readonly string[]>;
  command: string;
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { model, tag, title, describe, ask, command } = props;
  const { value, error } = useFreshAnswer(model, nameOf(tag), ask);
  if (error || !value?.length) {
    return null; // of a registry that keeps none there is nothing to say
  }
  return (
    <Table
      title={title}
      rows={[...new Set(value)].map(each => [
        versionOf(each),
        <TextButton
          key="restore"
          label={trans.__('Restore')}
          description={describe(each)}
          onClick={() => run(command, { tag: each })}
        />
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
