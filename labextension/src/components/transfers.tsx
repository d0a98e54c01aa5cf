/**
 * Transfers: those that run, and what came of the last ones, above the list; all others in a history below it.
 */
import {
  caretDownIcon,
  caretRightIcon,
  closeIcon,
  downloadIcon,
  fileUploadIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import {
  endLine,
  endTime,
  formatTime,
  isActive,
  wayDone,
  wayOf
} from '../format';
import { pauseIcon } from '../icons';
import { versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IRecord } from '../wire';
import { useEnv } from './env';
import { Middle } from './middle';
import {
  Bar,
  CancelButton,
  Hint,
  IconButton,
  TextButton,
  Words
} from './parts';

/** The newest transfer of each tag and direction: what came before it is history. */
function newestOfEach(records: readonly IRecord[]): IRecord[] {
  const seen = new Set<string>();
  return records.filter(record => {
    const key = `${record.direction} ${record.tag}`;
    return seen.has(key) && !isActive(record) ? false : !!seen.add(key);
  });
}

/** Those that are in sight above the list; all others are history. */
export function pinnedOf(records: readonly IRecord[]): IRecord[] {
  return newestOfEach(records).filter(isOfInterest);
}

/** Whether somebody should learn how it ended: its row in the list says no more than that all is well. */
function isOfInterest(record: IRecord): boolean {
  return (
    isActive(record) ||
    record.state !== 'succeeded' ||
    record.outcome?.different === true
  );
}

/** Transfers that run, and those that ended otherwise than well until they are put away. */
export function Pinned(props: {
  records: readonly IRecord[];
  isStopping: (id: string) => boolean;
  onDismiss: (id: string) => void;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { records } = props;
  return records.length ? (
    <section className="jp-ModelSync-pinned" aria-label={trans.__('Transfers')}>
      <ul>
        {records.map(record => (
          <Transfer
            key={record.id}
            record={record}
            stopping={props.isStopping(record.id)}
            onDismiss={props.onDismiss}
          />
        ))}
      </ul>
    </section>
  ) : null;
}

export function History(props: {
  records: readonly IRecord[];
  open: boolean;
  onToggle: () => void;
}): JSX.Element | null {
  const { trans, run } = useEnv();
  const { open, onToggle } = props;
  const records = props.records.filter(record => !isActive(record));
  const id = React.useId();
  if (!records.length) {
    return null;
  }
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section
      className={'jp-ModelSync-history' + (open ? ' jp-mod-open' : '')}
      aria-labelledby={id}
    >
      <div className="jp-ModelSync-historyTitle">
        <h2>
          <button id={id} type="button" aria-expanded={open} onClick={onToggle}>
            <Caret.react tag="span" width="16px" aria-hidden="true" />
            {trans.__('History')}
            <span className="jp-ModelSync-count">{records.length}</span>
          </button>
        </h2>
        {open && (
          <TextButton
            label={trans.__('Clear')}
            description={trans.__('Clear the history of transfers')}
            onClick={() => run(CommandIDs.clearHistory)}
          />
        )}
      </div>
      {open && (
        <ul>
          {records.map(record => (
            <Transfer key={record.id} record={record} stopping={false} />
          ))}
        </ul>
      )}
    </section>
  );
}

const Transfer = React.memo(function Transfer(props: {
  record: IRecord;
  stopping: boolean;
  onDismiss?: (id: string) => void;
}): JSX.Element {
  const { trans, run } = useEnv();
  const { record, stopping, onDismiss } = props;
  const { direction, id, state, tag } = record;
  const active = isActive(record);
  const out = direction === 'push' || direction === 'export';
  const Arrow = out ? fileUploadIcon : downloadIcon;
  const what = wayOf(record, trans);
  const way = wayDone(record, trans);
  return (
    <li className="jp-ModelSync-transfer" data-ms-transfer={id}>
      <div className="jp-ModelSync-transferTitle">
        <span
          className="jp-ModelSync-arrow"
          title={what}
          role="img"
          aria-label={what}
        >
          <Arrow.react tag="span" width="16px" />
        </span>
        <Middle
          className="jp-ModelSync-name"
          text={tag}
          tail={Math.min(versionOf(tag).length + 3, 16)}
        />
        {!active && (
          <span className={`jp-ModelSync-ending jp-mod-${state}`}>
            {ending(record, trans)}
          </span>
        )}
        {active && !stopping && (
          <IconButton
            icon={pauseIcon}
            label={trans.__('Pause %1', tag)}
            onClick={() => run(CommandIDs.pause, { id })}
          />
        )}
        {active ? (
          <CancelButton record={record} stopping={stopping} />
        ) : (
          <IconButton
            icon={closeIcon}
            label={
              onDismiss
                ? trans.__('Dismiss %1', tag)
                : trans.__('Remove %1 from the history', tag)
            }
            onClick={() =>
              onDismiss ? onDismiss(id) : run(CommandIDs.forget, { id })
            }
          />
        )}
      </div>
      {active ? (
        <>
          <Bar record={record} />
          <div className="jp-ModelSync-line jp-ModelSync-facts">
            <span className="jp-ModelSync-moving">
              {stopping ? trans.__('Stopping…') : way.done}
            </span>
            {!stopping && <span className="jp-ModelSync-left">{way.left}</span>}
          </div>
        </>
      ) : (
        <Ended record={record} dated={!onDismiss} />
      )}
    </li>
  );
});

function ending(record: IRecord, trans: TranslationBundle): string {
  switch (record.state) {
    case 'succeeded':
      return record.outcome?.status === 'skipped'
        ? trans.__('skipped')
        : trans.__('done');
    case 'failed':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
    case 'paused':
      return trans.__('paused');
    default:
      return trans.__('interrupted');
  }
}

function Ended(props: { record: IRecord; dated: boolean }): JSX.Element {
  const { trans, run } = useEnv();
  const { record, dated } = props;
  const { error, id, state, tag } = record;
  const line = endLine(record, trans);
  const failed = state === 'failed';
  const [again, description] = failed
    ? [trans.__('Retry'), trans.__('Retry %1', tag)]
    : [trans.__('Resume'), trans.__('Resume %1', tag)];
  return (
    <div className="jp-ModelSync-ended">
      {(dated || line) && (
        <div className="jp-ModelSync-facts">
          {dated && <EndTime record={record} />}
          {dated && line && ' · '}
          <Words text={line} />
        </div>
      )}
      {failed && error && (
        <>
          <p className="jp-ModelSync-failure">
            <Words text={error.message} />
          </p>
          <Hint problem={error} />
        </>
      )}
      <div className="jp-ModelSync-choices">
        {state !== 'succeeded' && (
          <TextButton
            label={again}
            description={description}
            onClick={() => run(CommandIDs.resume, { id })}
          />
        )}
        {record.outcome?.different && (
          <TextButton
            label={trans.__('Compare…')}
            description={trans.__('Compare %1 with the registry', tag)}
            onClick={() => run(CommandIDs.compare, { tag })}
          />
        )}
      </div>
    </div>
  );
}

function EndTime({ record }: { record: IRecord }): JSX.Element {
  const seconds = record.ended ?? record.updated;
  return (
    <time title={formatTime(new Date(seconds * 1000).toISOString())}>
      {endTime(record)}
    </time>
  );
}
