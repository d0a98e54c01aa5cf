/**
 * The one list of versions, as far as it is looked at: rows come from the server a page at a time.
 */
import { type ISignal, Signal } from '@lumino/signaling';

import { ApiError } from './request';
import type { Service } from './service';
import type { ICount, IPage, IStanding, IView, Row, Show } from './wire';

/** Rows that are fetched beyond those in sight, before and after. */
const AROUND = 30;

export const VIEW: IView = { show: 'all', search: '', sort: 'name', open: [] };

/** What is known of the list; a new object whenever anything in it changes. */
export interface IListing {
  /** How many rows there are, loaded or not; null before the first answer. */
  readonly total: number | null;
  readonly counts: Readonly<Record<Show, ICount>> | null;
  readonly remote: IStanding | null;
  /** Why the list, or the local store, cannot be read. */
  readonly error: ApiError | null;
  /** The view that the rows are of, which may be the one before. */
  readonly view: IView;
}

/** What identifies a row: a tag, or a name. */
export function keyOf(row: Row): string {
  return row.kind === 'name' ? row.name : row.tag;
}

export class Catalog {
  constructor(private readonly _service: Pick<Service, 'list' | 'find'>) {}

  /** Emitted whenever a row or anything about the list has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted when another view was asked for. */
  get viewed(): ISignal<this, IView> {
    return this._viewed;
  }

  /** Emitted with the first row in sight. */
  get scrolled(): ISignal<this, number> {
    return this._scrolled;
  }

  get listing(): IListing {
    return this._listing;
  }

  /** What is to be shown. */
  get view(): IView {
    return this._view;
  }

  /** Whether somebody reads: then it is worth asking again soon. */
  get reading(): boolean {
    return this._loading || (this._listing.remote?.reading ?? false);
  }

  /** A row; undefined while it is not loaded. */
  row(index: number): Row | undefined {
    return this._rows.get(index);
  }

  /** The position of a row among those that are loaded; -1 where it is not. */
  indexOf(key: string): number {
    for (const [index, row] of this._rows) {
      if (keyOf(row) === key) {
        return index;
      }
    }
    return -1;
  }

  /** Show something else; the rows there are stay until the new ones come. */
  show(change: Partial<IView>): Promise<void> {
    this._view = { ...this._view, ...change };
    if (!change.open) {
      this._first = 0;
    }
    this._viewed.emit(this._view);
    return this._ask(this._first, '');
  }

  /** Begin with the view that was left when the page was closed. */
  restore(view: Partial<IView>, first: number): void {
    this._view = { ...this._view, ...view };
    this._first = first;
  }

  /** The first row in sight. */
  get first(): number {
    return this._first;
  }

  /** Fold or unfold a name. */
  toggle(name: string): Promise<void> {
    const others = this._view.open.filter(each => each !== name);
    const open =
      others.length < this._view.open.length ? others : [...others, name];
    return this.show({ open });
  }

  /** Say which rows are in sight, so that they get loaded. */
  look(first: number, last: number): void {
    if (this._listing.total === null) {
      return;
    }
    if (first !== this._first) {
      this._first = first;
      this._scrolled.emit(first);
    }
    if (this._asking) {
      return;
    }
    const stop = Math.min(last, this._listing.total - 1);
    for (let index = first; index <= stop; index++) {
      if (!this._rows.has(index)) {
        void this._ask(index, '');
        return;
      }
    }
  }

  /** Ask again; see `Service.list` for what may be read anew. */
  refresh(what = ''): Promise<void> {
    return this._ask(this._first, what);
  }

  /** Ask whether anything has changed. */
  poll(what = ''): Promise<void> {
    // Rows of the view before are no answer, even where nothing has changed.
    const current = this._listing.view === this._view;
    return this._ask(this._first, what, current ? this._revision : '');
  }

  /** Load the rows around one. */
  load(index: number): Promise<void> {
    return this._ask(index, '');
  }

