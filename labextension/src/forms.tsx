/**
 * The ways in which a user is asked something: to agree, to choose, to type a name, and to fill in a form.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import React from 'react';

import { Words } from './components/parts';

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
    buttons: graveButtons(accept, trans),
    defaultButton: 0
  });
  return button.accept;
}

/** Whether to do something grave: its button works once the name of what is concerned was typed. */
export async function confirmByTyping(options: {
  title: string;
  text: string;
  typed: string;
  accept: string;
  trans: TranslationBundle;
}): Promise<boolean> {
  const { title, text, typed, accept, trans } = options;
  const label = trans.__('Type %1 to confirm', typed);
  const body = new TypingBody({ name: 'typed', label }, text, typed);
  const { button, value } = await showDialog({
    title,
    body,
    buttons: graveButtons(accept, trans),
    defaultButton: 1,
    focusNodeSelector: 'input'
  });
  return button.accept && value?.typed === typed;
}

/** Which of some texts; null if the user cancels. JupyterLab's own dialog for that has a list without a name. */
export async function choose(options: {
  title: string;
  label: string;
  items: readonly string[];
  /** The one that is chosen already. */
  current?: string;
  /** Whether another text may be typed. */
  free?: boolean;
  accept: string;
  trans: TranslationBundle;
}): Promise<string | null> {
  const { label, items, current, free, ...more } = options;
  const values = await ask({
    ...more,
    fields: [
      {
        name: 'choice',
        label,
        required: true,
        value: current,
        ...(free
          ? { suggestions: [...items] }
          : { choices: items.map(each => [each, each]) })
      }
    ]
  });
  return values?.choice || null;
}

/** A field of a form in a dialog. */
interface IField {
  name: string;
  label: string;
  value?: string;
  placeholder?: string;
  required?: boolean;
  /** Values to choose from, with the words for them. */
  choices?: [string, string][];
  /** Values that are offered; others are possible. */
  suggestions?: string[];
}

/** Ask for some texts; resolves to null if the user cancels, or leaves out one that is required. */
export async function ask(options: {
  title: string;
  text?: string;
  accept: string;
  fields: IField[];
  trans: TranslationBundle;
}): Promise<Record<string, string> | null> {
  const { title, text, accept, fields, trans } = options;
  const body = new FormBody(fields, text);
  const { button, value } = await showDialog({
    title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: accept })
    ],
    focusNodeSelector: 'input'
  });
  return button.accept ? value : null;
}

/** Cancel, and what is not to be pressed by accident. */
export function graveButtons(
  accept: string,
  trans: TranslationBundle
): Dialog.IButton[] {
  return [
    Dialog.cancelButton({ label: trans.__('Cancel') }),
    Dialog.warnButton({ label: accept })
  ];
}

class FormBody
  extends ReactWidget
  implements Dialog.IBodyWidget<Record<string, string> | null>
{
  constructor(
    private readonly _fields: IField[],
    private readonly _text?: string
  ) {
    super();
    this.addClass('jp-ModelSync-draft');
  }

  getValue(): Record<string, string> | null {
    const values = Object.fromEntries(
      this._fields.map(({ name }) => [
        name,
        this.node
          .querySelector<HTMLInputElement>(`[name=${name}]`)
          ?.value.trim() ?? ''
      ])
    );
    return this._fields.every(each => !each.required || values[each.name])
      ? values
      : null;
  }

  protected render(): JSX.Element {
    return (
      <>
        {this._text && (
          <p>
            <Words text={this._text} />
          </p>
        )}
        {this._fields.map(field => {
          const { name, label, choices, suggestions, value, ...more } = field;
          return (
            <label key={name}>
              {label}
              {choices ? (
                <select
                  name={name}
                  className="jp-mod-styled"
                  defaultValue={value}
                >
                  {choices.map(([choice, words]) => (
                    <option key={choice} value={choice}>
                      {words}
                    </option>
                  ))}
                </select>
              ) : (
                <input
                  name={name}
                  className="jp-mod-styled"
                  spellCheck={false}
                  defaultValue={value}
                  list={suggestions && `modelsync-${name}`}
                  {...more}
                />
              )}
              {suggestions && (
                <datalist id={`modelsync-${name}`}>
                  {suggestions.map(each => (
                    <option key={each} value={each} />
                  ))}
                </datalist>
              )}
            </label>
          );
        })}
      </>
    );
  }
}

/** A form of one field; the button to accept is dead until it has the right text. */
class TypingBody extends FormBody {
  constructor(
    field: IField,
    text: string,
    private readonly _typed: string
  ) {
    super([field], text);
    this.node.addEventListener('input', () => this._check());
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._check();
  }

  private _check(): void {
    const dialog = this.node.closest('.jp-Dialog');
    const button = dialog?.querySelector<HTMLButtonElement>(
      '.jp-Dialog-button.jp-mod-accept'
    );
    if (button) {
      button.disabled = this.getValue()?.typed !== this._typed;
    }
  }
}
