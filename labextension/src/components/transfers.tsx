/**
 * Transfers that run, and how the last ones ended.
 */
import {
  closeIcon,
  downloadIcon,
  fileUploadIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import { endLine, isActive, percent, progressLine } from '../format';
import { type IStates, stateOf } from '../states';
import { CommandIDs } from '../tokens';
import type { IRecord } from '../wire';
import { useEnv } from './env';
import { Badge, Hint, IconButton, TextButton, Words } from './parts';
import { Section } from './section';

/** Transfers that have ended and are shown at first. */
const FEW = 3;

/** The newest transfer of each tag and direction: what came before it is history. */
export function newestOfEach(records: readonly IRecord[]): IRecord[] {
  const seen = new Set<string>();
  return records.filter(record => {
    const key = `${record.direction} ${record.tag}`;
    return seen.has(key) && !isActive(record) ? false : !!seen.add(key);
  });
}

export function TransferList(props: {
  records: readonly IRecord[];
  states: IStates;
  isStopping: (id: string) => boolean;
}): JSX.Element | null {
  const { trans } = useEnv();
  const [all, setAll] = React.useState(false);
  const records = React.useMemo(
    () => newestOfEach(props.records),
    [props.records]
  );
  if (!records.length) {
    return null;
  }
  const active = records.filter(isActive);
  const ended = records.filter(record => !isActive(record));
  const shown = [...active, ...(all ? ended : ended.slice(0, FEW))];
  return (
    <Section title={trans.__('Transfers')} count={active.length || undefined}>
      <ul className="jp-ModelSync-transfers">
        {shown.map(record => (
          <Transfer
            key={record.id}
            record={record}
            different={stateOf(props.states, record.tag)?.state === 'different'}
            stopping={props.isStopping(record.id)}
          />
        ))}
      </ul>
      {shown.length < records.length && (
        <TextButton
          label={trans.__('Show %1 older', records.length - shown.length)}
          onClick={() => setAll(true)}
        />
      )}
    </Section>
  );
}

const Transfer = React.memo(function Transfer(props: {
  record: IRecord;
  /** Whether both sides have different files under its tag. */
  different: boolean;
  stopping: boolean;
}): JSX.Element {
  const { trans, run } = useEnv();
  const { record, different, stopping } = props;
  const { direction, id, tag } = record;
  const active = isActive(record);
  const Arrow = direction === 'push' ? fileUploadIcon : downloadIcon;
  return (
    <li className="jp-ModelSync-transfer" data-ms-transfer={id}>
      <div className="jp-ModelSync-row">
        <span
          className="jp-ModelSync-arrow"
          role="img"
          aria-label={
            direction === 'push' ? trans.__('Push') : trans.__('Pull')
          }
        >
          <Arrow.react tag="span" width="16px" aria-hidden="true" />
        </span>
        <span className="jp-ModelSync-name" title={tag}>
          {tag}
        </span>
        <StateBadge record={record} />
        {active && (
          <IconButton
            icon={closeIcon}
            label={
              stopping
                ? trans.__('%1 is being cancelled', tag)
                : trans.__('Cancel %1; it can be resumed', tag)
            }
            disabled={stopping}
            onClick={() => run(CommandIDs.cancel, { id })}
          />
        )}
      </div>
      {active ? (
        <Running record={record} stopping={stopping} />
      ) : (
        <Ended record={record} different={different} />
      )}
    </li>
  );
});

function StateBadge({ record }: { record: IRecord }): JSX.Element | null {
  const { trans } = useEnv();
  switch (record.state) {
    case 'succeeded':
      return record.outcome?.status === 'skipped' ? (
        <Badge kind="plain">{trans.__('skipped')}</Badge>
      ) : (
        <Badge kind="good">{trans.__('done')}</Badge>
      );
    case 'failed':
      return <Badge kind="bad">{trans.__('failed')}</Badge>;
    case 'cancelled':
      return <Badge kind="plain">{trans.__('cancelled')}</Badge>;
    case 'interrupted':
      return <Badge kind="warn">{trans.__('interrupted')}</Badge>;
    default:
      return null;
  }
}

function Running(props: { record: IRecord; stopping: boolean }): JSX.Element {
  const { trans } = useEnv();
  const { record, stopping } = props;
  const done = percent(record);
  return (
    <>
      <div
        className={
          'jp-ModelSync-bar' + (done === null ? ' jp-mod-unknown' : '')
        }
        role="progressbar"
        aria-label={trans.__('Progress of %1', record.tag)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={done ?? undefined}
      >
        <div style={{ width: `${done ?? 0}%` }} />
      </div>
      <div className="jp-ModelSync-facts">
        {stopping ? trans.__('Cancelling…') : progressLine(record, trans)}
      </div>
    </>
  );
}

function Ended(props: { record: IRecord; different: boolean }): JSX.Element {
  const { trans, run } = useEnv();
  const { record, different } = props;
  const { direction, error, id, state, tag } = record;
  const line = endLine(record, trans);
  const failed = state === 'failed';
  const again = failed
    ? [trans.__('Retry'), trans.__('Retry %1', tag)]
    : [trans.__('Resume'), trans.__('Resume %1', tag)];
  const overwritable = record.outcome?.status === 'skipped' && different;
  return (
    <div className="jp-ModelSync-ended">
      {failed && error ? (
        <>
          <p className="jp-ModelSync-failure">
            <Words text={error.message} />
          </p>
          <Hint problem={error} />
        </>
      ) : (
        line && (
          <div className="jp-ModelSync-facts">
            <Words text={line} />
          </div>
        )
      )}
      {state !== 'succeeded' && (
        <TextButton
          label={again[0] ?? ''}
          description={again[1]}
          onClick={() => run(CommandIDs.resume, { id })}
        />
      )}
      {overwritable && (
        <TextButton
          label={trans.__('Overwrite…')}
          description={trans.__('Overwrite %1…', tag)}
          onClick={() =>
            run(CommandIDs.replace, {
              side: direction === 'push' ? 'local' : 'remote',
              tag
            })
          }
        />
      )}
    </div>
  );
}
