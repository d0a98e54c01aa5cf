/**
 * Questions to the user. Each resolves to the answer, or to null if the user cancels.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { Checks } from './components/checks';
import { PlanBody } from './components/plan';
import { formatAge, formatSize } from './format';
import { ask, choose, confirm, confirmByTyping, graveButtons } from './forms';
import { nameOf, parseLabels, suggestName, versionOf } from './tags';
import type { IAlias, ICheck, IDetails, IDraft, IPlan, ITrashed } from './wire';

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
    buttons: graveButtons(trans.__('Delete'), trans),
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
      trans.__(
        'It will be deleted from the registry “%1”, for everybody.',
        registry
      ),
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
