/**
 * What the server extension can do: one function per endpoint.
 */
import type { ServerConnection } from '@jupyterlab/services';

import { request } from './request';
import type * as wire from './wire';

/** Models a page of a listing holds at most. */
export const PAGE = 200;

/** Sent by a timer: Jupyter must not count it as user activity, or no idle server would ever be culled. */
const POLL = { no_track_activity: 1 };

export class Service {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  status(): Promise<wire.IStatus> {
    return request(this._settings, ['status'], POLL);
  }

  local(search: string, start: number): Promise<wire.IPage<wire.ILocalModel>> {
    return this._page('local', search, start);
  }

  remote(
    search: string,
    start: number
  ): Promise<wire.IPage<wire.IRemoteModel>> {
    return this._page('remote', search, start);
  }

  /** How the local store and the registry compare, in every version. */
  async states(): Promise<wire.IVersionState[]> {
    const reply = await request<{ items: wire.IVersionState[] }>(
      this._settings,
      ['states'],
      POLL
    );
    return reply.items;
  }

  localDetails(tag: string): Promise<wire.ILocalDetails> {
    return request(this._settings, ['local', ...split(tag)]);
  }

  remoteDetails(tag: string): Promise<wire.IRemoteDetails> {
    return request(this._settings, ['remote', ...split(tag)]);
  }

  async remoteVersions(name: string): Promise<wire.IRemoteModel[]> {
    const reply = await request<{ items: wire.IRemoteModel[] }>(
      this._settings,
      ['remote', name]
    );
    return reply.items;
  }

  async deleteLocal(tag: string): Promise<string[]> {
    const reply = await request<{ deleted: string[] }>(
      this._settings,
      ['local', ...split(tag)],
      {},
      { method: 'DELETE' }
    );
    return reply.deleted;
  }

  save(draft: wire.IDraft): Promise<wire.ILocalModel> {
    return this._post(['models'], draft);
  }

  plan(order: wire.IOrder): Promise<wire.IPlan> {
    return request(this._settings, ['plan'], {
      direction: order.direction,
      tag: order.tag,
      force: order.force ? 1 : 0
    });
  }

  /** Transfers that changed since a revision; all of them without one. */
  transfers(since?: string): Promise<wire.ITransfers> {
    return request(this._settings, ['transfers'], { since, ...POLL });
  }

  start(order: wire.IOrder): Promise<wire.IRecord> {
    return this._post(['transfers'], order);
  }

  cancel(id: string): Promise<wire.IRecord> {
    return this._post(['transfers', id, 'cancel'], {});
  }

  resume(id: string): Promise<wire.IRecord> {
    return this._post(['transfers', id, 'resume'], {});
  }

  login(endpoint: string, token: string, name: string): Promise<wire.IContext> {
    return this._post(['login'], { endpoint, token, name });
  }

  logout(name: string): Promise<{ name: string }> {
    return this._post(['logout'], { name });
  }

  useContext(name: string): Promise<wire.IContext> {
    return this._post(['context'], { name });
  }

  private _page<T>(
    side: wire.Side,
    search: string,
    start: number
  ): Promise<wire.IPage<T>> {
    return request(this._settings, [side], {
      search,
      start,
      limit: PAGE,
      ...POLL
    });
  }

  private _post<T>(path: string[], body: object): Promise<T> {
    return request(this._settings, path, {}, { method: 'POST', body });
  }
}

function split(tag: string): [string, string] {
  const colon = tag.indexOf(':');
  return [tag.slice(0, colon), tag.slice(colon + 1)];
}
