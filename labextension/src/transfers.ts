/**
 * All transfers, whether started in the sidebar, in a cell or in a shell. A timer runs only while there is a reason.
 */
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { isActive } from './format';
import type { Service } from './service';
import type { IRecord } from './wire';

/** Milliseconds between two looks. */
const WATCHED = 700;
const UNWATCHED = 3000;
const SLOWEST = 30_000;

export class Transfers {
  /**
   * @param _service Where they are asked for.
   * @param standby When not to ask, apart from that: by default while the page is hidden.
   */
  constructor(
    private readonly _service: Pick<Service, 'transfers'>,
    standby: Poll.Standby | (() => Poll.Standby) = 'when-hidden'
  ) {
    this._poll = new Poll({
      name: 'modelsync:transfers',
      auto: false,
      standby,
      frequency: { interval: Poll.NEVER, backoff: 2, max: SLOWEST },
      factory: () => this._look()
    });
  }

  /** All of them, the newest first. A new array whenever anything changes. */
  get records(): readonly IRecord[] {
    return this._records;
  }

  get active(): readonly IRecord[] {
    return this._records.filter(isActive);
  }

  /** Those that ended while this page was open, or are paused, and nobody dismissed: what comes of one stays in sight. */
  get fresh(): readonly IRecord[] {
    return this._records.filter(
      record =>
        !isActive(record) &&
        (this._fresh.has(record.id) ||
          (record.state === 'paused' && !this._dismissed.has(record.id)))
    );
  }

  /** Put one away; its record stays in the history. */
  dismiss(id: string): void {
    this._fresh.delete(id);
    this._dismissed.add(id);
    this._changed.emit();
  }

  /** Note that transfers were forgotten. */
  drop(ids: readonly string[]): void {
    this._merge([], ids);
  }

  /** Whether this transfer was asked to stop and has not stopped yet. */
  isStopping(id: string): boolean {
    return this._stopping.has(id);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted once for each transfer that was seen running and has ended. */
  get ended(): ISignal<this, IRecord> {
    return this._ended;
  }

  /** Emitted for each transfer that was not seen running, but has ended since the last look: others ran it. */
  get landed(): ISignal<this, IRecord> {
    return this._landed;
  }

  /** Look now. */
  async refresh(): Promise<void> {
    await this._poll.refresh();
    await this._poll.tick.catch(() => undefined);
  }

  /**
   * Say whether anybody watches, and how often to look then for transfers that others start.
   *
   * @param idle Milliseconds; `Poll.NEVER` for not at all.
   */
  watch(watched: boolean, idle: number): void {
    if (this._watched === watched && this._idle === idle) {
      return;
    }
    this._watched = watched;
    this._idle = idle;
    this._pace();
    if (watched || this.active.length) {
      void this._poll.refresh();
    }
  }

  /** Take in a record that the server handed out. */
  put(record: IRecord): void {
    this._merge([record]);
    this._pace();
    void this._poll.refresh();
  }

  /** Note that a transfer was asked to stop. */
  stopping(id: string, asked = true): void {
    if (asked) {
      this._stopping.add(id);
    } else {
      this._stopping.delete(id);
    }
    this._changed.emit();
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _look(): Promise<void> {
    const first = this._revision === undefined;
    const known = new Set(this._records.map(record => record.id));
    const reply = await this._service.transfers(this._revision);
    this._revision = reply.revision;
    if (reply.transfers.length || reply.gone.length) {
      this._merge(reply.transfers, reply.gone);
    }
    reply.transfers
      .filter(each => !first && !known.has(each.id) && !isActive(each))
      .forEach(each => this._landed.emit(each));
    this._pace();
  }

  private _merge(records: IRecord[], gone: readonly string[] = []): void {
    const before = new Map(this._records.map(record => [record.id, record]));
    const after = new Map(before);
    records.forEach(record => after.set(record.id, record));
    gone.forEach(id => after.delete(id));
    this._records = [...after.values()].sort((a, b) => b.started - a.started);
    const ended = records.filter(record => {
      const known = before.get(record.id);
      return known && isActive(known) && !isActive(record);
    });
    ended.forEach(record => {
      this._stopping.delete(record.id);
      this._fresh.add(record.id);
    });
    this._changed.emit();
    ended.forEach(record => this._ended.emit(record));
  }

  private _pace(): void {
    const interval = this.active.length
      ? this._watched
        ? WATCHED
        : UNWATCHED
      : this._watched
        ? this._idle
        : Poll.NEVER;
    if (this._poll.frequency.interval !== interval) {
      this._poll.frequency = {
        interval,
        backoff: 2,
        max: Math.max(SLOWEST, interval)
      };
    }
  }

  private readonly _poll: Poll;
  private _records: readonly IRecord[] = [];
  private _revision: string | undefined;
  private _watched = false;
  private _idle: number = Poll.NEVER;
  private readonly _fresh = new Set<string>();
  private readonly _dismissed = new Set<string>();
  private readonly _stopping = new Set<string>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _landed = new Signal<this, IRecord>(this);
  private readonly _ended = new Signal<this, IRecord>(this);
}
