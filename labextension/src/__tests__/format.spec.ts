import { nullTranslator } from '@jupyterlab/translation';

import {
  endLine,
  formatAge,
  formatSeconds,
  formatShortAge,
  formatShortSize,
  formatSize,
  percent,
  progressLine,
  secondsLeft,
  shortDigest,
  shortProgress
} from '../format';
import type { IRecord, ITransfers } from '../wire';
import { fixture } from './fixtures';

const trans = nullTranslator.load('');
const { transfers } = fixture<ITransfers>('transfers');
const running = transfers.find(each => each.state === 'running') as IRecord;

describe('formatSize', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1_234_567, '1.2 MB'],
    [5e9, '5.0 GB'],
    [2.5e12, '2.5 TB']
  ])('%d is %s', (size, text) => expect(formatSize(size)).toBe(text));
});

it.each([
  [400_300, '400 kB'],
  [50_300_000, '50.3 MB'],
  [999, '999 B']
])('where there is little room %d is %s', (size, text) =>
  expect(formatShortSize(size)).toBe(text)
);

it('shortDigest keeps what tells two apart', () =>
  expect(shortDigest(`blake3:${'0123456789abcdef'.repeat(4)}`)).toBe(
    'blake3:0123456789ab'
  ));

describe('formatSeconds', () => {
  it.each([
    [0.44, '0.4 s'],
    [9, '9 s'],
    [42.4, '42 s'],
    [59.7, '1 min 0 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min']
  ])('%d is %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
});

describe('formatAge', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  it.each([
    ['2026-11-22T11:59:30Z', 'just now'],
    ['2026-11-22T12:00:30Z', 'just now'],
    ['2026-11-22T11:55:00Z', '5 min ago'],
    ['2026-11-22T09:00:00+00:00', '3 h ago'],
    ['2026-11-21T11:00:00Z', '1 day ago'],
    ['2026-11-12T12:00:00Z', '10 days ago'],
    ['no time', 'just now']
  ])('%s is %s', (iso, text) => expect(formatAge(iso, trans, now)).toBe(text));
});

it('an age is short where there is little room', () => {
  const ago = (seconds: number): string =>
    new Date(Date.now() - 1000 * seconds).toISOString();
  const ages = [20, 5.5 * 60, 3.5 * 3600].map(each =>
    formatShortAge(ago(each), trans)
  );
  expect(ages).toEqual(['now', '5m ago', '3h ago']);
});

describe('a running transfer', () => {
  const record = { ...running, done: 10e6, total: 40e6, rate: 4e6 };

  it('says how far, how fast and how long', () => {
    expect(percent(record)).toBe(25);
    expect(secondsLeft(record)).toBe(7.5);
    expect(progressLine(record, trans)).toBe(
      '10.0 of 40.0 MB · 4.0 MB/s · 8 s left'
    );
    expect(shortProgress(record, trans)).toBe('25 % · 8 s left');
  });

  it('promises nothing while nothing is known', () => {
    const planning = { ...record, total: 0, rate: 0 };
    expect(percent(planning)).toBeNull();
    expect(secondsLeft(planning)).toBeNull();
    expect(progressLine(planning, trans)).toBe('Preparing…');
    expect(progressLine({ ...record, rate: 0 }, trans)).toBe('10.0 of 40.0 MB');
  });

  it('says when it is tried again, and how much is done', () => {
    const again = { ...record, step: 'retrying' };
    expect(progressLine(again, trans)).toBe(
      'Connection lost, retrying… · 25 %'
    );
    expect(shortProgress(again, trans)).toBe('Connection lost, retrying…');
  });

  it('never shows more than all', () => {
    expect(percent({ ...record, done: 41e6 })).toBe(100);
    expect(secondsLeft({ ...record, done: 41e6 })).toBe(0);
    expect(progressLine({ ...record, done: 40e6 }, trans)).toBe('Finishing…');
  });
});

describe('endLine', () => {
  const outcome = {
    tag: 'iris:v1',
    status: 'pushed' as const,
    reason: 'It is sent.',
    size: 10,
    seconds: 2,
    bytes_reused: 0,
    bytes_sent: 3_000_000,
    digest: '',
    state: 'in sync' as const,
    different: false
  };
  it('says what travelled and how long it took', () => {
    const record: IRecord = { ...running, state: 'succeeded', outcome };
    expect(endLine(record, trans)).toBe('3.0 MB · 2 s');
  });
  it('says why nothing was done', () => {
    const skipped = { ...outcome, status: 'skipped' as const };
    const record: IRecord = {
      ...running,
      state: 'succeeded',
      outcome: skipped
    };
    expect(endLine(record, trans)).toBe('It is sent.');
  });
  it('leaves the words about a failure to its error', () => {
    expect(endLine({ ...running, state: 'failed' }, trans)).toBe('');
  });
});
