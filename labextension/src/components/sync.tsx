/**
 * How a version stands between the local store and the registry, and what can be done about it.
 */
import { downloadIcon, fileUploadIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { isUnasked } from '../states';
import { nameOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IVersionState, Side, SyncState } from '../wire';
import { useEnv } from './env';
import { Badge, IconButton } from './parts';

const KINDS: Record<SyncState, 'good' | 'warn' | 'plain'> = {
  'in sync': 'good',
  different: 'warn',
  partial: 'warn',
  'local only': 'plain',
  'remote only': 'plain',
  unknown: 'plain'
};

/** The state of a version, in a word; its tooltip says more. */
export function SyncBadge(props: {
  state: IVersionState | undefined;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { state } = props;
  return state ? (
    <Badge kind={KINDS[state.state]} title={explain(state, trans)}>
      {wordFor(state.state, trans)}
    </Badge>
  ) : null;
}

function wordFor(state: SyncState, trans: TranslationBundle): string {
  return {
    'in sync': trans.__('in sync'),
    different: trans.__('different'),
    partial: trans.__('partial'),
    'local only': trans.__('local only'),
    'remote only': trans.__('remote only'),
    unknown: trans.__('unknown')
  }[state];
}

/** A state in a sentence; for an unknown one, why it is unknown. */
export function explain(
  state: IVersionState,
  trans: TranslationBundle
): string {
  switch (state.state) {
    case 'in sync':
      return trans.__('The local store and the registry have the same files.');
    case 'different':
      return trans.__(
        'The local store and the registry have different files under this tag.'
      );
    case 'partial':
      return trans.__('An upload of this version did not finish.');
    case 'local only':
      return trans.__('New: the registry does not have this version.');
    case 'remote only':
      return trans.__('The local store does not have this version.');
    default:
      if (isUnasked(state)) {
        return trans.__('Cannot compare: the registry did not answer.');
      }
      return state.remote === null
        ? trans.__(
            'Cannot compare: the registry has no content digest for this version.'
          )
        : trans.__(
            'Not compared yet: the local files have not been read since they changed. Push or pull compares them first.'
          );
  }
}

/** What can be done with a version from one side; null where there is nothing to move. */
export function moveFor(
  side: Side,
  state: SyncState
): 'move' | 'overwrite' | null {
  switch (state) {
    case 'in sync':
      return null;
    case 'partial':
      return side === 'local' ? 'move' : null;
    case 'different':
      return 'overwrite';
    default:
      return 'move';
  }
}

/** Push or pull; nothing where there is nothing to move. Before the state is known it is offered: the plan decides. */
export function MoveButton(props: {
  side: Side;
  tag: string;
  state: IVersionState | undefined;
  busy: boolean;
  /** Whether it is the newest version of its name, and stands for all of them. */
  latest?: boolean;
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { side, state, busy, latest } = props;
  const move = state ? moveFor(side, state.state) : 'move';
  if (!move) {
    return null;
  }
  const push = side === 'local';
  const pullLatest =
    latest && !push && (!state || state.state === 'remote only');
  const tag = pullLatest ? `${nameOf(props.tag)}:latest` : props.tag;
  const [label, command] =
    move === 'overwrite'
      ? [
          push
            ? trans.__('Overwrite %1 in the registry…', tag)
            : trans.__('Overwrite the local %1…', tag),
          CommandIDs.replace
        ]
      : push
        ? [trans.__('Push %1', tag), CommandIDs.push]
        : [trans.__('Pull %1', tag), CommandIDs.pull];
  return (
    <IconButton
      icon={push ? fileUploadIcon : downloadIcon}
      label={busy ? trans.__('%1 is being transferred', tag) : label}
      disabled={busy}
      onClick={() => run(command, { side, tag })}
    />
  );
}
