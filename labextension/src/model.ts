/**
 * What the sidebar knows and can do, without any DOM.
 */
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import about from '../package.json';
import { Listing } from './listing';
import { ApiError } from './request';
import type { Service } from './service';
import { States } from './states';
import { Transfers } from './transfers';
import type * as wire from './wire';

/** What a user may set. */
export interface IOptions {
  /** Parts transferred in parallel; 0 uses the server's default. */
  threads: number;
  /** Maximum megabytes per second; 0 uses the server's default. */
  rateLimit: number;
  /** Seconds between checks for transfers started elsewhere; 0 for none. */
  refreshSeconds: number;
}

/** Codes of errors that only signing in can mend. */
const SIGNED_OUT = ['no-context', 'not-authenticated'];

export class SidebarModel {
  readonly local: Listing<wire.ILocalModel>;
  readonly remote: Listing<wire.IRemoteModel>;
  /** How both compare. */
  readonly states: States;
  readonly transfers: Transfers;
  /** Of this page. */
  readonly version = about.version;
  options: IOptions = { threads: 0, rateLimit: 0, refreshSeconds: 10 };

  constructor(
    readonly service: Service,
    transfers = new Transfers(service)
  ) {
    this.local = new Listing((search, start) => service.local(search, start));
    this.remote = new Listing((search, start) => service.remote(search, start));
    this.states = new States(service);
    this.transfers = transfers;
    this.states.changed.connect(this._emit, this);
    this.local.changed.connect(this._emit, this);
    this.remote.changed.connect(this._emit, this);
    transfers.changed.connect(this._emit, this);
    transfers.ended.connect(this._onEnded, this);
  }

  /** Emitted whenever anything that is shown may have changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What the server says of itself; null until it did. */
  get status(): wire.IStatus | null {
    return this._status;
  }

  /** The version of the server extension, where it is not the one of this page; else an empty text. */
  get otherVersion(): string {
    const version = this._status?.version ?? this.version;
    return version === this.version ? '' : version;
  }

  /** Why nothing works at all, as when the server extension is missing. */
  get problem(): ApiError | null {
    return this._problem;
  }

  get context(): wire.IContext | null {
    return this._status?.contexts.find(each => each.current) ?? null;
  }

  /** Whether the registry can be asked only after signing in. */
  get signedOut(): boolean {
    const code = this.remote.state.error?.code;
    return (
      (this._status !== null && !this._status.current) ||
      (code !== undefined && SIGNED_OUT.includes(code))
    );
  }

  /** Whether to show the form for signing in. */
  get signingIn(): boolean {
    return this._signingIn || this.signedOut;
  }

  set signingIn(wanted: boolean) {
    this._signingIn = wanted;
    this._emit();
  }

  get visible(): boolean {
    return this._visible;
  }

  /** Say whether the sidebar is seen: then, and only then, is it kept fresh. */
  set visible(visible: boolean) {
    if (this._visible === visible) {
      return;
    }
    this._visible = visible;
    this.pace();
    if (visible) {
      void this.refresh();
    }
  }

  /** Look for transfers as often as the options say. */
  pace(): void {
    const seconds = this.options.refreshSeconds;
    this.transfers.watch(
      this._visible,
      seconds > 0 ? seconds * 1000 : Poll.NEVER
    );
  }

  /** Ask again for everything that is shown. */
  async refresh(): Promise<void> {
    await Promise.all([
      this._ask(),
      this.local.refresh(),
      this.remote.refresh(),
      this.states.refresh(),
      this.transfers.refresh()
    ]);
  }

  /** Show only models whose names contain a text. */
  async search(text: string): Promise<void> {
    await Promise.all([this.local.search(text), this.remote.search(text)]);
  }

  /** Begin a transfer in a process of its own. */
  async start(order: wire.IOrder): Promise<wire.IRecord> {
    const { threads, rateLimit } = this.options;
    const record = await this.service.start({
      ...(threads > 0 && { threads }),
      ...(rateLimit > 0 && { rate_limit: Math.round(rateLimit * 1e6) }),
      ...order
    });
    this.transfers.put(record);
    return record;
  }

  async cancel(id: string): Promise<void> {
    this.transfers.stopping(id);
    try {
      this.transfers.put(await this.service.cancel(id));
    } catch (reason) {
      this.transfers.stopping(id, false);
      throw reason;
    }
  }

  async resume(id: string): Promise<void> {
    this.transfers.put(await this.service.resume(id));
  }

  async delete(tag: string): Promise<void> {
    await this.service.deleteLocal(tag);
    await this._changedLocally();
  }

  async save(draft: wire.IDraft): Promise<wire.ILocalModel> {
    const model = await this.service.save(draft);
    await this._changedLocally();
    return model;
  }

  /** Sign in; the token goes to the server and is kept nowhere here. */
  async login(endpoint: string, token: string, name: string): Promise<void> {
    await this.service.login(endpoint, token, name);
    this._signingIn = false;
    await this._askAnew();
  }

  async logout(name: string): Promise<void> {
    await this.service.logout(name);
    await this._askAnew();
  }

  async useContext(name: string): Promise<void> {
    await this.service.useContext(name);
    await this._askAnew();
  }

  dispose(): void {
    this.transfers.dispose();
    Signal.clearData(this);
  }

  private async _changedLocally(): Promise<void> {
    await Promise.all([this.local.refresh(), this.states.refresh()]);
  }

  private async _askAnew(): Promise<void> {
    this.remote.clear();
    this.states.clear();
    await Promise.all([
      this._ask(),
      this.remote.refresh(),
      this.states.refresh()
    ]);
  }

  private async _ask(): Promise<void> {
    try {
      this._status = await this.service.status();
      this._problem = null;
    } catch (reason) {
      this._problem = ApiError.of(reason);
    }
    this._emit();
  }

  /** A transfer that succeeded has changed one side; one that did not may have left an upload behind. */
  private _onEnded(_: Transfers, record: wire.IRecord): void {
    if (!this._visible) {
      return;
    }
    if (record.state === 'succeeded') {
      void (record.direction === 'pull' ? this.local : this.remote).refresh();
    }
    void this.states.refresh();
  }

  private _emit(): void {
    this._changed.emit();
  }

  private _status: wire.IStatus | null = null;
  private _problem: ApiError | null = null;
  private _signingIn = false;
  private _visible = false;
  private readonly _changed = new Signal<this, void>(this);
}
