/**
 * Numbers and transfers as people read them.
 */
import { Time } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IRecord } from './wire';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Bytes with a decimal unit: `1.2 GB`. */
export function formatSize(size: number): string {
  let rest = size;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (rest < 1000) {
      return `${rest.toFixed(unit === 'B' ? 0 : 1)} ${unit}`;
    }
    rest /= 1000;
  }
  return `${rest.toFixed(1)} TB`;
}

/** Bytes in at most four digits, for where there is little room: `1.2 GB`, `400 MB`. */
export function formatShortSize(size: number): string {
  return formatSize(size).replace(/\d{3}\.\d/, digits =>
    Number(digits).toFixed(0)
  );
}

/** A duration: `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10 && !Number.isInteger(seconds)) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < MINUTE) {
    return `${whole} s`;
  }
  if (whole < HOUR) {
    return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  }
  return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
}

/** How long ago: `5 min ago`. */
export function formatAge(
  iso: string,
  trans: TranslationBundle,
  now: number = Date.now()
): string {
  const seconds = Math.floor((now - Date.parse(iso)) / 1000);
  if (!(seconds >= MINUTE)) {
    // Also where the text is no time.
    return trans.__('just now');
  }
  if (seconds < HOUR) {
    return trans.__('%1 min ago', Math.floor(seconds / MINUTE));
  }
  if (seconds < DAY) {
    return trans.__('%1 h ago', Math.floor(seconds / HOUR));
  }
  const days = Math.floor(seconds / DAY);
  return trans._n('%1 day ago', '%1 days ago', days);
}

/** How long ago, as JupyterLab's file browser says it where there is little room: `5m ago`. */
export function formatShortAge(
  iso: string,
  trans: TranslationBundle,
  now: number = Date.now()
): string {
  const time = Date.parse(iso);
  return now - time >= MINUTE * 1000
    ? Time.formatHuman(new Date(time), 'narrow')
    : trans.__('now');
}

/** An ISO 8601 time in the reader's own words. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString();
}

/** The first digits of a digest, enough to tell two apart: `blake3:1a2b3c4d5e6f`. */
export function shortDigest(digest: string): string {
  const [algorithm = '', digits = ''] = digest.split(':');
  return digits ? `${algorithm}:${digits.slice(0, 12)}` : algorithm;
}

/** A sentence of the server without its marks for code, for where none can be shown. */
export function plain(text: string): string {
  return text.replace(/`/g, '').trim();
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

export function isActive(record: IRecord): boolean {
  return record.state === 'planned' || record.state === 'running';
}

/** Percent done, 0 to 100; null while the total is not known. */
export function percent(record: IRecord): number | null {
  if (record.total <= 0) {
    return null;
  }
  return Math.min(100, Math.floor((100 * record.done) / record.total));
}

/** Seconds until it is done at its present rate; null where nobody can know. */
export function secondsLeft(record: IRecord): number | null {
  if (record.state !== 'running' || record.total <= 0 || record.rate <= 0) {
    return null;
  }
  return Math.max(0, record.total - record.done) / record.rate;
}

/** How long it took, or takes until now, in seconds. */
export function duration(record: IRecord, now: number = Date.now()): number {
  return Math.max(0, (record.ended ?? now / 1000) - record.started);
}

/** How far it is: what is done and how fast, and what is left. */
export interface IWay {
  /** `12.0 of 48.0 MB · 4.1 MB/s`. */
  done: string;
  /** `9 s left`, or nothing while nobody can know. */
  left: string;
}

export function wayDone(record: IRecord, trans: TranslationBundle): IWay {
  const of = amountOf(record, trans);
  if (record.step === 'retrying') {
    const done = percent(record);
    return {
      done: trans.__('Connection lost, retrying…'),
      left: done === null ? '' : `${done} %`
    };
  }
  if (record.total <= 0) {
    return { done: trans.__('Preparing…'), left: '' };
  }
  if (record.step === 'hashing') {
    return { done: trans.__('Reading files: %1', of), left: '' };
  }
  if (record.done >= record.total) {
    return { done: trans.__('Finishing…'), left: '' };
  }
  const left = secondsLeft(record);
  return {
    done: record.rate > 0 ? `${of} · ${formatSize(record.rate)}/s` : of,
    left:
      left === null ? '' : trans.__('%1 left', formatSeconds(Math.ceil(left)))
  };
}

/** How far it is, in one line: `12.0 of 48.0 MB · 4.1 MB/s · 9 s left`. */
export function progressLine(
  record: IRecord,
  trans: TranslationBundle
): string {
  const { done, left } = wayDone(record, trans);
  return left ? `${done} · ${left}` : done;
}

/** How far it is, where there is little room: `25 % · 9 s left`. */
export function shortProgress(
  record: IRecord,
  trans: TranslationBundle
): string {
  const { done, left } = wayDone(record, trans);
  return left && record.step !== 'retrying'
    ? `${percent(record)} % · ${left}`
    : done;
}

/** What is done of all, with the unit once where it is one: `12.0 of 48.0 MB`. */
function amountOf(record: IRecord, trans: TranslationBundle): string {
  const [done, total] = [formatSize(record.done), formatSize(record.total)];
  const [number = '', unit] = done.split(' ');
  return trans.__(
    '%1 of %2',
    total.endsWith(` ${unit}`) ? number : done,
    total
  );
}

/** What a transfer is called: `Push`. */
export function wayOf(record: IRecord, trans: TranslationBundle): string {
  return {
    push: trans.__('Push'),
    pull: trans.__('Pull'),
    export: trans.__('Export'),
    import: trans.__('Import'),
    sync: trans.__('Sync')
  }[record.direction];
}

/** How it ended, in a few words: `Pushed iris:v1`. */
export function endOf(record: IRecord, trans: TranslationBundle): string {
  const { direction, state, tag } = record;
  if (state !== 'succeeded') {
    const way = wayOf(record, trans);
    return state === 'failed'
      ? trans.__('%1 of %2 failed', way, tag)
      : trans.__('%1 of %2 stopped', way, tag);
  }
  return {
    push: trans.__('Pushed %1', tag),
    pull: trans.__('Pulled %1', tag),
    export: trans.__('Exported %1', tag),
    import: trans.__('Imported %1', tag),
    sync: trans.__('Synced %1', tag)
  }[direction];
}

/** When it ended: the time of day, with the date where it was not today. */
export function endTime(record: IRecord, now: number = Date.now()): string {
  const time = new Date((record.ended ?? record.updated) * 1000);
  const today = time.toDateString() === new Date(now).toDateString();
  const clock = time.toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit'
  });
  return today
    ? clock
    : `${time.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${clock}`;
}

/** How it ended, in one line. */
export function endLine(record: IRecord, trans: TranslationBundle): string {
  const outcome = record.outcome;
  switch (record.state) {
    case 'succeeded':
      if (!outcome || outcome.status === 'skipped') {
        return outcome?.reason ?? '';
      }
      return [
        formatSize(outcome.bytes_sent ?? outcome.bytes_received ?? 0),
        formatSeconds(outcome.seconds)
      ].join(' · ');
    case 'cancelled':
      return trans.__('Cancelled. It can be resumed.');
    case 'paused':
      return trans.__('Paused. It resumes where it left off.');
    case 'interrupted':
      return trans.__('The process ended unexpectedly. It can be resumed.');
    default:
      return '';
  }
}
