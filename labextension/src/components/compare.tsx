/**
 * What differs between two versions, or between the two sides of one: old | new. Equality is told by digests alone.
 */
import React from 'react';

import { formatSize, shortDigest } from '../format';
import type { SidebarModel } from '../model';
import { ApiError } from '../request';
import { versionOf } from '../tags';
import type { IChange, IDetails, IDiff } from '../wire';
import { useEnv } from './env';
import { Problem } from './parts';
import { Table } from './table';

/** Stands for the other side of the same version among those to compare with. */
const OTHER_SIDE = ':';

export function Compare(props: {
  model: SidebarModel;
  details: IDetails;
  /** Whether to compare both sides of the version at once. */
  now: boolean;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { model, details, now } = props;
  const bothSides = !!details.local && !!details.remote;
  const others = details.versions.filter(each => each.tag !== details.tag);
  const [choice, setChoice] = React.useState(
    now && bothSides ? OTHER_SIDE : ''
  );
  const [diff, setDiff] = React.useState<IDiff | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const heading = React.useRef<HTMLHeadingElement>(null);
  const id = React.useId();
  const { tag } = details;
  // Read again when either side has other bytes.
  const digests = `${details.local?.digest} ${details.remote?.digest}`;
  const created = details.creation_time;
  const other = others.find(each => each.tag === choice);
  const older = other && other.creation_time < created;

  React.useEffect(() => {
    let late = false;
    setError(null);
    setDiff(null);
    if (choice) {
      const ask =
        choice === OTHER_SIDE
          ? model.service.diff(tag)
          : older
            ? model.service.diff(choice, tag)
            : model.service.diff(tag, choice);
      ask.then(
        found => !late && setDiff(found),
        (reason: unknown) => !late && setError(ApiError.of(reason))
      );
    }
    return () => {
      late = true;
    };
  }, [model, tag, choice, older, digests]);
  React.useEffect(() => {
    if (now) {
      setChoice(OTHER_SIDE);
      heading.current?.scrollIntoView?.({ block: 'nearest' });
    }
  }, [now]);

  if (!bothSides && !others.length) {
    return null;
  }
  return (
    <section>
      <h2 ref={heading}>{trans.__('Compare')}</h2>
      <p>
        <label htmlFor={id}>{trans.__('Compare with')}</label>{' '}
        <select
          id={id}
          value={choice}
          onChange={event => setChoice(event.target.value)}
        >
          <option value="">{trans.__('choose a version')}</option>
          {bothSides && (
            <option value={OTHER_SIDE}>
              {trans.__('its copy in the registry')}
            </option>
          )}
          {others.map(each => (
            <option key={each.tag} value={each.tag}>
              {versionOf(each.tag)}
            </option>
          ))}
        </select>
      </p>
      {error && <Problem problem={error.problem} />}
      {choice && !diff && !error && <p>{trans.__('Comparing…')}</p>}
      {diff && <Found diff={diff} />}
    </section>
  );
}

function Found({ diff }: { diff: IDiff }): JSX.Element {
  const { trans } = useEnv();
  const verdict = {
    'in sync': trans.__('All files have the same contents.'),
    different: trans.__('The contents of the files differ.')
  }[diff.state as string];
  const kinds: [string, IChange['kind'][]][] = [
    [trans.__('Files'), ['file']],
    [trans.__('Tensors'), ['tensor']],
    [trans.__('Labels'), ['label']],
    [trans.__('Metrics'), ['metric']],
    [trans.__('Metadata'), ['metadata', 'fact']],
    [trans.__('Environment'), ['environment', 'provenance']]
  ];
  const nameOf = (side: IDiff['old']): string =>
    diff.old.tag === diff.new.tag
      ? side.where === 'local'
        ? trans.__('Local')
        : trans.__('Registry')
      : versionOf(side.tag);
  return (
    <>
      <p role="status">
        <strong>
          {verdict ??
            trans.__(
              'Whether the files have the same contents is unknown: a content digest is missing.'
            )}
        </strong>{' '}
        {diff.equal && trans.__('Labels and metadata are the same as well.')}
      </p>
      {diff.remarks.map(each => (
        <p key={each}>{each.replace(/`/g, '')}</p>
      ))}
      {kinds.map(([title, wanted]) => {
        const found = diff.changes.filter(each => wanted.includes(each.kind));
        return found.length ? (
          <Table
            key={title}
            title={title}
            level={3}
            columns={[
              trans.__('Name'),
              trans.__('Change'),
              nameOf(diff.old),
              nameOf(diff.new)
            ]}
            rows={found.map(each => [
              <code key="name" title={each.file}>
                {each.name}
              </code>,
              wordFor(each.how, trans),
              <Value key="old" change={each} value={each.old} />,
              <Value key="new" change={each} value={each.new} />
            ])}
          />
        ) : null;
      })}
    </>
  );
}

function wordFor(
  how: IChange['how'],
  trans: ReturnType<typeof useEnv>['trans']
): string {
  return {
    added: trans.__('added'),
    removed: trans.__('removed'),
    changed: trans.__('changed'),
    unknown: trans.__('unknown')
  }[how];
}

/** A value of one side: of a file its size and digest, of a tensor its type and shape. */
function Value(props: { change: IChange; value: unknown }): JSX.Element {
  const { change, value } = props;
  if (value === null || value === undefined) {
    return <>–</>;
  }
  if (typeof value !== 'object') {
    return <>{String(value)}</>;
  }
  const facts = value as Record<string, unknown>;
  if (change.kind === 'file') {
    const digest = typeof facts.digest === 'string' ? facts.digest : '';
    const words = [
      typeof facts.link === 'string'
        ? `→ ${facts.link}`
        : formatSize(Number(facts.size ?? 0)),
      shortDigest(digest)
    ];
    return <span title={digest}>{words.filter(each => each).join(' · ')}</span>;
  }
  if (change.kind === 'tensor' && Array.isArray(facts.shape)) {
    return <>{`${String(facts.dtype ?? '')} [${facts.shape.join(', ')}]`}</>;
  }
  return <>{JSON.stringify(value)}</>;
}
