import { nullTranslator } from '@jupyterlab/translation';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import React from 'react';

import { Env } from '../components/env';
import { Panel } from '../components/panel';
import { PlanBody } from '../components/plan';
import { pinnedOf } from '../components/transfers';
import { SidebarModel } from '../model';
import { Service } from '../service';
import { CommandIDs } from '../tokens';
import { Transfers } from '../transfers';
import type {
  IDetails,
  IPage,
  IPlan,
  IRecord,
  IStanding,
  IStatus,
  ITransfers,
  IVersion
} from '../wire';
import { fixture } from './fixtures';
import { FakeServer, settle } from './server';

const trans = nullTranslator.load('');
const records = fixture<ITransfers>('transfers').transfers;

const page = fixture<IPage>('list');

/** Elements of jsdom have no size, and nobody watches it. */
globalThis.ResizeObserver = class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};

let server: FakeServer;
let model: SidebarModel;
const run = jest.fn();

beforeEach(() => {
  run.mockClear();
  server = new FakeServer();
  const service = new Service(server.settings);
  model = new SidebarModel(service, new Transfers(service, 'never'));
});

afterEach(() => model.dispose());

/** Show the panel as it is once everything has been asked for. */
async function show(): Promise<void> {
  const env = { trans, run, openMenu: jest.fn() };
  const element = (): JSX.Element => (
    <Env.Provider value={env}>
      <Panel model={model} onMenu={() => undefined} />
    </Env.Provider>
  );
  const { rerender } = render(element());
  model.changed.connect(() => act(() => rerender(element())));
  await act(async () => {
    await model.refresh();
    await settle();
  });
}

const region = (name: RegExp): HTMLElement =>
  screen.getByRole('region', { name });
const button = (name: string | RegExp): HTMLElement =>
  screen.getByRole('button', { name });

/** Have the registry stand otherwise. */
function stand(remote: Partial<IStanding>): void {
  const json = { ...page, remote: { ...page.remote, ...remote } };
  server.answers.set('POST list', { json });
}

describe('models', () => {
  const item = (name: RegExp): HTMLElement =>
    screen.getByRole('treeitem', { name });

  it('are a tree of names and versions with the action that makes sense', async () => {
    await show();
    const iris = item(/^iris, 3 versions/);
    expect(iris.getAttribute('aria-expanded')).toBe('true');
    const newest = within(item(/^v3 of iris, local only/));
    fireEvent.click(newest.getByRole('button', { name: 'Push iris:v3' }));
    expect(run).toHaveBeenCalledWith(CommandIDs.push, { tag: 'iris:v3' });
    const same = within(item(/^v1 of iris, in sync/));
    expect(same.queryByRole('button', { name: /Push|Pull/ })).toBeNull();
    expect(same.getByText('stage=production')).toBeTruthy();
  });

  it('are walked through with the keys of a tree, from one tab stop', async () => {
    model.catalog.restore({ open: ['iris'] }, 0);
    await show();
    const tree = screen.getByRole('tree');
    const current = (): string | null | undefined =>
      document
        .getElementById(tree.getAttribute('aria-activedescendant') ?? '')
        ?.getAttribute('aria-label');
    const first = current();
    const press = (key: string): boolean => fireEvent.keyDown(tree, { key });
    press('End');
    expect(current()).not.toBe(first);
    press('Home');
    expect(current()).toBe(first);
    while (!current()?.startsWith('iris')) {
      press('ArrowDown');
    }
    press('ArrowRight');
    expect(current()).toMatch(/^v3 of iris/);
    press('Enter');
    expect(run).toHaveBeenCalledWith(CommandIDs.details, { tag: 'iris:v3' });
    press('ArrowLeft');
    expect(current()).toMatch(/^iris/);
    press('ArrowLeft');
    await act(settle);
    expect(server.of('POST list').pop()?.body).toMatchObject({ open: [] });
    const stops = [...tree.querySelectorAll('button')];
    expect(stops.every(each => each.tabIndex === -1)).toBe(true);
  });

  /** Show one version in another state. */
  async function showState(change: Partial<IVersion>): Promise<HTMLElement> {
    const items = page.items?.map(row =>
      row.kind === 'version' && row.tag === 'iris:v2'
        ? { ...row, ...change }
        : row
    );
    server.answers.set('POST list', { json: { ...page, items } });
    await show();
    return item(/^v2 of iris/);
  }

  it.each([
    ['different', /^Compare iris:v2/, CommandIDs.compare],
    ['partial', /^Push iris:v2; it resumes/, CommandIDs.push],
    ['unknown', /^Read the files/, CommandIDs.check]
  ] as const)('that are %s have one action', async (state, name, command) => {
    const row = within(await showState({ state }));
    expect(row.getByText(state)).toBeTruthy();
    fireEvent.click(row.getByRole('button', { name }));
    expect(run).toHaveBeenCalledWith(command, { tag: 'iris:v2' });
  });

  it('say why they are unknown', async () => {
    const remote = { digest: null, status: 'success', creator: '' };
    const row = within(await showState({ state: 'unknown', remote }));
    const mark = row.getByText('unknown').parentElement;
    expect(mark?.title).toMatch(/no content digest/);
    expect(row.queryByRole('button', { name: /^Read/ })).toBeNull();
  });

  it('have no state before they were compared', async () => {
    const row = await showState({ state: null });
    expect(row.querySelector('.jp-ModelSync-state')).toBeNull();
  });

  it('are searched by a click on a label', async () => {
    await show();
    fireEvent.click(screen.getByRole('button', { name: /stage=production/ }));
    await act(settle);
    expect(server.of('POST list').pop()?.body).toMatchObject({
      search: 'stage=production'
    });
    expect(screen.getByRole<HTMLInputElement>('searchbox').value).toBe(
      'stage=production'
    );
    expect(run).not.toHaveBeenCalled();
  });
});

