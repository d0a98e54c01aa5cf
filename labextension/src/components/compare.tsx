/**
 * What differs between two versions, or between the two sides of one: old | new. Equality is told by digests alone.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { formatSize, plain, shortDigest } from '../format';
import type { SidebarModel } from '../model';
import { nameOf, versionOf } from '../tags';
import type { IChange, IDetails, IDiff, ISide, IVersion, Place } from '../wire';
import { useAnswer } from './answer';
import { useEnv } from './env';
import { Problem } from './parts';
import { Table } from './table';

/** Asks for a version of another name. */
const ANOTHER = '?';
/** Milliseconds after the last key before versions are looked for. */
const PAUSE = 200;

export function Compare(props: {
  model: SidebarModel;
  details: IDetails;
  /** What to do at once; a new object each time. */
  wanted: { place: string } | null;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, details, wanted } = props;
  const { tag } = details;
  const sides = sidesOf(details);
  const [mine, setMine] = React.useState<Place>(sides[0] ?? 'local');
  const here: ISide = {
    tag,
    place: sides.includes(mine) ? mine : (sides[0] ?? 'local')
  };
  const [choice, setChoice] = React.useState('');
  const [another, setAnother] = React.useState<ISide | null>(null);
  const box = React.useRef<HTMLElement>(null);
  const id = React.useId();

  const others = details.versions.flatMap(version =>
    sidesOf(version)
      .map(place => ({ tag: version.tag, place }))
      .filter(side => keyOf(side) !== keyOf(here))
      .map(side => ({ side, version }))
  );
  const other =
    choice === ANOTHER
      ? another
      : (others.find(each => keyOf(each.side) === choice)?.side ?? null);
  const name = ({ side, version }: (typeof others)[number]): string =>
    version.tag === tag
      ? side.place === 'remote'
        ? trans.__('its copy in the registry')
        : trans.__('its local copy')
      : sidesOf(version).length > 1
        ? side.place === 'remote'
          ? trans.__('%1 (registry)', versionOf(version.tag))
          : trans.__('%1 (local)', versionOf(version.tag))
        : versionOf(version.tag);

  const bothSides = sides.length > 1;
  React.useEffect(() => {
    if (wanted?.place.startsWith('compare')) {
      if (wanted.place === 'compare' && bothSides) {
        setMine('local');
        setChoice(keyOf({ tag, place: 'remote' }));
      }
      box.current?.scrollIntoView?.({ block: 'start' });
      box.current
        ?.querySelector<HTMLElement>('select:last-of-type')
        ?.focus({ preventScroll: true });
    }
  }, [wanted, bothSides, tag]);

  return (
    <section ref={box}>
      <h2>{trans.__('Compare')}</h2>
      <p className="jp-ModelSync-pair">
        {bothSides && (
          <>
            <label htmlFor={`${id}-mine`}>{trans.__('Compare')}</label>{' '}
            <select
              id={`${id}-mine`}
              value={here.place}
              onChange={event => setMine(event.target.value as Place)}
            >
              <option value="local">{trans.__('the local copy')}</option>
              <option value="remote">{trans.__('the registry’s copy')}</option>
            </select>{' '}
          </>
        )}
        <label htmlFor={id}>
          {bothSides ? trans.__('with') : trans.__('Compare with')}
        </label>{' '}
        <select
          id={id}
          value={choice}
          onChange={event => setChoice(event.target.value)}
        >
          <option value="">{trans.__('choose a version')}</option>
          {others.map(each => (
            <option key={keyOf(each.side)} value={keyOf(each.side)}>
              {name(each)}
            </option>
          ))}
          <option value={ANOTHER}>{trans.__('another model…')}</option>
        </select>
      </p>
      {choice === ANOTHER && (
        <Another model={model} tag={tag} onChoose={setAnother} />
      )}
      {other && (
        <Difference
          key={`${keyOf(here)} ${keyOf(other)}`}
          model={model}
          one={here}
          other={other}
          details={details}
        />
      )}
    </section>
  );
}

