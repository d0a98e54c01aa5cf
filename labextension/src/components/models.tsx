/**
 * Models of one side, grouped by name; versions are folded until asked for.
 */
import {
  caretDownIcon,
  caretRightIcon,
  ellipsesIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import { formatAge, formatSize, formatTime } from '../format';
import { type IStates, stateOf } from '../states';
import type { IGroup } from '../tags';
import { group, versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IModel, IVersionState, Side } from '../wire';
import { useEnv } from './env';
import { IconButton, Labels, TextButton } from './parts';
import { MoveButton, SyncBadge } from './sync';

/** Versions of a name that are shown at first. */
const FEW = 20;

export const ModelList = React.memo(function ModelList(props: {
  side: Side;
  items: readonly IModel[];
  states: IStates;
  /** Tags that are being transferred, by name, separated by blanks. */
  busy: ReadonlyMap<string, string>;
}): JSX.Element {
  const { side, items, states, busy } = props;
  const groups = React.useMemo(() => group(items), [items]);
  return (
    <ul className="jp-ModelSync-groups">
      {groups.map(each => (
        <Group
          key={each.name}
          side={side}
          group={each}
          states={states}
          busy={busy.get(each.name) ?? ''}
        />
      ))}
    </ul>
  );
});

const Group = React.memo(function Group(props: {
  side: Side;
  group: IGroup<IModel>;
  states: IStates;
  busy: string;
}): JSX.Element {
  const { trans } = useEnv();
  const { side, states, busy } = props;
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
            tag={newest.tag}
            state={stateOf(states, newest.tag)}
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
              state={stateOf(states, model.tag)}
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
  model: IModel;
  state: IVersionState | undefined;
  busy: boolean;
}): JSX.Element {
  const { trans, run, openMenu } = useEnv();
  const { side, model, state, busy } = props;
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
        <SyncBadge state={state} />
        <MoveButton side={side} tag={model.tag} state={state} busy={busy} />
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
