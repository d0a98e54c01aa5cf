/**
 * What the server extension can do: one function per endpoint.
 */
import type { ServerConnection } from '@jupyterlab/services';

import { type Query, request } from './request';
import { nameOf, versionOf } from './tags';
import type * as wire from './wire';

/** Rows of the list that are asked for at a time. */
export const PAGE = 100;

/** Sent by a timer: Jupyter must not count it as user activity, or no idle server would ever be culled. */
const POLL = { no_track_activity: 1 };

export class Service {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  status(): Promise<wire.IStatus> {
    return this._get(['status'], POLL);
  }

  /**
   * A page of the list of versions.
   *
   * @param refresh What to read anew: "all", "quick" (what seems to have changed), "local", or a name; "" for nothing.
   * @param since The revision of the answer before.
   */
  list(
    view: wire.IView,
    start: number,
    refresh = '',
    since = ''
  ): Promise<wire.IPage> {
    const body = { ...view, start, limit: PAGE, refresh, since };
    return this._post(['list'], body, POLL);
  }

  /** The row of the next name that begins with a text, or is it, from a row on and around. */
  async find(
    view: wire.IView,
    text: string,
    start: number,
    whole = false
  ): Promise<number | null> {
    const body = { ...view, find: text, start, whole };
    const reply = await this._post<{ row: number | null }>(['list'], body);
    return reply.row;
  }

  /** Versions that match a search, as many as a page of the list has. */
  async search(
    text: string,
    show: wire.Show = 'all'
  ): Promise<wire.IVersion[]> {
    const view: wire.IView = { show, search: text, sort: 'name', open: [] };
    const folded = await this.list(view, 0);
    const open = (folded.items ?? []).flatMap(row =>
      row.kind === 'name' ? [row.name] : []
    );
    const { items } = await this.list({ ...view, open }, 0);
    return (items ?? []).flatMap(row => (row.kind === 'version' ? [row] : []));
  }

  details(tag: string): Promise<wire.IDetails> {
    return this._get(['versions', ...split(tag)]);
  }

  /** How two versions differ. */
  diff(old: wire.ISide, other: wire.ISide): Promise<wire.IDiff> {
    return this._get(['diff'], {
      old: old.tag,
      new: other.tag,
      old_place: old.place,
      new_place: other.place
    });
  }

  /** What keeps models from being saved and synced. */
  async doctor(): Promise<wire.ICheck[]> {
    const reply = await this._get<{ checks: wire.ICheck[] }>(['doctor']);
    return reply.checks;
  }

  /** Read the files of a local version, so that its content digest is known. */
  check(tag: string): Promise<{ digest: string }> {
    return this._post(['versions', ...split(tag), 'digest'], {});
  }

  /**
   * Delete a local version.
   *
   * @param permanently Whether its space is freed now; else it can be restored for a week.
   */
  async deleteLocal(tag: string, permanently = false): Promise<string[]> {
    const reply = await this._delete<{ deleted: string[] }>(
      ['local', ...split(tag)],
      permanently ? { permanently: 1 } : {}
    );
    return reply.deleted;
  }

  async restoreLocal(tag: string): Promise<void> {
    await this._post(['local', ...split(tag), 'restore'], {});
  }

  /** Local versions that were deleted and can be restored, the last one first; all, or those of a name. */
  async trash(name = ''): Promise<wire.ITrashed[]> {
    const reply = await this._get<{ versions: wire.ITrashed[] }>(['trash'], {
      name
    });
    return reply.versions;
  }

  /** Delete all of these for good; returns how many bytes that freed. */
  async emptyTrash(): Promise<number> {
    const reply = await this._delete<{ freed: number }>(['trash']);
    return reply.freed;
  }

  /** Change labels and description of one side of a version. */
  edit(
    tag: string,
    place: wire.Place,
    change: wire.IEdit
  ): Promise<wire.IEdited> {
    return this._post([place, ...split(tag)], change);
  }

  /** Delete a version in the registry, which keeps it for a while. */
  async deleteRemote(tag: string): Promise<void> {
    await this._delete(['remote', ...split(tag)]);
  }

  async restore(tag: string): Promise<void> {
    await this._post(['remote', ...split(tag), 'restore'], {});
  }

  /** Tags of the versions of a name that were deleted in the registry and can be restored, the last one first. */
  async deleted(name: string): Promise<string[]> {
    const reply = await this._get<{ versions: { tag: string }[] }>(
      ['deleted'],
      { name }
    );
    return reply.versions.map(each => each.tag);
  }

  /** What was done to a version in the registry, the last first. */
  async history(tag: string): Promise<wire.IDeed[]> {
    const [name, version] = split(tag);
    const reply = await this._get<{ deeds: wire.IDeed[] }>(['history', name], {
      version
    });
    return reply.deeds;
  }

  remoteFiles(tag: string): Promise<wire.IRemoteFiles> {
    return this._get(['remote', ...split(tag), 'files']);
  }

  async aliases(name: string): Promise<wire.IAlias[]> {
    const reply = await this._get<{ aliases: wire.IAlias[] }>([
      'aliases',
      name
    ]);
    return reply.aliases;
  }

  /**
   * Let an alias point at a version.
   *
   * @param expected The version it was seen to point at; "" for a new one. Another one is a conflict.
   */
  pointAlias(
    tag: string,
    alias: string,
    expected: string
  ): Promise<wire.IAlias> {
    const [name, version] = split(tag);
    return this._post(['aliases', name, alias], { version, expected });
  }

  /** Remove an alias that points at a version. */
  async dropAlias(tag: string, alias: string): Promise<void> {
    const [name, version] = split(tag);
    await this._delete(['aliases', name, alias], { expected: version });
  }

  save(draft: wire.IDraft): Promise<wire.ILocalModel> {
    return this._post(['models'], draft);
  }

  plan(order: wire.IOrder): Promise<wire.IPlan> {
    return this._get(['plan'], {
      direction: order.direction,
      tag: order.tag,
      force: order.force ? 1 : 0
    });
  }

  /** Transfers that changed since a revision; all of them without one. */
  transfers(since?: string): Promise<wire.ITransfers> {
    return this._get(['transfers'], { since, ...POLL });
  }

  start(order: wire.IOrder): Promise<wire.IRecord> {
    return this._post(['transfers'], order);
  }

  cancel(id: string): Promise<wire.IRecord> {
    return this._post(['transfers', id, 'cancel'], {});
  }

  /** Stop a transfer that somebody means to resume. */
  pause(id: string): Promise<wire.IRecord> {
    return this._post(['transfers', id, 'pause'], {});
  }

  resume(id: string): Promise<wire.IRecord> {
    return this._post(['transfers', id, 'resume'], {});
  }

  /** Forget a transfer that has ended, or all that have; returns their ids. */
  async forget(id?: string): Promise<string[]> {
    const reply = await this._delete<{ forgotten: string[] }>(
      id ? ['transfers', id] : ['transfers']
    );
    return reply.forgotten;
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

  private _get<T>(path: string[], query: Query = {}): Promise<T> {
    return request(this._settings, path, query);
  }

  private _post<T>(
    path: string[],
    body: object,
    query: Query = {}
  ): Promise<T> {
    return request(this._settings, path, query, { method: 'POST', body });
  }

  private _delete<T>(path: string[], query: Query = {}): Promise<T> {
    return request(this._settings, path, query, { method: 'DELETE' });
  }
}

function split(tag: string): [string, string] {
  return [nameOf(tag), versionOf(tag)];
}
