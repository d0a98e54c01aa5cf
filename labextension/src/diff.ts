/**
 * What differs between two versions.
 */
import { formatSize } from './format';
import type { ILocalDetails, IRemoteDetails } from './wire';

export type Details = ILocalDetails | IRemoteDetails;

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
    size: formatSize(details.size),
    module: details.module,
    ...flatten(details.labels, 'labels'),
    ...flatten(details.metadata, 'metadata')
  };
  if ('info' in details) {
    for (const name of ['context', 'options', 'signatures']) {
      Object.assign(found, flatten(details.info[name] ?? {}, name));
    }
    for (const file of details.files.filter(each => each.kind === 'file')) {
      found[file.path] = formatSize(file.size);
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
