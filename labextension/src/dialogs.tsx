/**
 * Questions to the user. Each resolves to the answer, or to null if the user cancels.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import React from 'react';

import { Words } from './components/parts';
import { formatAge, formatSize, formatTime, shortDigest } from './format';
import { nameOf, parseLabels, suggestName, versionOf } from './tags';
import { ApiError } from './request';
import type {
  IAlias,
  ICheck,
  IDetails,
  IDraft,
  IForecast,
  IPlan,
  ITrashed
} from './wire';

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

/**
 * Whether to delete a version from the local store, and whether its space is wanted now. What cannot be undone has to be
 * named, where it is the only copy.
 */
export async function askToDelete(
  tag: string,
  size: number,
  elsewhere: boolean,
  trans: TranslationBundle
): Promise<'restorable' | 'permanently' | null> {
  const { button, isChecked } = await showDialog({
    title: trans.__('Delete %1?', tag),
    body: [
      trans.__('It will be deleted from this computer.'),
      elsewhere
        ? trans.__('The registry keeps its copy.')
        : trans.__('The registry does not have it.'),
      trans.__('It can be restored for 7 days, and takes space until then.')
    ].join(' '),
    checkbox: {
      label: trans.__('Delete permanently and free %1 now', formatSize(size))
    },
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    defaultButton: 0
  });
  if (!button.accept) {
    return null;
  }
  if (!isChecked) {
    return 'restorable';
  }
  const sure =
    elsewhere ||
    (await confirmByTyping({
      title: trans.__('Delete the only copy of %1?', tag),
      text: trans.__(
        'It will be permanently deleted from this computer. The registry does not have it.'
      ),
      typed: tag,
      accept: trans.__('Delete Permanently'),
      trans
    }));
  return sure ? 'permanently' : null;
}

/** Which of the deleted local versions to restore; null where there are none. */
export async function askToRestore(
  trash: readonly ITrashed[],
  trans: TranslationBundle
): Promise<string | null> {
  if (!trash.length) {
    return null;
  }
  const items = trash.map(each =>
    [
      each.tag,
      formatSize(each.size),
      trans.__('deleted %1', formatAge(each.deleted, trans))
    ].join(' · ')
  );
  const value = await choose({
    title: trans.__('Restore a deleted model'),
    label: trans.__('Deleted from this computer within the last 7 days'),
    items,
    accept: trans.__('Restore'),
    trans
  });
  return value === null ? null : (trash[items.indexOf(value)]?.tag ?? null);
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

/** Whether to delete a version in the registry; it has to be named. */
export function askToDeleteInRegistry(
  tag: string,
  registry: string,
  here: boolean,
  trans: TranslationBundle
): Promise<boolean> {
  return confirmByTyping({
    title: trans.__('Delete %1 in the registry?', tag),
    text: [
      trans.__('It will be deleted in %1, for everybody.', registry),
      here
        ? trans.__('The copy on this computer stays.')
        : trans.__('This computer has no copy of it.'),
      trans.__('It can be restored while the registry keeps it.')
    ].join(' '),
    typed: tag,
    accept: trans.__('Delete for Everybody'),
    trans
  });
}

/** Whether to do something grave: its button works once the name of what is concerned was typed. */
async function confirmByTyping(options: {
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
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: accept })
    ],
    defaultButton: 1,
    focusNodeSelector: 'input'
  });
  return button.accept && value?.typed === typed;
}

/** Which alias to point at a version. */
export async function askForAlias(
  tag: string,
  aliases: readonly IAlias[],
  trans: TranslationBundle
): Promise<string | null> {
  const others = aliases.filter(each => each.version !== versionOf(tag));
  const values = await ask({
    title: trans.__('Point an alias at %1', tag),
    text: others.length
      ? trans.__(
          'Now: %1. One of these moves here; another name is a new alias.',
          others.map(each => `\`${each.name}\` → ${each.version}`).join(', ')
        )
      : trans.__(
          'People and programs can ask for `%1:ALIAS`, and get this version until the alias is moved.',
          nameOf(tag)
        ),
    accept: trans.__('Point Here'),
    fields: [
      {
        name: 'alias',
        label: trans.__('Alias'),
        placeholder: trans.__('production'),
        suggestions: others.map(each => each.name),
        required: true
      }
    ],
    trans
  });
  return values?.alias || null;
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
async function ask(options: {
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

/** What to save a file or folder as. */
export async function askForDraft(
  path: string,
  trans: TranslationBundle
): Promise<IDraft | null> {
  const values = await ask({
    title: trans.__('Save as model'),
    text: trans.__('`%1` is copied into the local store.', path),
    accept: trans.__('Save'),
    fields: [
      {
        name: 'name',
        label: trans.__('Name, or name:version'),
        value: suggestName(path),
        required: true
      },
      {
        name: 'labels',
        label: trans.__('Labels (optional)'),
        placeholder: trans.__('stage=test, team=nlp')
      }
    ],
    trans
  });
  return (
    values && {
      name: values.name ?? '',
      path,
      labels: parseLabels(values.labels ?? '')
    }
  );
}

/** Where to export a version to, and as what. */
export async function askForExport(
  tag: string,
  folder: string,
  trans: TranslationBundle
): Promise<{ path: string; format: string } | null> {
  const values = await ask({
    title: trans.__('Export %1', tag),
    accept: trans.__('Export'),
    fields: [
      {
        name: 'path',
        label: trans.__('Folder'),
        value: `/${folder}`,
        required: true
      },
      {
        name: 'format',
        label: trans.__('Format'),
        value: 'tar',
        choices: [
          ['tar', trans.__('tar (fast, not compressed)')],
          ['zst', trans.__('tar.zst (fast, compressed)')],
          ['bentomodel', trans.__('bentomodel (BentoML’s own, slow)')],
          ['zip', trans.__('zip')],
          ['folder', trans.__('folder')]
        ]
      }
    ],
    trans
  });
  return values && { path: values.path ?? '', format: values.format ?? '' };
}

/** What to import, and as what. */
export async function askForImport(
  path: string,
  trans: TranslationBundle
): Promise<{ path: string; tag: string } | null> {
  const values = await ask({
    title: trans.__('Import a model'),
    text: trans.__(
      'An export of this project or of BentoML, a snapshot of Hugging Face, a model of MLflow, or any other file or folder.'
    ),
    accept: trans.__('Import'),
    fields: [
      {
        name: 'path',
        label: trans.__('File or folder'),
        value: path,
        required: true
      },
      {
        name: 'tag',
        label: trans.__('Import as name:version (optional)'),
        placeholder: trans.__('its own name')
      }
    ],
    trans
  });
  return values && { path: values.path ?? '', tag: values.tag ?? '' };
}
