/**
 * What the sidebar knows and can do, without any DOM.
 */
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import about from '../package.json';
import { Catalog } from './catalog';
import { Cursor } from './cursor';
import { SIGNED_OUT } from './hints';
import { ApiError } from './request';
import type { Service } from './service';
import { nameOf } from './tags';
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

/** Milliseconds between two looks at the list: while it is read, and after a failure at first and at most. */
const READING = 400;
const RETRY = 3000;
const SLOWEST = 30_000;

export class SidebarModel {
  /** Both sides as one list. */
  readonly catalog: Catalog;
  readonly cursor: Cursor;
  readonly transfers: Transfers;
  /** Of this page. */
  readonly version = about.version;
  options: IOptions = { threads: 0, rateLimit: 0, refreshSeconds: 10 };

  constructor(
    readonly service: Service,
    transfers = new Transfers(service)
  ) {
    this.catalog = new Catalog(service);
    this.cursor = new Cursor(this.catalog);
    this.transfers = transfers;
    this.catalog.changed.connect(this._emit, this);
    transfers.changed.connect(this._emit, this);
    transfers.ended.connect(this._onEnded, this);
    transfers.landed.connect(this._onEnded, this);
    this._poll = new Poll({
      name: 'modelsync:list',
      auto: false,
      standby: 'when-hidden',
      frequency: { interval: Poll.NEVER, backoff: false },
      factory: () => this._look()
    });
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
    const code = this.catalog.listing.remote?.problem?.code;
    return (
      (this._status !== null && !this._status.current) ||
      (code !== undefined && SIGNED_OUT.includes(code))
    );
  }

  /** Whether to show the form for signing in. */
  get signingIn(): boolean {
    return this._signingIn || (this.signedOut && !this._declined);
  }

  set signingIn(wanted: boolean) {
    this._signingIn = wanted;
    this._declined = !wanted;
    this._emit();
  }

  get historyToggled(): ISignal<this, boolean> {
    return this._historyToggled;
  }

  /** Whether the history of transfers is unfolded. */
  get historyOpen(): boolean {
    return this._historyOpen;
  }

  set historyOpen(open: boolean) {
    this._historyOpen = open;
    this._historyToggled.emit(open);
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
    } else {
      this._paceList();
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

  /** Ask again for everything that is shown; `whole` reads the registry to its end, however long that takes. */
  async refresh(whole = false): Promise<void> {
    await Promise.all([
      this._ask(),
      this.catalog.refresh(whole ? 'all' : 'quick'),
      this.transfers.refresh()
    ]);
    this._paceList();
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

  cancel(id: string): Promise<void> {
    return this._stop(id, () => this.service.cancel(id));
  }

  pause(id: string): Promise<void> {
    return this._stop(id, () => this.service.pause(id));
  }

  async resume(id: string): Promise<void> {
    this.transfers.put(await this.service.resume(id));
  }

  /** Forget a transfer that has ended, or all that have. */
  async forget(id?: string): Promise<void> {
    this.transfers.drop(await this.service.forget(id));
  }

  async delete(tag: string, permanently = false): Promise<void> {
    await this.service.deleteLocal(tag, permanently);
    await this.touched(tag);
  }

  /** Read the local files of a version, so that both sides can be compared. */
  async check(tag: string): Promise<void> {
    await this.service.check(tag);
    await this.touched(tag);
  }

  async save(draft: wire.IDraft): Promise<wire.ILocalModel> {
    const model = await this.service.save(draft);
    await this.touched(model.tag);
    return model;
  }

  /** Read both sides of a model again, since one of them was changed. */
  async touched(tag: string): Promise<void> {
    await this.catalog.refresh(nameOf(tag));
    this._touched.emit(tag);
  }

  /** Emitted with the tag of a version that was changed from here. */
  get touchedTag(): ISignal<this, string> {
    return this._touched;
  }

  /** Look soon whether a version came or went, as when a cell has run. */
  async glance(): Promise<void> {
    if (this._visible) {
      await this.catalog.poll('local');
      this._paceList();
    }
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

  /** Emitted when nothing here is used any more. */
  get disposed(): ISignal<this, void> {
    return this._disposed;
  }

  dispose(): void {
    this._disposed.emit();
    this._poll.dispose();
    this.transfers.dispose();
    Signal.clearData(this);
  }

  private async _stop(
    id: string,
    stop: () => Promise<wire.IRecord>
  ): Promise<void> {
    this.transfers.stopping(id);
    try {
      this.transfers.put(await stop());
    } catch (reason) {
      this.transfers.stopping(id, false);
      throw reason;
    }
  }

  private async _askAnew(): Promise<void> {
    this._declined = false;
    this.catalog.clear();
    await Promise.all([this._ask(), this.catalog.refresh('quick')]);
    this._paceList();
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

  /** One that ended has changed a side, or left an upload behind. */
  private _onEnded(_: Transfers, record: wire.IRecord): void {
    void this.touched(record.tag);
  }

  /** Look whether the list has changed; a registry that could not be reached is asked again, less and less often. */
  private async _look(): Promise<void> {
    const failed = this._failed;
    this._failures = failed ? this._failures + 1 : 0;
    await this.catalog.poll(failed ? 'quick' : 'local');
    if (this._problem) {
      await this._ask();
    }
    this._paceList();
  }

  private _paceList(): void {
    const idle = this.options.refreshSeconds * 1000;
    const interval = !this._visible
      ? Poll.NEVER
      : this.catalog.reading
        ? READING
        : this._failed
          ? Math.min(RETRY * 2 ** this._failures, SLOWEST)
          : idle || Poll.NEVER;
    if (this._poll.frequency.interval !== interval) {
      this._poll.frequency = { interval, backoff: false, max: SLOWEST };
      void this._poll.schedule({ interval, phase: 'started' });
    }
  }

  /** Whether something could not be asked that may answer the next time. */
  private get _failed(): boolean {
    const { remote, error } = this.catalog.listing;
    return !!error || !!this._problem || (!!remote?.problem && !this.signedOut);
  }

  private _emit(): void {
    this._changed.emit();
  }

  private readonly _poll: Poll;
  private _failures = 0;
  private _status: wire.IStatus | null = null;
  private _problem: ApiError | null = null;
  private _signingIn = false;
  private _declined = false;
  private _historyOpen = false;
  private _visible = false;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _historyToggled = new Signal<this, boolean>(this);
  private readonly _disposed = new Signal<this, void>(this);
  private readonly _touched = new Signal<this, string>(this);
}
