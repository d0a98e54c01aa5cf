/**
 * What was looked at for problems, and what to do about those that were found.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { ICheck } from '../wire';
import { useAnswer } from './answer';
import { Words } from './parts';

export function Checks(props: {
  checks: Promise<ICheck[]>;
  trans: TranslationBundle;
}): JSX.Element {
  const { checks, trans } = props;
  const ask = React.useCallback(() => checks, [checks]);
  const { value: found, error } = useAnswer(ask);
  const words = {
    ok: `✓ ${trans.__('ok')}`,
    warning: `! ${trans.__('warning')}`,
    failed: `✗ ${trans.__('failed')}`,
    skipped: `– ${trans.__('skipped')}`
  };
  if (error) {
    return <p role="alert">{error.message}</p>;
  }
  if (!found) {
    return (
      <p role="status">{trans.__('Looking at store, registry and network…')}</p>
    );
  }
  return (
    <table
      className="jp-ModelSync-checks"
      aria-label={trans.__('Diagnose problems')}
      tabIndex={0} // so that the keys scroll what does not fit
    >
      <tbody>
        {found.map((each, index) => (
          <tr key={index} className={`jp-mod-${each.mark}`}>
            <td>{words[each.mark]}</td>
            <th scope="row">{each.name}</th>
            <td>
              <Words text={each.text} />
              {each.step?.text && (
                <p>
                  <Words text={each.step.text} />
                </p>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
