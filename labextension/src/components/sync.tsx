/**
 * How a version stands between the local store and the registry, and the one action that makes sense for it.
 */
import {
  downloadIcon,
  fileUploadIcon,
  type LabIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { compareIcon, stateIcons } from '../icons';
import { versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IVersion, SyncState } from '../wire';
import { useEnv } from './env';
import { IconButton } from './parts';

const KINDS: Record<SyncState, string> = {
  'in sync': 'good',
  different: 'warn',
  partial: 'warn',
  'local only': 'plain',
  'remote only': 'plain',
  unknown: 'plain'
};

/** The state of a version as a mark and a word; its tooltip says more. Nothing while it has not been compared. */
export function StateMark(props: {
  state: SyncState | null;
  text?: string;
  version?: IVersion;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { state, text, version } = props;
  if (!state) {
    return null;
  }
  const Icon = stateIcons[state];
  return (
    <span
      className={`jp-ModelSync-state jp-mod-${KINDS[state]}`}
      title={
        text && !version
          ? `${text} ${wordFor(state, trans)}`
          : explain(state, trans, version)
      }
    >
      <Icon.react tag="span" aria-hidden="true" />
      <span className="jp-ModelSync-word">{text ?? wordFor(state, trans)}</span>
    </span>
  );
}

export function wordFor(state: SyncState, trans: TranslationBundle): string {
  return {
    'in sync': trans.__('in sync'),
    different: trans.__('different'),
    partial: trans.__('partial'),
    'local only': trans.__('local only'),
    'remote only': trans.__('remote only'),
    unknown: trans.__('unknown')
  }[state];
}

/** In which states the versions of a name are, and how many in each; what needs attention comes first. */
export function summarize(
  states: Record<string, number>,
  trans: TranslationBundle
): { state: SyncState; count: number; word: string }[] {
  const order: SyncState[] = [
    'different',
    'partial',
    'unknown',
    'local only',
    'remote only',
    'in sync'
  ];
  return order.flatMap(state => {
    const count = states[state];
    return count ? [{ state, count, word: wordFor(state, trans) }] : [];
  });
}

/** A state in a sentence; for an unknown one, why it is unknown. */
export function explain(
  state: SyncState,
  trans: TranslationBundle,
  version?: IVersion
): string {
  switch (state) {
    case 'in sync':
      return trans.__('The local store and the registry have the same files.');
    case 'different':
      return trans.__(
        'The local store and the registry have different files under this tag.'
      );
    case 'partial':
      return trans.__('An upload of this version did not finish.');
    case 'local only':
      return trans.__('The registry does not have this version.');
    case 'remote only':
      return trans.__('The local store does not have this version.');
    default:
      return version?.remote?.digest === null
        ? trans.__(
            'Cannot compare: the registry has no content digest for this version.'
          )
        : trans.__(
            'Not compared: the local files have not been read since they changed.'
          );
  }
}

export interface IMove {
  label: string;
  command: string;
  icon: LabIcon;
}

/** The one action that makes sense for a version, if any. */
export function moveFor(
  version: IVersion,
  trans: TranslationBundle
): IMove | null {
  const { state, tag, local, remote } = version;
  switch (state) {
    case 'local only':
      return {
        label: trans.__('Push %1', tag),
        command: CommandIDs.push,
        icon: fileUploadIcon
      };
    case 'remote only':
      return {
        label: trans.__('Pull %1', tag),
        command: CommandIDs.pull,
        icon: downloadIcon
      };
    case 'partial':
      return local
        ? {
            label: trans.__('Push %1; it resumes where it left off', tag),
            command: CommandIDs.push,
            icon: fileUploadIcon
          }
        : null;
    case 'different':
      return {
        label: trans.__('Compare %1 with the registry', tag),
        command: CommandIDs.compare,
        icon: compareIcon
      };
    case 'unknown':
      return remote?.digest
        ? {
            label: trans.__('Read the files of %1 and compare', tag),
            command: CommandIDs.check,
            icon: compareIcon
          }
        : null;
    default:
      return null;
  }
}

/** The button for that action; for a folded name, that of its newest version. */
export function MoveButton(props: {
  version: IVersion;
  newest: boolean;
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { version, newest } = props;
  const move = moveFor(version, trans);
  if (!move) {
    return null;
  }
  const { label, icon, command } = move;
  return (
    <IconButton
      icon={icon}
      label={
        newest
          ? trans.__('%1 (the newest, %2)', label, versionOf(version.tag))
          : label
      }
      quiet
      onClick={() => run(command, { tag: version.tag })}
    />
  );
}