  /** The row of the next name that begins with a text, or is it; null where there is none. */
  async find(
    text: string,
    from: number,
    whole = false
  ): Promise<number | null> {
    const found = await this._service.find(this._view, text, from, whole);
    const row = found === null ? undefined : this._rows.get(found);
    if (row && !keyOf(row).toLowerCase().startsWith(text.toLowerCase())) {
      await this.refresh(); // the list has changed, and the rows that are loaded are older than this answer
    }
    return found;
  }

  /** Forget everything, as when another registry is asked. */
  clear(): void {
    this._epoch++;
    this._asking = 0;
    this._rows = new Map();
    this._revision = '';
    this._set({ total: null, counts: null, remote: null, error: null });
  }

  /**
   * Ask for the rows around one.
   *
   * Answers about another view, of another registry, or older than what is shown are dropped. They may come in another
   * order than they were asked for: one that waits for a slow registry must neither keep back what is known already nor
   * be lost because somebody unfolded a name meanwhile.
   */
  private async _ask(
    index: number,
    refresh: string,
    since = ''
  ): Promise<void> {
    const ticket = ++this._ticket;
    const [epoch, view] = [this._epoch, this._view];
    if (!refresh) {
      this._asking = ticket;
    }
    const start = Math.max(0, index - AROUND);
    try {
      const page = await this._service.list(view, start, refresh, since);
      if (
        epoch === this._epoch &&
        view === this._view &&
        !isOlder(page.revision, this._revision)
      ) {
        this._take(page, view);
      }
    } catch (reason) {
      if (epoch === this._epoch && view === this._view) {
        this._set({ error: ApiError.of(reason) });
      }
    } finally {
      if (ticket === this._asking) {
        this._asking = 0;
      }
    }
  }

  private _take(page: IPage, view: IView): void {
    this._loading = page.loading;
    const error = page.problem ? new ApiError(page.problem, 0) : null;
    const remote = same(this._listing.remote, page.remote);
    if (page.items && page.start !== undefined) {
      const old = new Map(
        [...this._rows.values()].map(row => [keyOf(row), row])
      );
      const stays =
        page.revision === this._revision && view === this._listing.view;
      const rows = stays ? new Map(this._rows) : new Map<number, Row>();
      page.items.forEach((row, offset) =>
        rows.set((page.start ?? 0) + offset, same(old.get(keyOf(row)), row))
      );
      this._rows = rows;
      this._revision = page.revision;
      this._set({
        remote,
        error,
        view,
        total: page.total ?? 0,
        counts: page.counts ?? null
      });
    } else if (
      remote !== this._listing.remote ||
      error?.message !== this._listing.error?.message
    ) {
      this._set({ remote, error });
    }
  }

  private _set(change: Partial<IListing>): void {
    this._listing = { ...this._listing, ...change };
    this._changed.emit();
  }

  private _view = VIEW;
  private _listing: IListing = {
    total: null,
    counts: null,
    remote: null,
    error: null,
    view: VIEW
  };
  private _rows = new Map<number, Row>();
  private _revision = '';
  private _loading = true;
  private _first = 0;
  private _epoch = 0;
  private _ticket = 0;
  private _asking = 0;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _scrolled = new Signal<this, number>(this);
  private readonly _viewed = new Signal<this, IView>(this);
}

/** Whether a revision is of the same list as another one, and of before it: "list-12" is before "list-13". */
function isOlder(revision: string, other: string): boolean {
  const [list, number] = revision.split('-');
  const [otherList, otherNumber] = other.split('-');
  return list === otherList && Number(number) < Number(otherNumber);
}

/** The old object in place of a new one that says the same, so that what shows it need not be drawn again. */
function same<T>(old: T | undefined, now: T): T {
  return old !== undefined && JSON.stringify(old) === JSON.stringify(now)
    ? old
    : now;
}
