/**
 * Models of one side, grouped by name; versions are folded until asked for.
 */
import {
  caretDownIcon,
  caretRightIcon,
  downloadIcon,
  ellipsesIcon,
  fileUploadIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import { formatAge, formatSize, formatTime } from '../format';
import type { IGroup } from '../tags';
import { group, nameOf, versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IModel, Side } from '../wire';
import { useEnv } from './env';
import { Badge, IconButton, Labels, TextButton } from './parts';

/** Versions of a name that are shown at first. */
const FEW = 20;

/** Sizes by tag of what the other side has. */
export type Known = ReadonlyMap<string, number>;

type AnyModel = IModel & { upload_status?: string };

/** How a model compares with the other side. */
type Match = 'absent' | 'same' | 'differs';

function matchOf(model: AnyModel, known: Known): Match {
  const size = known.get(model.tag);
  return size === undefined
    ? 'absent'
    : size === model.size
      ? 'same'
      : 'differs';
}

function isWhole(model: AnyModel): boolean {
  return (model.upload_status ?? 'success') === 'success';
}

export const ModelList = React.memo(function ModelList(props: {
  side: Side;
  items: readonly AnyModel[];
  known: Known;
  /** Tags that are on their way, by name, separated by blanks. */
  busy: ReadonlyMap<string, string>;
}): JSX.Element {
  const { side, items, known, busy } = props;
  const groups = React.useMemo(() => group(items), [items]);
  return (
    <ul className="jp-ModelSync-groups">
      {groups.map(each => (
        <Group
          key={each.name}
          side={side}
          group={each}
          known={known}
          busy={busy.get(each.name) ?? ''}
        />
      ))}
    </ul>
  );
});

const Group = React.memo(function Group(props: {
  side: Side;
  group: IGroup<AnyModel>;
  known: Known;
  busy: string;
}): JSX.Element {
  const { trans } = useEnv();
  const { side, known, busy } = props;
  const { name, versions } = props.group;
  const [open, setOpen] = React.useState(false);
  const [all, setAll] = React.useState(false);
  const shown = all ? versions : versions.slice(0, FEW);
  const newest = versions[0];
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <li>
      <div className="jp-ModelSync-row" data-ms-side={side} data-ms-name={name}>
        <button
          type="button"
          className="jp-ModelSync-fold"
          aria-expanded={open}
          title={name}
          onClick={() => setOpen(!open)}
        >
          <Caret.react tag="span" width="16px" aria-hidden="true" />
          <span className="jp-ModelSync-text">
            <span className="jp-ModelSync-name">{name}</span>
            <span className="jp-ModelSync-facts">
              {trans._n('%1 version', '%1 versions', versions.length)}
              {newest && ` · ${formatAge(newest.creation_time, trans)}`}
            </span>
          </span>
        </button>
        {newest && !open && (
          <MoveButton
            side={side}
            model={newest}
            match={matchOf(newest, known)}
            busy={busy !== ''}
            latest
          />
        )}
      </div>
      {open && (
        <ul className="jp-ModelSync-versions">
          {shown.map(model => (
            <Version
              key={model.tag}
              side={side}
              model={model}
              match={matchOf(model, known)}
              busy={busy.split(' ').includes(model.tag)}
            />
          ))}
          {shown.length < versions.length && (
            <li className="jp-ModelSync-more">
              <TextButton
                label={trans.__('Show all %1 versions', versions.length)}
                onClick={() => setAll(true)}
              />
            </li>
          )}
        </ul>
      )}
    </li>
  );
});

const Version = React.memo(function Version(props: {
  side: Side;
  model: AnyModel;
  match: Match;
  busy: boolean;
}): JSX.Element {
  const { trans, run, openMenu } = useEnv();
  const { side, model, match, busy } = props;
  return (
    <li className="jp-ModelSync-version">
      <div
        className="jp-ModelSync-row"
        data-ms-side={side}
        data-ms-tag={model.tag}
      >
        <button
          type="button"
          className="jp-ModelSync-open jp-ModelSync-text"
          title={trans.__('Details of %1', model.tag)}
          onClick={() => run(CommandIDs.details, { side, tag: model.tag })}
        >
          <span className="jp-ModelSync-name">{versionOf(model.tag)}</span>
          <span
            className="jp-ModelSync-facts"
            title={formatTime(model.creation_time)}
          >
            {formatSize(model.size)} · {formatAge(model.creation_time, trans)}
          </span>
        </button>
        <MatchBadge side={side} model={model} match={match} />
        <MoveButton side={side} model={model} match={match} busy={busy} />
        <IconButton
          icon={ellipsesIcon}
          label={trans.__('More for %1', model.tag)}
          menu
          onClick={event => openMenu(event.currentTarget, side, model.tag)}
        />
      </div>
      <Labels labels={model.labels} />
    </li>
  );
});

/** How it stands with this version, in a word. */
function MatchBadge(props: {
  side: Side;
  model: AnyModel;
  match: Match;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { side, model, match } = props;
  if (!isWhole(model)) {
    return (
      <Badge
        kind={model.upload_status === 'failed' ? 'bad' : 'warn'}
        title={trans.__('Its upload is not complete.')}
      >
        {model.upload_status}
      </Badge>
    );
  }
  if (match === 'differs') {
    return (
      <Badge
        kind="warn"
        title={trans.__('The local store and the registry differ.')}
      >
        {trans.__('differs')}
      </Badge>
    );
  }
  if (match === 'same') {
    return (
      <Badge
        kind="good"
        title={
          side === 'local'
            ? trans.__('The registry has it too.')
            : trans.__('The local store has it too.')
        }
      >
        {side === 'local' ? trans.__('pushed') : trans.__('here')}
      </Badge>
    );
  }
  return null;
}

/** Push or pull; nothing where there is nothing to move. */
function MoveButton(props: {
  side: Side;
  model: AnyModel;
  match: Match;
  busy: boolean;
  latest?: boolean;
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { side, model, match, busy, latest } = props;
  if (match === 'same' || !isWhole(model)) {
    return null;
  }
  const push = side === 'local';
  const pullLatest = latest && !push && match === 'absent';
  const tag = pullLatest ? `${nameOf(model.tag)}:latest` : model.tag;
  const [label, command] =
    match === 'differs'
      ? [
          push
            ? trans.__('Replace %1 in the registry…', tag)
            : trans.__('Replace the local %1…', tag),
          CommandIDs.replace
        ]
      : push
        ? [trans.__('Push %1', tag), CommandIDs.push]
        : [trans.__('Pull %1', tag), CommandIDs.pull];
  return (
    <IconButton
      icon={push ? fileUploadIcon : downloadIcon}
      label={busy ? trans.__('%1 is on its way', tag) : label}
      disabled={busy}
      onClick={() => run(command, { side, tag })}
    />
  );
}
