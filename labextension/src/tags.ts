/**
 * Tags, and names and labels as people type them.
 */
export function nameOf(tag: string): string {
  return tag.split(':', 1)[0] ?? tag;
}

export function versionOf(tag: string): string {
  return tag.slice(nameOf(tag).length + 1);
}

/** Labels as they are shown: `stage=prod`, and its key alone for one without a value. */
export function labelWords(labels: Record<string, string>): string[] {
  return Object.entries(labels).map(([key, value]) =>
    value ? `${key}=${value}` : key
  );
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
