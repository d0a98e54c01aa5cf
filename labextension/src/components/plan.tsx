/**
 * What overwriting would do: both sides, what travels, what differs, and the steps.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { formatSize, formatTime, shortDigest } from '../format';
import type { IDetails, IForecast, IPlan } from '../wire';
import { Words } from './parts';

export function PlanBody(props: {
  plan: IPlan;
  details: IDetails;
  trans: TranslationBundle;
}): JSX.Element {
  const { plan, details, trans } = props;
  const { local_details: local, remote_details: remote } = details;
  const push = plan.direction === 'push';
  const rows: [string, string, string][] = [
    [
      trans.__('Content'),
      shortDigest(local?.digest ?? '') || trans.__('unknown'),
      shortDigest(remote?.digest ?? '') || trans.__('unknown')
    ],
    [
      trans.__('Size'),
      formatSize(local?.size ?? 0),
      formatSize(remote?.size ?? 0)
    ],
    [
      trans.__('Created'),
      formatTime(local?.creation_time ?? ''),
      formatTime(remote?.creation_time ?? '')
    ]
  ];
  return (
    <div className="jp-ModelSync-plan">
      <p>
        {push
          ? trans.__(
              'The registry’s copy is replaced by the local one, for everybody. This cannot be undone.'
            )
          : trans.__(
              'The local copy is replaced by the registry’s. This cannot be undone.'
            )}
      </p>
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">{trans.__('Local')}</th>
            <th scope="col">{trans.__('Registry')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, mine, theirs]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{mine}</td>
              <td>{theirs}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>{travels(plan, trans)}</p>
      {plan.forecast?.changes && (
        <p>
          <Words text={changed(plan.forecast.changes, trans)} />
        </p>
      )}
      <details>
        <summary>{trans.__('Steps')}</summary>
        <ol>
          {plan.operations.map((each, index) => (
            <li key={index}>
              <strong>{each.verb}</strong> {each.subject},{' '}
              <Words text={each.reason} />
            </li>
          ))}
        </ol>
      </details>
    </div>
  );
}

/** What will travel, and what of it is there already. */
function travels(plan: IPlan, trans: TranslationBundle): string {
  const { forecast, direction, size } = plan;
  const bytes = formatSize(forecast?.bytes_moved ?? size);
  const amount = forecast?.exact ? bytes : trans.__('Up to %1', bytes);
  const moved =
    direction === 'push'
      ? trans.__('%1 to upload', amount)
      : trans.__('%1 to download', amount);
  return forecast?.bytes_reused
    ? trans.__(
        '%1; %2 are there already.',
        moved,
        formatSize(forecast.bytes_reused)
      )
    : `${moved}.`;
}

/** Files that are named as different; the others are counted. */
const NAMED = 5;

/** Which files differ from those that are overwritten. */
function changed(
  changes: NonNullable<IForecast['changes']>,
  trans: TranslationBundle
): string {
  const { file_count, files } = changes;
  if (!file_count) {
    return trans.__('Only what `model.yaml` says differs.');
  }
  const names = files.slice(0, NAMED).map(each => `\`${each.name}\``);
  const rest = file_count - names.length;
  const more = rest ? [trans._n('%1 more', '%1 more', rest)] : [];
  return trans.__(
    '%1: %2.',
    trans._n('%1 file differs', '%1 files differ', file_count),
    [...names, ...more].join(', ')
  );
}
