/**
 * The current row of the list, and what the keys of a tree do to it.
 *
 * Some keys need an answer of the server: a letter looks for a name, an arrow unfolds one. Keys pressed meanwhile wait
 * for it, so that each acts on what the one before it has brought, however slow the server; and no answer that comes
 * late moves a cursor that has gone elsewhere.
 */
import { type ISignal, Signal } from '@lumino/signaling';

import { type Catalog, keyOf } from './catalog';
import { nameOf } from './tags';
import type { IVersion, Row } from './wire';

/** Milliseconds after which the next letter begins another word. */
const WORD_PAUSE = 1000;
/** Milliseconds that keys wait for an answer at most. */
const PATIENCE = 3000;

/** A key, and what surrounds it. */
export interface IPress {
  key: string;
  shift?: boolean;
  /** Milliseconds, of a clock that only goes forward. */
  time: number;
  /** How many rows PageUp and PageDown move. */
  step: number;
  /** Opens a version. */
  onOpen: (version: IVersion) => void;
  /** Opens the menu of the current row. */
  onMenu: (row: Row, index: number) => void;
  /** Whether it has waited for its row to be loaded. */
  again?: boolean;
}

const KEYS = [
  'ArrowDown',
  'ArrowUp',
  'ArrowLeft',
  'ArrowRight',
  'PageDown',
  'PageUp',
  'Home',
  'End',
  'Enter',
  ' ',
  'ContextMenu'
];

export class Cursor {
  constructor(private readonly _catalog: Catalog) {
    _catalog.changed.connect(this._follow, this);
  }

  /** Emitted when another row is the current one, or the same one elsewhere. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted when somebody chose a row, so that it has to be in sight. */
  get selected(): ISignal<this, number> {
    return this._selected;
  }

  get index(): number {
    return Math.max(0, Math.min(this._count - 1, this._index));
  }

  /** Make a row the current one, as a click does; keys that still wait are forgotten. */
  select(index: number): void {
    this._ticket++;
    this._waiting = false;
    this._queue = [];
    this._select(index);
  }

  /** Fold or unfold a name, as a click does. */
  toggle(name: string): void {
    this._wait(this._catalog.toggle(name));
  }

  /**
   * Do what a key does, at once or when what it waits for is there.
   *
   * @returns Whether it is a key of a tree.
   */
  press(press: IPress): boolean {
    const { key, shift } = press;
    const letter = isLetter(key);
    if (!letter && !KEYS.includes(key) && !(key === 'F10' && shift)) {
      return false;
    }
    // Letters of one word need not wait for each other: the last one asks for all of it.
    if (this._waiting && !(letter && this._typing && !this._queue.length)) {
      this._queue.push(press);
    } else {
      this._do(press);
    }
    return true;
  }

  private _do(press: IPress): void {
    const { key, step, onOpen, onMenu } = press;
    const { index, _catalog: catalog } = this;
    const row = catalog.row(index);
    const moves: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + step,
      PageUp: index - step,
      Home: 0,
      End: this._count - 1
    };
    if (key in moves) {
      this._select(moves[key] ?? index);
    } else if (isLetter(key)) {
      this._type(press);
    } else if (!row) {
      if (!press.again) {
        this._queue.unshift({ ...press, again: true });
        this._wait(catalog.load(index));
      }
    } else if (key === 'ContextMenu' || key === 'F10') {
      onMenu(row, index);
    } else if (row.kind === 'version') {
      if (key === 'ArrowLeft') {
        this._leave(row, index);
      } else if (key === 'Enter') {
        onOpen(row);
      }
    } else if (key === 'ArrowRight' && row.open) {
      this._select(index + 1);
    } else if (key !== 'ArrowLeft' || row.open) {
      this.toggle(row.name);
    }
  }

  private _type({ key, time }: IPress): void {
    const fresh = time - this._word.time > WORD_PAUSE;
    const text = fresh ? key : this._word.text + key;
    this._word = { text, time };
    const from = text.length > 1 ? this.index : this.index + 1;
    this._wait(
      this._catalog.find(text, from),
      found => found !== null && this._select(found)
    );
    this._typing = true;
  }

  /** Wait for an answer, then take it in and do what was pressed meanwhile. A later one takes the place of an earlier. */
  private _wait<T>(
    answer: Promise<T>,
    take: (value: T) => unknown = () => undefined
  ): void {
    const ticket = ++this._ticket;
    this._waiting = true;
    this._typing = false;
    const end = (): void => {
      if (ticket !== this._ticket) {
        return;
      }
      this._ticket++;
      this._waiting = this._typing = false;
      for (;;) {
        const next = this._waiting ? undefined : this._queue.shift();
        if (!next) {
          return;
        }
        this._do(next);
      }
    };
    const timer = setTimeout(end, PATIENCE);
    answer
      .then(
        value => ticket === this._ticket && take(value),
        () => undefined
      )
      .finally(() => {
        clearTimeout(timer);
        end();
      });
  }

  private _select(index: number): void {
    this._index = Math.max(0, Math.min(this._count - 1, index));
    const row = this._catalog.row(this._index);
    this._key = row ? keyOf(row) : '';
    this._selected.emit(this._index);
    this._changed.emit();
  }

  /** Stay on the same row where rows above it have come or gone; where it has gone itself, on the one in its place. */
  private _follow(): void {
    const before = this._index;
    const row = this._catalog.row(this.index);
    if (row && keyOf(row) !== this._key) {
      const moved = this._key ? this._catalog.indexOf(this._key) : -1;
      this._index = moved >= 0 ? moved : this.index;
      this._key = moved >= 0 ? this._key : keyOf(row);
    } else if (!row && this._key) {
      const moved = this._catalog.indexOf(this._key);
      this._index = moved >= 0 ? moved : this._index;
    }
    if (this._index !== before) {
      this._changed.emit();
    }
  }

  /** Go to the name of a version; where there are many versions, it may not be loaded. */
  private _leave({ tag }: IVersion, index: number): void {
    let parent = index - 1;
    while (this._catalog.row(parent)?.kind === 'version') {
      parent--;
    }
    if (this._catalog.row(parent)) {
      this._select(parent);
      return;
    }
    this._wait(
      this._catalog.find(nameOf(tag), 0, true),
      found => found !== null && this._select(found)
    );
  }

  private get _count(): number {
    return this._catalog.listing.total ?? 0;
  }

  private _index = 0;
  private _key = '';
  private _word = { text: '', time: -Infinity };
  private _typing = false;
  private _waiting = false;
  private _ticket = 0;
  private _queue: IPress[] = [];
  private readonly _changed = new Signal<this, void>(this);
  private readonly _selected = new Signal<this, number>(this);
}

function isLetter(key: string): boolean {
  return key.length === 1 && key !== ' ';
}
