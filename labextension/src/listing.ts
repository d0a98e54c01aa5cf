/**
 * Models of one side, page by page, as far as they are loaded.
 */
import { type ISignal, Signal } from '@lumino/signaling';

import { ApiError } from './request';
import { nameOf } from './tags';
import type { IModel, IPage } from './wire';

/** A listing as it is shown; a new object whenever anything in it changes. */
export interface IListing<T extends IModel> {
  readonly items: readonly T[];
  /** How many there are, loaded or not. */
  readonly total: number;
  readonly search: string;
  /** Whether an answer is on its way. */
  readonly loading: boolean;
  /** Whether there has been an answer: before that, an empty list means nothing. */
  readonly loaded: boolean;
  readonly error: ApiError | null;
}

export class Listing<T extends IModel> {
  /**
   * @param _fetch Asks for models whose names contain a text, from a position on.
   */
  constructor(
    private readonly _fetch: (
      search: string,
      start: number
    ) => Promise<IPage<T>>
  ) {}

  get state(): IListing<T> {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask again for all that is loaded; what did not change stays the same object. */
  refresh(): Promise<void> {
    return this._load(async () => {
      const wanted = this._state.items.length;
      const { search } = this._state;
      let page = await this._fetch(search, 0);
      let items = page.items;
      while (page.items.length && items.length < Math.min(wanted, page.total)) {
        page = await this._fetch(search, items.length);
        items = items.concat(page.items);
      }
      return { items, total: page.total };
    });
  }

  /** Load the next page. */
  more(): Promise<void> {
    return this._load(async () => {
      const { items, search } = this._state;
      const page = await this._fetch(search, items.length);
      return { items: [...items, ...page.items], total: page.total };
    });
  }

  /** Show only models whose names contain a text; those that are loaded at once, the others when the answer is there. */
  search(text: string): Promise<void> {
    const wanted = text.toLowerCase();
    const items = this._state.items.filter(item =>
      nameOf(item.tag).includes(wanted)
    );
    const loaded = this._state.loaded && items.length > 0;
    this._set({ search: text, items, total: items.length, loaded });
    return this.refresh();
  }

  /** Forget everything, as when another registry is asked. */
  clear(): void {
    this._ticket++;
    this._set({
      items: [],
      total: 0,
      loading: false,
      loaded: false,
      error: null
    });
  }

  /** Answers that come late, to a question that is out of date, are dropped. */
  private async _load(ask: () => Promise<IPage<T>>): Promise<void> {
    const ticket = ++this._ticket;
    this._set({ loading: true });
    try {
      const { items, total } = await ask();
      if (ticket === this._ticket) {
        const kept = keep(this._state.items, items);
        this._set({
          items: kept,
          total,
          loading: false,
          loaded: true,
          error: null
        });
      }
    } catch (reason) {
      if (ticket === this._ticket) {
        this._set({ loading: false, error: ApiError.of(reason) });
      }
    }
  }

  private _set(change: Partial<IListing<T>>): void {
    this._state = { ...this._state, ...change };
    this._changed.emit();
  }

  private _ticket = 0;
  private _changed = new Signal<this, void>(this);
  private _state: IListing<T> = {
    items: [],
    total: 0,
    search: '',
    loading: false,
    loaded: false,
    error: null
  };
}

/**
 * The new items; an old one in place of a new one that says the same, so that its row need not be drawn again.
 * One that two pages hold, as the list changed between them, is there once.
 */
function keep<T extends IModel>(old: readonly T[], items: T[]): readonly T[] {
  const known = new Map(old.map(item => [item.tag, item]));
  const unique = new Map(items.map(item => [item.tag, item]));
  const kept = [...unique.values()].map(item => {
    const before = known.get(item.tag);
    return before && JSON.stringify(before) === JSON.stringify(item)
      ? before
      : item;
  });
  const same =
    kept.length === old.length &&
    kept.every((item, index) => item === old[index]);
  return same ? old : kept;
}