/** The sides on which a version is, as far as they are worth telling apart. */
function sidesOf(version: IVersion): Place[] {
  const { local, remote, state } = version;
  const there = remote && state !== 'partial';
  return [
    ...(local ? (['local'] as const) : []),
    ...(there && !(local && state === 'in sync') ? (['remote'] as const) : [])
  ];
}

function keyOf({ tag, place }: ISide): string {
  return `${place} ${tag}`;
}

/** A field in which to look for a version of any name. */
function Another(props: {
  model: SidebarModel;
  tag: string;
  onChoose: (side: ISide | null) => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, tag, onChoose } = props;
  const [text, setText] = React.useState('');
  const [found, setFound] = React.useState<readonly IVersion[]>([]);
  const id = React.useId();
  React.useEffect(() => {
    let late = false;
    const timer = setTimeout(() => {
      model.service.search(text).then(
        versions =>
          !late && setFound(versions.filter(each => each.tag !== tag)),
        () => undefined
      );
    }, PAUSE);
    return () => {
      late = true;
      clearTimeout(timer);
    };
  }, [model, tag, text]);
  React.useEffect(() => {
    const chosen = found.find(each => each.tag === text.trim());
    const place = chosen && sidesOf(chosen)[0];
    onChoose(chosen && place ? { tag: chosen.tag, place } : null);
  }, [found, text, onChoose]);
  return (
    <p className="jp-ModelSync-pair">
      <label htmlFor={id}>{trans.__('Name and version')}</label>{' '}
      <input
        id={id}
        list={`${id}-found`}
        placeholder={trans.__('name:version')}
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={event => setText(event.target.value)}
      />
      <datalist id={`${id}-found`}>
        {found.map(each => (
          <option key={each.tag} value={each.tag} />
        ))}
      </datalist>
    </p>
  );
}

/** What differs between two versions; the older one, or the registry's copy of the same one, is on the left. */
function Difference(props: {
  model: SidebarModel;
  one: ISide;
  other: ISide;
  details: IDetails;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, details } = props;
  const [one, other] = [keyOf(props.one), keyOf(props.other)];
  // Read again when either side has other bytes.
  const digests = JSON.stringify(
    details.versions
      .filter(({ tag }) => [props.one.tag, props.other.tag].includes(tag))
      .map(({ local, remote, labels }) => [
        local?.digest,
        remote?.digest,
        labels
      ])
  );
  const created = details.versions.find(
    each => each.tag === props.other.tag
  )?.creation_time;
  const isOlder =
    props.one.tag === props.other.tag
      ? props.other.place === 'remote'
      : created === undefined || created < details.creation_time;
  const ask = React.useCallback(() => {
    const [mine, theirs] = [sideOf(one), sideOf(other)];
    return isOlder
      ? model.service.diff(theirs, mine)
      : model.service.diff(mine, theirs);
  }, [model, one, other, isOlder]);
  const { value: diff, error } = useAnswer(ask, digests);
  return error ? (
    <Problem problem={error.problem} />
  ) : diff ? (
    <Found diff={diff} />
  ) : (
    <p>{trans.__('Comparing…')}</p>
  );
}

function sideOf(key: string): ISide {
  const [place, tag] = key.split(' ') as [Place, string];
  return { tag, place };
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
  const sameName = nameOf(diff.old.tag) === nameOf(diff.new.tag);
  const headOf = (side: IDiff['old']): string =>
    diff.old.tag === diff.new.tag
      ? side.where === 'local'
        ? trans.__('Local')
        : trans.__('Registry')
      : sameName
        ? versionOf(side.tag)
        : side.tag;
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
        <p key={each}>{plain(each)}</p>
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
              headOf(diff.old),
              headOf(diff.new)
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

function wordFor(how: IChange['how'], trans: TranslationBundle): string {
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
