import { Catalog, keyOf } from '../catalog';
import { SidebarModel } from '../model';
import { Service } from '../service';
import { Transfers } from '../transfers';
import type { IPage, IRecord, ITransfers, IView, Row } from '../wire';
import { fixture } from './fixtures';
import { FakeServer, settle } from './server';

const { transfers, revision } = fixture<ITransfers>('transfers');
const running = transfers.find(each => each.state === 'running') as IRecord;
const idle = transfers.filter(each => each.state !== 'running');

let server: FakeServer;
let model: SidebarModel;

beforeEach(() => {
  server = new FakeServer();
  server.answers.set('GET transfers', {
    json: { revision, transfers: idle, gone: [] }
  });
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
    for (const route of ['GET status', 'POST list', 'GET transfers']) {
      expect(server.of(route)).toHaveLength(1);
    }
    expect(model.context?.name).toBe('team');
    expect(model.catalog.listing.total).toBe(fixture<IPage>('list').total);
  });

  it('tells a missing server extension from an empty list', async () => {
    server.answers.clear();
    await model.refresh();
    expect(model.problem?.code).toBe('server-extension-missing');
    server.answers.set('GET status', { json: fixture('status') });
    await model.refresh();
    expect(model.problem).toBeNull();
    expect(model.catalog.listing.error).not.toBeNull();
    expect(model.catalog.listing.total).toBeNull();
  });

  it.each(['no-context', 'not-authenticated'])(
    'takes %s for signed out, not for a fault',
    async code => {
      const problem = { code, message: 'No.', hint: 'Sign in.' };
      const page = fixture<IPage>('list');
      const remote = { ...page.remote, problem };
      server.answers.set('POST list', { json: { ...page, remote } });
      await model.refresh();
      expect(model.signedOut).toBe(true);
      expect(model.problem).toBeNull();
      server.answers.set('POST login', { json: fixture('context') });
      server.answers.set('POST list', { json: page });
      await model.login('https://r.example.com', 's3cret', 'team');
      expect(model.signedOut).toBe(false);
      expect(model.catalog.row(0)).toBeDefined();
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
    const json = { ...fixture<IPage>('list'), items: [], total: 0 };
    server.answers.set('POST list', { json });
    await model.useContext('direct');
    expect(model.catalog.listing.total).toBe(0);
    expect(model.catalog.row(0)).toBeUndefined();
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
      json: {
        revision,
        transfers: [{ ...running, state: 'succeeded' }],
        gone: []
      }
    });
    await model.transfers.refresh();
    await settle();
    const asked = server.of('POST list').map(each => each.body as object);
    expect(asked).toContainEqual(expect.objectContaining({ refresh: 'big' }));
  });

  it('asks a registry that failed again, less and less often', async () => {
    jest.useFakeTimers();
    try {
      const page = fixture<IPage>('list');
      const problem = { code: 'unavailable', message: 'Away.', hint: '' };
      server.answers.set('POST list', {
        json: { ...page, remote: { ...page.remote, problem } }
      });
      model.visible = true;
      await jest.advanceTimersByTimeAsync(60_000);
      const count = server.of('POST list').length;
      expect(count).toBeGreaterThan(3);
      expect(count).toBeLessThan(9);
      server.answers.set('POST list', { json: page });
      await jest.advanceTimersByTimeAsync(31_000);
      expect(model.catalog.listing.remote?.problem).toBeNull();
    } finally {
      jest.useRealTimers();
    }
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
      json: { revision: 'next', transfers: records, gone: [] }
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
      const after = server.asked.length;
      await jest.advanceTimersByTimeAsync(300_000);
      expect(server.asked).toHaveLength(after);
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
    expect(model.transfers.fresh.map(each => each.state)).toEqual(['failed']);
    model.transfers.dismiss(running.id);
    expect(model.transfers.fresh).toEqual([]);
  });

  it('that were forgotten elsewhere are gone here', async () => {
    await model.transfers.refresh();
    const gone = [idle[0]?.id];
    server.answers.set('GET transfers', {
      json: { revision: 'next', transfers: [], gone }
    });
    await model.transfers.refresh();
    expect(model.transfers.records).toHaveLength(idle.length - 1);
  });
});

describe('the list', () => {
  const page = fixture<IPage>('list');
  const many = Array.from(
    { length: 450 },
    (_, at) => ({ ...page.items?.[0], name: `m${at}` }) as Row
  );

  function catalogOf(
    list: (view: IView, start: number) => Promise<Partial<IPage>>
  ): Catalog {
    return new Catalog({
      list: async (view, start) => ({
        ...page,
        start,
        total: many.length,
        ...(await list(view, start))
      }),
      find: async () => null
    });
  }

  it('loads the rows that are looked at', async () => {
    const starts: number[] = [];
    const catalog = catalogOf(async (_, start) => {
      starts.push(start);
      return { items: many.slice(start, start + 100) };
    });
    await catalog.refresh();
    expect(catalog.row(99)).toBeDefined();
    expect(catalog.row(100)).toBeUndefined();
    catalog.look(20, 60);
    await settle();
    expect(starts).toEqual([0]);
    catalog.look(300, 340);
    await settle();
    expect(starts).toEqual([0, 270]);
    expect(keyOf(catalog.row(340) as Row)).toBe('m340');
    expect(catalog.row(0)).toBeDefined();
  });

  it('keeps what did not change, as the same objects', async () => {
    let size = 1;
    let revision = 0;
    const catalog = catalogOf(async () => ({
      revision: `r-${revision++}`,
      items: [many[0], { ...many[1], size }] as Row[],
      total: 2
    }));
    await catalog.refresh();
    const before = [catalog.row(0), catalog.row(1)];
    size = 2;
    await catalog.refresh();
    expect(catalog.row(0)).toBe(before[0]);
    expect(catalog.row(1)).not.toBe(before[1]);
  });

  it('drops an answer that comes too late', async () => {
    const answers = new Map<string, () => void>();
    const catalog = catalogOf(async ({ search }) => {
      await new Promise<void>(resolve => answers.set(search, resolve));
      return { items: [{ ...many[0], name: search } as Row], total: 1 };
    });
    const slow = catalog.show({ search: 'slow' });
    const quick = catalog.show({ search: 'quick' });
    answers.get('quick')?.();
    answers.get('slow')?.();
    await Promise.all([slow, quick]);
    expect(keyOf(catalog.row(0) as Row)).toBe('quick');
  });

  it('shows the old rows and the error when a refresh fails', async () => {
    let fail = false;
    const catalog = catalogOf(async () => {
      if (fail) {
        throw new Error('down');
      }
      return { items: many.slice(0, 1), total: 1 };
    });
    await catalog.refresh();
    fail = true;
    await catalog.refresh();
    expect(catalog.row(0)).toBeDefined();
    expect(catalog.listing.error?.message).toContain('down');
  });
});