describe('states', () => {
  it('an empty list says how to fill it, and is no error', async () => {
    const json = { ...page, items: [], total: 0 };
    server.answers.set('POST list', { json });
    await show();
    expect(screen.getByText(/No models yet/)).toBeTruthy();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('an error is no empty list; Retry asks again', async () => {
    stand({
      problem: { code: 'unavailable', message: '`r` is away.', hint: 'Wait.' }
    });
    await show();
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('r is away.Wait.');
    expect(alert.textContent).toContain('The list shows what it had at');
    server.answers.set('POST list', { json: page });
    fireEvent.click(within(alert).getByRole('button', { name: 'Retry' }));
    await act(settle);
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('a step that the sidebar knows is said in its own words', async () => {
    const hint = 'Check the line.';
    const step = { verb: 'retry', text: hint, args: {} };
    stand({ problem: { code: 'unavailable', message: 'Away.', hint, step } });
    await show();
    const { textContent } = screen.getByRole('alert');
    expect(textContent).toMatch(/Check the network and the address/);
    expect(textContent).not.toContain(hint);
  });

  it('a server of another version is said, and what to do', async () => {
    const status = { ...fixture<IStatus>('status'), version: '99.1.0' };
    server.answers.set('GET status', { json: status });
    await show();
    const { textContent } = screen.getByRole('alert');
    expect(textContent).toContain('the server has 99.1.0');
    expect(textContent).toMatch(/reload the page/);
  });

  it('a registry that is read or waited for is said so', async () => {
    stand({ reading: true, whole: false, known: 3100, total: 10_000 });
    await show();
    expect(
      screen.getByText('Reading team: 3100 of 10000 versions')
    ).toBeTruthy();
  });

  it('an expired token has a button, once the form was put away', async () => {
    stand({
      problem: { code: 'not-authenticated', message: 'Expired.', hint: '' }
    });
    await show();
    await act(async () => (model.signingIn = false));
    fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(run).toHaveBeenCalledWith(CommandIDs.signIn);
  });

  it('a missing server extension is said, and what to do', async () => {
    server.answers.clear();
    await show();
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('jupyter server extension list');
  });

  it('signing in clears the token at once and shows what is wrong', async () => {
    stand({
      problem: { code: 'not-authenticated', message: 'No.', hint: '' }
    });
    server.answers.set('POST login', {
      status: 401,
      json: { code: 'not-authenticated', message: 'Still no.', hint: '' }
    });
    await show();
    expect(screen.queryByRole('alert')).toBeNull();
    const token = screen.getByLabelText<HTMLInputElement>('API token');
    expect(token.type).toBe('password');
    fireEvent.change(token, { target: { value: 's3cret' } });
    fireEvent.submit(screen.getByRole('form'));
    expect(token.value).toBe('');
    await act(settle);
    expect(screen.getByRole('alert').textContent).toContain('Still no.');
    expect(server.of('POST login')[0]?.body).toEqual({
      endpoint: 'https://registry.example.com',
      token: 's3cret',
      name: 'team'
    });
    expect(document.body.innerHTML).not.toContain('s3cret');
  });
});

describe('transfers', () => {
  it('are pinned while they run, and cancelled', async () => {
    await show();
    const section = within(region(/^Transfers/));
    const bar = section.getByRole('progressbar', { name: /big:v1/ });
    expect(bar.getAttribute('aria-valuenow')).toBe('27');
    fireEvent.click(section.getByRole('button', { name: /^Cancel big:v1/ }));
    expect(run).toHaveBeenCalledWith(CommandIDs.cancel, { id: 'rgh2am26' });
    const row = screen.getByRole('treeitem', { name: /^big/ });
    expect(within(row).getByRole('progressbar')).toBeTruthy();
  });

  it('that ended are a history with reasons, put away one by one', async () => {
    await show();
    expect(
      screen.queryByRole('button', { name: 'Retry absent:v9' })
    ).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: /^History/ }));
    fireEvent.click(button('Retry absent:v9'));
    expect(run).toHaveBeenCalledWith(CommandIDs.resume, { id: 'v8rf4sk8' });
    fireEvent.click(button('Remove absent:v9 from the history'));
    expect(run).toHaveBeenCalledWith(CommandIDs.forget, { id: 'v8rf4sk8' });
    fireEvent.click(button('Clear the history of transfers'));
    expect(run).toHaveBeenCalledWith(CommandIDs.clearHistory);
  });

  it('that were begun again hide what came before', () => {
    const shown = pinnedOf(records).map(record => record.id);
    expect(shown).toContain('rgh2am26');
    expect(shown).not.toContain('jtg45p3n');
  });

  it('that fail are in sight once, until they are dismissed', async () => {
    await show();
    const running = records.find(each => each.state === 'running') as IRecord;
    const [first] = records.filter(each => each.state === 'failed');
    const failed = { ...running, state: 'failed', error: first?.error };
    server.answers.set('GET transfers', {
      json: { revision: 'x', transfers: [failed], gone: [] }
    });
    await act(async () => {
      await model.transfers.refresh();
      await settle();
    });
    fireEvent.click(screen.getByRole('button', { name: /^History/ }));
    const retry = 'Retry big:v1';
    expect(within(region(/^Transfers/)).getByRole('button', { name: retry }));
    expect(screen.getAllByRole('button', { name: retry })).toHaveLength(1);
    fireEvent.click(button('Dismiss big:v1'));
    const history = within(region(/^History/));
    expect(history.getByRole('button', { name: retry })).toBeTruthy();
  });

  it('tell screen readers how they end', async () => {
    await show();
    const running = records.find(each => each.state === 'running') as IRecord;
    server.answers.set('GET transfers', {
      json: {
        revision: 'x',
        transfers: [{ ...running, state: 'succeeded' }],
        gone: []
      }
    });
    await act(async () => {
      await model.transfers.refresh();
      await settle();
    });
    expect(screen.getByRole('status').textContent).toBe('Pushed big:v1');
  });
});

it('overwriting shows both sides, what travels, and its steps', () => {
  const plan = fixture<IPlan>('plan_replace');
  const details = fixture<IDetails>('version');
  render(<PlanBody plan={plan} details={details} trans={trans} />);
  expect(screen.getAllByRole('listitem')).toHaveLength(plan.operations.length);
  expect(screen.getByText('3.0 MB to upload.')).toBeTruthy();
  expect(screen.getAllByText('blake3:111111111111')).toHaveLength(2);
});

it('overwriting names the files that differ, and what is there already', () => {
  const plan = fixture<IPlan>('plan_replace');
  const details = fixture<IDetails>('version');
  const files = Array.from({ length: 7 }, (_, index) => ({
    name: `part-${index}`,
    how: 'changed' as const,
    size: 1
  }));
  const changes = {
    against: plan.tag,
    where: 'remote' as const,
    file_count: 7,
    tensor_count: 0,
    files,
    tensors: []
  };
  const forecast = {
    bytes_moved: 1e6,
    bytes_reused: 2e6,
    exact: true,
    seconds: null,
    changes
  };
  const { container } = render(
    <PlanBody plan={{ ...plan, forecast }} details={details} trans={trans} />
  );
  const text = container.textContent;
  expect(text).toContain('1.0 MB to upload; 2.0 MB are there already.');
  expect(text).toContain('7 files differ: part-0, part-1');
  expect(text).toContain('part-4, 2 more.');
});
