import { Listing } from '../listing';
import { SidebarModel } from '../model';
import { Service } from '../service';
import { stateOf } from '../states';
import { Transfers } from '../transfers';
import type { ILocalModel, IPage, IRecord, ITransfers } from '../wire';
import { fixture } from './fixtures';
import { FakeServer, settle } from './server';

const { transfers, revision } = fixture<ITransfers>('transfers');
const running = transfers.find(each => each.state === 'running') as IRecord;
const idle = transfers.filter(each => each.state !== 'running');

let server: FakeServer;
let model: SidebarModel;

beforeEach(() => {
  server = new FakeServer();
  server.answers.set('GET transfers', { json: { revision, transfers: idle } });
  const service = new Service(server.settings);
  model = new SidebarModel(service, new Transfers(service, 'never'));
});

afterEach(() => model.dispose());

describe('the model', () => {
  it('asks nothing before it is seen', async () => {
    await settle();
    expect(server.asked).toEqual([]);
  });

  it('asks for everything once when it is', async () => {
    model.visible = true;
    await settle();
    for (const route of ['status', 'local', 'remote', 'states', 'transfers']) {
      expect(server.of(`GET ${route}`)).toHaveLength(1);
    }
    expect(model.context?.name).toBe('team');
    expect(model.local.state.items).toHaveLength(
      fixture<IPage<ILocalModel>>('local').items.length
    );
  });

  it('tells a missing server extension from an empty list', async () => {
    server.answers.clear();
    await model.refresh();
    expect(model.problem?.code).toBe('server-extension-missing');
    server.answers.set('GET status', { json: fixture('status') });
    await model.refresh();
    expect(model.problem).toBeNull();
    expect(model.local.state.error).not.toBeNull();
    expect(model.local.state.loaded).toBe(false);
  });

  it.each(['no-context', 'not-authenticated'])(
    'takes %s for signed out, not for a fault',
    async code => {
      const problem = { code, message: 'No.', hint: 'Sign in.' };
      server.answers.set('GET remote', { status: 401, json: problem });
      await model.refresh();
      expect(model.signedOut).toBe(true);
      expect(model.problem).toBeNull();
      server.answers.set('POST login', { json: fixture('context') });
      server.answers.set('GET remote', { json: fixture('remote') });
      await model.login('https://r.example.com', 's3cret', 'team');
      expect(model.signedOut).toBe(false);
      expect(model.remote.state.items).not.toHaveLength(0);
    }
  );

  it('keeps no token', async () => {
    server.answers.set('POST login', { json: fixture('context') });
    await model.login('https://r.example.com', 's3cret', 'team');
    const seen = new Set<unknown>();
    const text = JSON.stringify(model, (_, value: unknown) => {
      if (typeof value !== 'object' || value === null) {
        return value;
      }
      return value === server || seen.has(value)
        ? undefined
        : (seen.add(value), value);
    });
    expect(text).not.toContain('s3cret');
  });

  it('asks the other registry after a switch', async () => {
    await model.refresh();
    server.answers.set('POST context', { json: fixture('context') });
    server.answers.set('GET remote', { json: { items: [], total: 0 } });
    await model.useContext('direct');
    expect(model.remote.state.items).toEqual([]);
    expect(model.remote.state.loaded).toBe(true);
  });

  it('searches on both sides', async () => {
    await model.search('iris');
    for (const side of ['local', 'remote']) {
      const [asked] = server.of(`GET ${side}`);
      expect(asked?.url.searchParams.get('search')).toBe('iris');
    }
  });

  it('starts transfers with the threads that are set', async () => {
    model.options = { threads: 4, rateLimit: 2.5, refreshSeconds: 0 };
    server.answers.set('POST transfers', { json: running });
    await model.start({ direction: 'push', tag: 'big:v1' });
    expect(server.of('POST transfers')[0]?.body).toMatchObject({
      threads: 4,
      rate_limit: 2500000
    });
    expect(model.transfers.active).toEqual([running]);
  });

  it('lists again what a transfer has changed', async () => {
    model.visible = true;
    await settle();
    model.transfers.put(running);
    server.answers.set('GET transfers', {
      json: { revision, transfers: [{ ...running, state: 'succeeded' }] }
    });
    await model.transfers.refresh();
    await settle();
    expect(server.of('GET remote')).toHaveLength(2);
    expect(server.of('GET local')).toHaveLength(1);
    expect(server.of('GET states')).toHaveLength(2);
  });

  it('keeps the objects of states that did not change', async () => {
    await model.states.refresh();
    const before = model.states.current;
    await model.states.refresh();
    expect(model.states.current).toBe(before);
    server.answers.delete('GET states');
    await model.states.refresh();
    expect(stateOf(model.states.current, 'iris:v1')?.state).toBe('unknown');
  });

  it('says that a transfer is being cancelled until it is', async () => {
    model.transfers.put(running);
    const cancelled = { ...running, state: 'cancelled' };
    let answer = (): void => undefined;
    server.answers.set(`POST transfers/${running.id}/cancel`, async () => {
      await new Promise<void>(resolve => (answer = resolve));
      return { json: cancelled };
    });
    const asked = model.cancel(running.id);
    expect(model.transfers.isStopping(running.id)).toBe(true);
    await settle();
    answer();
    await asked;
    expect(model.transfers.isStopping(running.id)).toBe(false);
    expect(model.transfers.active).toEqual([]);
  });

  it('can be asked to cancel again when the first time failed', async () => {
    model.transfers.put(running);
    await expect(model.cancel(running.id)).rejects.toThrow();
    expect(model.transfers.isStopping(running.id)).toBe(false);
  });
});

