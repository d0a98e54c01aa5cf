/**
 * Tags, and models grouped by their names.
 */
import type { IModel } from './wire';

/** Versions of one name, the newest first. */
export interface IGroup<T extends IModel> {
  name: string;
  versions: T[];
}

export function nameOf(tag: string): string {
  return tag.split(':', 1)[0] ?? tag;
}

export function versionOf(tag: string): string {
  return tag.slice(nameOf(tag).length + 1);
}

/**
 * Group models by name, sorted by name, and within a name the newest first.
 */
export function group<T extends IModel>(models: readonly T[]): IGroup<T>[] {
  const names = new Map<string, T[]>();
  for (const model of models) {
    const name = nameOf(model.tag);
    const versions = names.get(name);
    if (versions) {
      versions.push(model);
    } else {
      names.set(name, [model]);
    }
  }
  return [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, versions]) => ({
      name,
      versions: versions.sort((a, b) => time(b) - time(a))
    }));
}

/** Labels as people type them: `stage=prod, team=nlp`. */
export function parseLabels(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map(word => word.trim())
    .filter(word => word)
    .map(word => {
      const [key = '', ...value] = word.split('=');
      return [key.trim(), value.join('=').trim()];
    });
  return Object.fromEntries(pairs);
}

/** A name that BentoML takes, made from that of a file or folder. */
export function suggestName(path: string): string {
  const last =
    path
      .split('/')
      .filter(word => word)
      .pop() ?? '';
  return last
    .toLowerCase()
    .replace(/(.)\.[a-z][a-z0-9]{0,11}$/, '$1')
    .replace(/[^-._a-z0-9]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
    .slice(0, 63);
}

function time(model: IModel): number {
  return Date.parse(model.creation_time) || 0;
}
