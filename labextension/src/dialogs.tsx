/**
 * Questions to the user. Each resolves to the answer, or to null if the user cancels.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { Words } from './components/parts';
import { formatSize, formatTime, shortDigest } from './format';
import { parseLabels, suggestName } from './tags';
import { ApiError } from './request';
import type { ICheck, IDetails, IDraft, IPlan } from './wire';

/** Whether to do something that cannot be undone. */
export async function confirm(options: {
  title: string;
  body: React.ReactElement | string;
  accept: string;
  trans: TranslationBundle;
}): Promise<boolean> {
  const { title, body, accept, trans } = options;
  const { button } = await showDialog({
    title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: accept })
    ],
    defaultButton: 0
  });
  return button.accept;
}

/** Whether to delete a version from the local store. */
export function askToDelete(
  tag: string,
  elsewhere: boolean,
  trans: TranslationBundle
): Promise<boolean> {
  return confirm({
    title: trans.__('Delete %1?', tag),
    body: elsewhere
      ? trans.__(
          'It will be deleted from this computer. The registry keeps its copy.'
        )
      : trans.__(
          'It will be permanently deleted from this computer. The registry does not have it.'
        ),
    accept: trans.__('Delete'),
    trans
  });
}

/** Whether to overwrite one side of a version by the other. */
export function askToOverwrite(
  plan: IPlan,
  details: IDetails,
  trans: TranslationBundle
): Promise<boolean> {
  return confirm({
    title:
      plan.direction === 'push'
        ? trans.__('Overwrite %1 in the registry?', plan.tag)
        : trans.__('Overwrite the local %1?', plan.tag),
    body: <PlanBody plan={plan} details={details} trans={trans} />,
    accept: trans.__('Overwrite'),
    trans
  });
}

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
      <p>
        {push
          ? trans.__('Up to %1 to upload.', formatSize(plan.size))
          : trans.__('Up to %1 to download.', formatSize(plan.size))}
      </p>
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

/** Show what was looked at for problems, and what to do about those that were found. */
export async function showChecks(
  checks: Promise<ICheck[]>,
  trans: TranslationBundle
): Promise<void> {
  await showDialog({
    title: trans.__('Diagnose problems'),
    body: <Checks checks={checks} trans={trans} />,
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}

export function Checks(props: {
  checks: Promise<ICheck[]>;
  trans: TranslationBundle;
}): JSX.Element {
  const { checks, trans } = props;
  const [found, setFound] = React.useState<ICheck[] | null>(null);
  const [error, setError] = React.useState('');
  React.useEffect(() => {
    checks.then(setFound, (reason: unknown) =>
      setError(ApiError.of(reason).message)
    );
  }, [checks]);
  const words = {
    ok: `✓ ${trans.__('fine')}`,
    warning: `! ${trans.__('warning')}`,
    failed: `✗ ${trans.__('failed')}`,
    skipped: `– ${trans.__('skipped')}`
  };
  if (error) {
    return <p role="alert">{error}</p>;
  }
  if (!found) {
    return (
      <p role="status">{trans.__('Looking at store, registry and network…')}</p>
    );
  }
  return (
    <table className="jp-ModelSync-checks">
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

/** What to save a file or folder as. */
export async function askForDraft(
  path: string,
  trans: TranslationBundle
): Promise<IDraft | null> {
  const body = new DraftBody(path, trans);
  const { button, value } = await showDialog({
    title: trans.__('Save as model'),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Save') })
    ],
    focusNodeSelector: 'input'
  });
  return button.accept ? value : null;
}

class DraftBody
  extends ReactWidget
  implements Dialog.IBodyWidget<IDraft | null>
{
  constructor(
    private readonly _path: string,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-ModelSync-draft');
  }

  getValue(): IDraft | null {
    const text = (name: string): string =>
      this.node.querySelector<HTMLInputElement>(`[name=${name}]`)?.value ?? '';
    const name = text('name').trim();
    return name
      ? { name, path: this._path, labels: parseLabels(text('labels')) }
      : null;
  }

  protected render(): JSX.Element {
    const trans = this._trans;
    return (
      <>
        <p>
          <Words
            text={trans.__('`%1` is copied into the local store.', this._path)}
          />
        </p>
        <label>
          {trans.__('Name, or name:version')}
          <input
            name="name"
            className="jp-mod-styled"
            required
            spellCheck={false}
            defaultValue={suggestName(this._path)}
          />
        </label>
        <label>
          {trans.__('Labels (optional)')}
          <input
            name="labels"
            className="jp-mod-styled"
            placeholder={trans.__('stage=test, team=nlp')}
            spellCheck={false}
          />
        </label>
      </>
    );
  }
}
