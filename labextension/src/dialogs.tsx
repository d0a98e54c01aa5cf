/**
 * Questions to the user. Each resolves to the answer, or to null if the user cancels.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { Words } from './components/parts';
import { formatSize } from './format';
import { parseLabels, suggestName } from './tags';
import type { IDraft, IPlan } from './wire';

/** Whether to delete a model from the local store. */
export async function askToDelete(
  tag: string,
  trans: TranslationBundle
): Promise<boolean> {
  const { button } = await showDialog({
    title: trans.__('Delete %1?', tag),
    body: trans.__(
      'It will be permanently deleted from this computer. The registry is not changed.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    defaultButton: 0
  });
  return button.accept;
}

/** Whether to overwrite, as a plan says. */
export async function askToReplace(
  plan: IPlan,
  trans: TranslationBundle
): Promise<boolean> {
  const label =
    plan.action === 'replace'
      ? trans.__('Overwrite')
      : plan.direction === 'push'
        ? trans.__('Push')
        : trans.__('Pull');
  const { button } = await showDialog({
    title:
      plan.direction === 'push'
        ? trans.__('Overwrite %1 in the registry?', plan.tag)
        : trans.__('Overwrite the local %1?', plan.tag),
    body: <PlanBody plan={plan} trans={trans} />,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      plan.action === 'replace'
        ? Dialog.warnButton({ label })
        : Dialog.okButton({ label })
    ],
    defaultButton: 0
  });
  return button.accept;
}

export function PlanBody(props: {
  plan: IPlan;
  trans: TranslationBundle;
}): JSX.Element {
  const { plan, trans } = props;
  return (
    <div className="jp-ModelSync-plan">
      <p>
        <Words text={plan.reason} />
      </p>
      <ol>
        {plan.operations.map((each, index) => (
          <li key={index}>
            <strong>{each.verb}</strong> {each.subject},{' '}
            <Words text={each.reason} />
          </li>
        ))}
      </ol>
      <p>
        {plan.direction === 'push'
          ? trans.__('Up to %1 to upload.', formatSize(plan.size))
          : trans.__('Up to %1 to download.', formatSize(plan.size))}
      </p>
    </div>
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
