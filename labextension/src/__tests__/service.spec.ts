import { VIEW } from '../catalog';
import { ApiError } from '../request';
import { PAGE, Service } from '../service';
import type { IProblem, IRecord, ITransfers } from '../wire';
import { fixture } from './fixtures';
import { FakeServer } from './server';

let server: FakeServer;
let service: Service;

beforeEach(() => {
  server = new FakeServer();
  service = new Service(server.settings);
});

describe('requests', () => {
  it('go below the base URL, page by page', async () => {
    const view = { ...VIEW, search: 'ir is', open: ['iris'] };
    const page = await service.list(view, 400, 'quick', '5-4');
    expect(page).toEqual(fixture('list'));
    const [asked] = server.asked;
    expect(asked?.url.pathname).toBe('/user/ana/modelsync/api/list');
    expect(asked?.url.searchParams.get('no_track_activity')).toBe('1');
    expect(asked?.body).toEqual({
      ...view,
      start: 400,
      limit: PAGE,
      refresh: 'quick',
      since: '5-4'
    });
  });

  it('of a timer do not count as activity', async () => {
    await service.transfers('7-1');
    const params = server.asked[0]?.url.searchParams;
    expect(params?.get('no_track_activity')).toBe('1');
    expect(params?.get('since')).toBe('7-1');
    await service.transfers();
    expect(server.asked[1]?.url.searchParams.has('since')).toBe(false);
  });

  it('name a version by two segments', async () => {
    server.answers.set('GET versions/iris/v1.0', { json: fixture('version') });
    expect(await service.details('iris:v1.0')).toEqual(fixture('version'));
    server.answers.set('DELETE local/notes/v1', { json: fixture('deleted') });
    expect(await service.deleteLocal('notes:v1')).toEqual(['notes:v1']);
  });

  it('forget one transfer, or all that have ended', async () => {
    const json = fixture('forgotten');
    server.answers.set('DELETE transfers/v8rf4sk8', { json });
    server.answers.set('DELETE transfers', { json });
    expect(await service.forget('v8rf4sk8')).toEqual(['v8rf4sk8']);
    expect(await service.forget()).toEqual(['v8rf4sk8']);
  });

  it('carry the order of a transfer', async () => {
    const record = fixture<IRecord>('transfer');
    server.answers.set('POST transfers', { status: 201, json: record });
    const order = { direction: 'push' as const, tag: 'big:v1', force: true };
    expect(await service.start(order)).toEqual(record);
    expect(server.asked[0]?.body).toEqual(order);
  });

  it('change one side of a version, and what stands for it', async () => {
    for (const [route, name] of [
      ['POST remote/iris/v2', 'edited'],
      ['GET remote/iris/v2/files', 'files'],
      ['GET history/iris', 'history'],
      ['GET aliases/iris', 'aliases'],
      ['POST aliases/iris/production', 'alias'],
      ['DELETE aliases/iris/production', 'alias']
    ] as const) {
      server.answers.set(route, { json: fixture(name) });
    }
    const change = { labels: { stage: 'production' }, remove: ['team'] };
    const edited = await service.edit('iris:v2', 'remote', change);
    expect(edited.labels).toEqual({ stage: 'production' });
    expect((await service.remoteFiles('iris:v2')).files).toHaveLength(2);
    const [alias] = await service.aliases('iris');
    expect(await service.pointAlias('iris:v2', 'production', 'v1')).toEqual(
      alias
    );
    await service.dropAlias('iris:v2', 'production');
    expect((await service.history('iris:v2'))[0]?.alias).toBe('production');
    expect(server.asked[0]?.body).toEqual(change);
    expect(server.asked[3]?.body).toEqual({ version: 'v2', expected: 'v1' });
    expect(server.asked[4]?.url.searchParams.get('expected')).toBe('v2');
  });

  it('ask for a plan without starting anything', async () => {
    server.answers.set('GET plan', { json: fixture('plan_replace') });
    const order = { direction: 'push' as const, tag: 'iris:v2', force: true };
    expect((await service.plan(order)).action).toBe('replace');
    expect(server.asked[0]?.url.searchParams.get('force')).toBe('1');
  });

  it('read what transfers say of themselves', async () => {
    const { revision, transfers } = await service.transfers();
    expect(revision).toBe(fixture<ITransfers>('transfers').revision);
    expect(new Set(transfers.map(each => each.state))).toContain('failed');
  });

  it('send the token to the server and nowhere else', async () => {
    server.answers.set('POST login', { json: fixture('context') });
    await service.login('https://registry.example.com', 's3cret', 'team');
    expect(server.asked[0]?.body).toEqual({
      endpoint: 'https://registry.example.com',
      token: 's3cret',
      name: 'team'
    });
    expect(server.asked[0]?.url.href).not.toContain('s3cret');
  });
});

describe('what goes wrong', () => {
  const failure = async (): Promise<ApiError> =>
    service.status().then(
      () => {
        throw new Error('it worked');
      },
      (reason: unknown) => reason as ApiError
    );

  it('is said as the server says it', async () => {
    server.answers.set('GET status', { status: 404, json: fixture('error') });
    const error = await failure();
    expect(error).toBeInstanceOf(ApiError);
    expect(error.problem).toEqual(fixture<IProblem>('error'));
    expect(error.status).toBe(404);
  });

  it.each([
    ['no route', { status: 404, text: '<html>' }, 'server-extension-missing'],
    [
      "Jupyter's own 404",
      { status: 404, json: { message: 'Not Found', reason: null } },
      'server-extension-missing'
    ],
    [
      "a proxy's page",
      { status: 200, text: '<html>' },
      'server-extension-missing'
    ],
    [
      'a lost session',
      { status: 403, json: { message: 'Forbidden' } },
      'server-signed-out'
    ],
    ['a crash', { status: 500, text: 'Oops' }, 'server-error']
  ])('has a code: %s', async (_, answer, code) => {
    server.answers.set('GET status', answer);
    expect((await failure()).code).toBe(code);
  });

  it('is told apart when there is no answer', async () => {
    server.answers.set('GET status', () => {
      throw new TypeError('Failed to fetch');
    });
    const error = await failure();
    expect(error.code).toBe('server-offline');
    expect(error.hint).not.toBe('');
  });
});
