/**
 * How the local store and the registry compare in each version. The server tells, by content digests alone.
 */
import { type ISignal, Signal } from '@lumino/signaling';

import type { Service } from './service';
import type { IVersionState } from './wire';

/** States by tag; a new object whenever one of them changes. */
export interface IStates {
  readonly byTag: ReadonlyMap<string, IVersionState>;
  /** Whether the last question was not answered: then nothing is known of any version. */
  readonly failed: boolean;
}

const NOTHING: IStates = { byTag: new Map(), failed: false };

/** The state of a version; undefined before it has been asked for. */
export function stateOf(
  states: IStates,
  tag: string
): IVersionState | undefined {
  return states.byTag.get(tag) ?? (states.failed ? UNASKED : undefined);
}

const UNASKED: IVersionState = {
  tag: '',
  state: 'unknown',
  local: null,
  remote: null
};

/** Whether a state is unknown because the registry could not be asked. */
export function isUnasked(state: IVersionState): boolean {
  return state === UNASKED;
}

export class States {
  constructor(private readonly _service: Pick<Service, 'states'>) {}

  get current(): IStates {
    return this._current;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask again; a version that did not change keeps its object, so that its row need not be drawn again. */
  async refresh(): Promise<void> {
    const ticket = ++this._ticket;
    let found: IStates;
    try {
      const old = this._current.byTag;
      const items = await this._service.states();
      const kept = items.map(item => {
        const before = old.get(item.tag);
        return before && JSON.stringify(before) === JSON.stringify(item)
          ? before
          : item;
      });
      const byTag = new Map(kept.map(item => [item.tag, item]));
      const same =
        byTag.size === old.size &&
        kept.every(item => old.get(item.tag) === item);
      found =
        same && !this._current.failed
          ? this._current
          : { byTag, failed: false };
    } catch {
      // The listing of the registry, asked at the same time, says what is wrong.
      found = this._current.failed
        ? this._current
        : { byTag: new Map(), failed: true };
    }
    if (ticket === this._ticket && found !== this._current) {
      this._set(found);
    }
  }

  /** Forget everything, as when another registry is asked. */
  clear(): void {
    this._ticket++;
    this._set(NOTHING);
  }

  private _set(states: IStates): void {
    this._current = states;
    this._changed.emit();
  }

  private _ticket = 0;
  private _current = NOTHING;
  private _changed = new Signal<this, void>(this);
}
