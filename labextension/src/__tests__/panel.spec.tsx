import { nullTranslator } from '@jupyterlab/translation';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import React from 'react';

import { Env } from '../components/env';
import { Panel } from '../components/panel';
import { newestOfEach } from '../components/transfers';
import { PlanBody } from '../dialogs';
import { SidebarModel } from '../model';
import { Service } from '../service';
import { CommandIDs } from '../tokens';
import { Transfers } from '../transfers';
import type {
  IPlan,
  IRecord,
  IStatus,
  ITransfers,
  IVersionState
} from '../wire';
import { fixture } from './fixtures';
import { FakeServer, settle } from './server';

const trans = nullTranslator.load('');
const records = fixture<ITransfers>('transfers').transfers;

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
      <Panel model={model} />
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

describe('models', () => {
  it('are folded by name, and one click pushes the newest', async () => {
    await show();
    const local = region(/^Local/);
    const iris = within(local).getByRole('button', {
      name: /iris/,
      expanded: false
    });
    expect(iris.textContent).toContain('3 versions');
    fireEvent.click(button('Push iris:v3'));
    expect(run).toHaveBeenCalledWith(CommandIDs.push, {
      side: 'local',
      tag: 'iris:v3'
    });
  });

  it('that are in sync need no button', async () => {
    await show();
    const local = within(region(/^Local/));
    fireEvent.click(local.getByRole('button', { name: /^iris/ }));
    expect(local.queryByRole('button', { name: 'Push iris:v1' })).toBeNull();
    expect(local.getAllByText('in sync')).toHaveLength(2);
    expect(local.getByText('local only')).toBeTruthy();
    expect(local.getByText('stage=production')).toBeTruthy();
  });

  /** Show the panel with one version in another state. */
  async function showState(change: Partial<IVersionState>): Promise<void> {
    const { items } = fixture<{ items: IVersionState[] }>('states');
    const json = {
      items: items.map(item =>
        item.tag === change.tag ? { ...item, ...change } : item
      )
    };
    server.answers.set('GET states', { json });
    await show();
    for (const section of [/^Local/, /^Registry/]) {
      fireEvent.click(
        within(region(section)).getByRole('button', { name: /^sentiment/ })
      );
    }
  }

  it('that differ are overwritten only after a question, whatever their size', async () => {
    await showState({ tag: 'sentiment:v1', state: 'different' });
    expect(screen.getAllByText('different')).toHaveLength(2);
    fireEvent.click(button('Overwrite the local sentiment:v1…'));
    expect(run).toHaveBeenCalledWith(CommandIDs.replace, {
      side: 'remote',
      tag: 'sentiment:v1'
    });
    expect(button('Overwrite sentiment:v1 in the registry…')).toBeTruthy();
  });

  it.each([
    [{ remote: 'blake3:55' }, /^Not compared yet/],
    [{ remote: null }, /no content digest/]
  ])(
    'of equal size and time are unknown without digests',
    async (known, why) => {
      await showState({ tag: 'sentiment:v1', ...known });
      const badges = screen.getAllByText('unknown');
      expect(badges).toHaveLength(2);
      expect(badges[0]?.title).toMatch(why);
      expect(badges[0]?.className).toContain('jp-mod-plain');
      expect(button('Push sentiment:v1')).toBeTruthy();
      expect(button('Pull sentiment:v1')).toBeTruthy();
    }
  );

  it('are unknown while the registry does not answer', async () => {
    server.answers.delete('GET states');
    await show();
    const local = within(region(/^Local/));
    fireEvent.click(local.getByRole('button', { name: /^iris/ }));
    const badges = local.getAllByText('unknown');
    expect(badges).toHaveLength(3);
    expect(badges[0]?.title).toMatch(/did not answer/);
  });

  it('whose upload is not complete can be pushed, not pulled', async () => {
    await showState({ tag: 'sentiment:v1', state: 'partial' });
    expect(screen.getAllByText('partial')).toHaveLength(2);
    expect(button('Push sentiment:v1')).toBeTruthy();
    expect(screen.queryByRole('button', { name: /^Pull senti/ })).toBeNull();
  });

  it('are loaded page by page', async () => {
    const page = fixture<{ items: object[] }>('remote');
    server.answers.set('GET remote', { json: { ...page, total: 10_000 } });
    await show();
    fireEvent.click(button('Load more (9997 left)'));
    await act(settle);
    const asked = server
      .of('GET remote')
      .map(each => each.url.searchParams.get('start'));
    expect(asked).toContain('3');
  });
});

describe('states', () => {
  it('an empty list says how to fill it, and is no error', async () => {
    const json = { items: [], total: 0 };
    server.answers.set('GET local', { json });
    server.answers.set('GET remote', { json });
    await show();
    expect(screen.getByText(/No models yet/)).toBeTruthy();
    expect(screen.getByText(/The registry is empty/)).toBeTruthy();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('an error is no empty list; Retry asks again', async () => {
    server.answers.set('GET remote', {
      status: 503,
      json: { code: 'unavailable', message: '`r` is away.', hint: 'Wait.' }
    });
    await show();
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('r is away.Wait.');
    expect(screen.queryByText(/The registry is empty/)).toBeNull();
    server.answers.set('GET remote', { json: fixture('remote') });
    fireEvent.click(within(alert).getByRole('button', { name: 'Retry' }));
    await act(settle);
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('a step that the sidebar knows is said in its own words', async () => {
    const hint = 'Check the line.';
    const step = { verb: 'retry', text: hint, args: {} };
    server.answers.set('GET remote', {
      status: 503,
      json: { code: 'unavailable', message: 'Away.', hint, step }
    });
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

  it('a missing server extension is said, and what to do', async () => {
    server.answers.clear();
    await show();
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('jupyter server extension list');
  });

  it('signing in clears the token at once and shows what is wrong', async () => {
    server.answers.set('GET remote', {
      status: 401,
      json: { code: 'not-authenticated', message: 'No.', hint: '' }
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
  it('show progress, and are cancelled and tried again', async () => {
    await show();
    const section = within(region(/^Transfers/));
    const bar = section.getByRole('progressbar', { name: /big:v1/ });
    expect(bar.getAttribute('aria-valuenow')).toBe('27');
    fireEvent.click(button(/^Cancel big:v1/));
    expect(run).toHaveBeenCalledWith(CommandIDs.cancel, { id: 'rgh2am26' });
    fireEvent.click(button('Retry absent:v9'));
    expect(run).toHaveBeenCalledWith(CommandIDs.resume, { id: 'v8rf4sk8' });
  });

  it('that were begun again hide what came before', () => {
    const shown = newestOfEach(records).map(record => record.id);
    expect(shown).toContain('rgh2am26');
    expect(shown).not.toContain('jtg45p3n');
  });

  it('tell screen readers how they end', async () => {
    await show();
    const running = records.find(each => each.state === 'running') as IRecord;
    server.answers.set('GET transfers', {
      json: { revision: 'x', transfers: [{ ...running, state: 'succeeded' }] }
    });
    await act(async () => {
      await model.transfers.refresh();
      await settle();
    });
    expect(screen.getByRole('status').textContent).toBe('Pushed big:v1');
  });
});

it('a plan is shown with its steps and its size', () => {
  const plan = fixture<IPlan>('plan_replace');
  render(<PlanBody plan={plan} trans={trans} />);
  expect(screen.getAllByRole('listitem')).toHaveLength(plan.operations.length);
  expect(screen.getByText('Up to 3.0 MB to upload.')).toBeTruthy();
});
