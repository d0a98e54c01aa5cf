/**
 * What differs between two versions: what people noted, which files there are, and the content digest of all files.
 */
import type { ILocalDetails, IRemoteDetails } from './wire';

export type Details = ILocalDetails | IRemoteDetails;

/** Stands for a file, whose bytes only the content digest speaks for. */
export const IS_THERE = '✓';

export interface IDifference {
  key: string;
  /** What the one has; undefined where it has nothing of that name. */
  left: string | undefined;
  right: string | undefined;
}

/** A nested value as dotted keys and texts. */
export function flatten(value: unknown, key = ''): Record<string, string> {
  if (value === null || typeof value !== 'object') {
    return { [key]: typeof value === 'string' ? value : JSON.stringify(value) };
  }
  const parts = Object.entries(value).map(([name, part]) =>
    flatten(part, key ? `${key}.${name}` : name)
  );
  return Object.assign({}, ...parts) as Record<string, string>;
}

/** Everything of a version that can be compared with another one. */
export function facts(details: Details): Record<string, string> {
  const found: Record<string, string> = {
    module: details.module,
    ...flatten(details.labels, 'labels'),
    ...flatten(details.metadata, 'metadata')
  };
  if ('info' in details) {
    for (const name of ['context', 'options', 'signatures']) {
      Object.assign(found, flatten(details.info[name] ?? {}, name));
    }
    for (const file of details.files.filter(each => each.kind === 'file')) {
      found[file.path] = IS_THERE;
    }
  }
  return found;
}

/** The facts in which two versions differ, sorted by name. */
export function differences(left: Details, right: Details): IDifference[] {
  const [one, other] = [facts(left), facts(right)];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter(key => one[key] !== other[key])
    .sort()
    .map(key => ({ key, left: one[key], right: other[key] }));
}

/** Whether two versions hold the same files; null where one of the content digests is not known. */
export function sameFiles(left: Details, right: Details): boolean | null {
  return left.digest && right.digest ? left.digest === right.digest : null;
}