describe('transfers', () => {
  const answer = (records: IRecord[]): void => {
    server.answers.set('GET transfers', {
      json: { revision: 'next', transfers: records }
    });
  };

  it('are asked for since the last revision', async () => {
    await model.transfers.refresh();
    await model.transfers.refresh();
    const [first, second] = server.of('GET transfers');
    expect(first?.url.searchParams.has('since')).toBe(false);
    expect(second?.url.searchParams.get('since')).toBe(revision);
    expect(model.transfers.records).toHaveLength(idle.length);
  });

  it('are followed only while one runs', async () => {
    jest.useFakeTimers();
    try {
      answer([running]);
      void model.transfers.refresh();
      await jest.advanceTimersByTimeAsync(10_000);
      expect(server.of('GET transfers').length).toBeGreaterThan(3);
      answer([{ ...running, state: 'succeeded' }]);
      await jest.advanceTimersByTimeAsync(4000);
      const count = server.of('GET transfers').length;
      await jest.advanceTimersByTimeAsync(600_000);
      expect(server.of('GET transfers')).toHaveLength(count);
    } finally {
      jest.useRealTimers();
    }
  });

  it('that others start are looked for while the sidebar is seen', async () => {
    jest.useFakeTimers();
    try {
      model.options = { threads: 10, rateLimit: 0, refreshSeconds: 20 };
      model.visible = true;
      await jest.advanceTimersByTimeAsync(100);
      const count = server.of('GET transfers').length;
      await jest.advanceTimersByTimeAsync(60_500);
      expect(server.of('GET transfers')).toHaveLength(count + 3);
      model.visible = false;
      await jest.advanceTimersByTimeAsync(30_000);
      const after = server.of('GET transfers').length;
      await jest.advanceTimersByTimeAsync(300_000);
      expect(server.of('GET transfers')).toHaveLength(after);
    } finally {
      jest.useRealTimers();
    }
  });

  it('tell once how they ended', async () => {
    const ends: string[] = [];
    model.transfers.ended.connect((_, record) => ends.push(record.state));
    answer([running]);
    await model.transfers.refresh();
    answer([{ ...running, state: 'failed' }]);
    await model.transfers.refresh();
    await model.transfers.refresh();
    expect(ends).toEqual(['failed']);
  });
});

describe('a listing', () => {
  const model = (tag: string, size = 1): ILocalModel => ({
    ...(fixture<IPage<ILocalModel>>('local').items[0] as ILocalModel),
    tag,
    size
  });
  const many = Array.from({ length: 450 }, (_, at) => model(`m:v${at}`));

  it('loads page by page and refreshes what is loaded', async () => {
    const starts: number[] = [];
    const listing = new Listing<ILocalModel>(async (_, start) => {
      starts.push(start);
      return { items: many.slice(start, start + 200), total: many.length };
    });
    await listing.refresh();
    expect(listing.state.items).toHaveLength(200);
    await listing.more();
    expect(listing.state.items).toHaveLength(400);
    await listing.refresh();
    expect(listing.state.items).toHaveLength(400);
    expect(starts).toEqual([0, 200, 0, 200]);
  });

  it('keeps what did not change, as the same objects', async () => {
    let size = 1;
    const listing = new Listing<ILocalModel>(async () => ({
      items: [model('a:v1'), model('b:v1', size)],
      total: 2
    }));
    await listing.refresh();
    const before = listing.state.items;
    await listing.refresh();
    expect(listing.state.items).toBe(before);
    size = 2;
    await listing.refresh();
    expect(listing.state.items[0]).toBe(before[0]);
    expect(listing.state.items[1]).not.toBe(before[1]);
  });

  it('drops an answer that comes too late', async () => {
    const answers = new Map<string, () => void>();
    const listing = new Listing<ILocalModel>(async search => {
      await new Promise<void>(resolve => answers.set(search, resolve));
      return { items: [model(`${search}:v1`)], total: 1 };
    });
    const slow = listing.search('slow');
    const quick = listing.search('quick');
    answers.get('quick')?.();
    answers.get('slow')?.();
    await Promise.all([slow, quick]);
    expect(listing.state.items.map(each => each.tag)).toEqual(['quick:v1']);
  });

  it('shows the old items and the error when a refresh fails', async () => {
    let fail = false;
    const listing = new Listing<ILocalModel>(async () => {
      if (fail) {
        throw new Error('down');
      }
      return { items: [model('a:v1')], total: 1 };
    });
    await listing.refresh();
    fail = true;
    await listing.refresh();
    expect(listing.state.items).toHaveLength(1);
    expect(listing.state.error?.message).toContain('down');
  });
});
