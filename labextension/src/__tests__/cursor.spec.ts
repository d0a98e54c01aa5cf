import { Catalog, keyOf } from '../catalog';
import { Cursor } from '../cursor';
import type { IPage, IView, Row } from '../wire';
import { fixture } from './fixtures';
import { settle } from './server';

const template = fixture<IPage>('list');
const [aName, aVersion] = (['name', 'version'] as const).map(kind =>
  template.items?.find(row => row.kind === kind)
) as [Row, Row];

/** A list of names with two versions each; answers come when they are let go. */
class Server {
  names = ['ada', 'bee', 'bell', 'cat'];
  number = 1;
  private _held: (() => void)[] | null = null;

  hold(): void {
    this._held = [];
  }

  /** Let the answers go that are held back, the last one first if wanted. */
  async release(order: 'first' | 'last' = 'first'): Promise<void> {
    const held = this._held ?? [];
    this._held = null;
    for (const go of order === 'first' ? held : held.reverse()) {
      go();
      await settle();
    }
    await settle();
  }

  async list({ open }: IView, start: number): Promise<IPage> {
    const rows = this._rows(open);
    const items = rows.slice(start, start + 100);
    const revision = `list-${this.number}`;
    await this._answer();
    return { ...template, start, items, total: rows.length, revision };
  }

  async find(
    view: IView,
    text: string,
    from: number,
    whole: boolean
  ): Promise<number | null> {
    const keys = this._rows(view.open).map(keyOf);
    const hits = keys.flatMap((key, at) =>
      key === text || (!whole && key.startsWith(text)) ? [at] : []
    );
    await this._answer();
    return hits.find(at => at >= from) ?? hits[0] ?? null;
  }

  private _rows(open: string[]): Row[] {
    return this.names.flatMap(name => {
      const isOpen = open.includes(name);
      const tags = isOpen ? [`${name}:v2`, `${name}:v1`] : [];
      const versions = tags.map(tag => ({ ...aVersion, tag }) as Row);
      return [{ ...aName, name, open: isOpen } as Row, ...versions];
    });
  }

  private async _answer(): Promise<void> {
    await new Promise<void>(resolve =>
      this._held ? this._held.push(resolve) : resolve()
    );
  }
}

let server: Server;
let catalog: Catalog;
let cursor: Cursor;
const opened = jest.fn();
const onMenu = jest.fn();
let time = 0;

function press(...keys: string[]): void {
  for (const key of keys) {
    time += 10;
    cursor.press({ key, time, step: 3, onOpen: opened, onMenu });
  }
}

const current = (): string => {
  const row = catalog.row(cursor.index);
  return row ? keyOf(row) : '';
};

beforeEach(async () => {
  opened.mockClear();
  time += 10_000;
  server = new Server();
  catalog = new Catalog(server as never);
  cursor = new Cursor(catalog);
  await catalog.refresh();
});

describe('the cursor', () => {
  it('does what was pressed while a name was looked for, in that order', async () => {
    server.hold();
    press('b', 'e', 'l', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter');
    expect(current()).toBe('ada');
    await server.release();
    expect(current()).toBe('cat:v2');
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it('goes where the whole word leads, whichever answer is the last', async () => {
    server.hold();
    press('b', 'e', 'l');
    await server.release('last');
    expect(current()).toBe('bell');
  });

  it('is not moved by an answer that comes after a click', async () => {
    server.hold();
    press('c', 'ArrowRight');
    cursor.select(1);
    await server.release();
    expect(current()).toBe('bee');
    expect(catalog.view.open).toEqual([]);
  });

  it('unfolds once and goes in, however fast the arrows come', async () => {
    press('ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowLeft');
    await settle();
    expect(current()).toBe('ada');
    expect(catalog.view.open).toEqual([]);
    press('ArrowRight', 'ArrowRight');
    await settle();
    expect(current()).toBe('ada:v2');
  });

  it('stays on its row when others come, go and come back', async () => {
    press('End');
    for (const names of [['aa', 'ab', 'cat'], ['cat'], ['a', 'cat', 'd']]) {
      server.names = names;
      server.number++;
      await catalog.refresh();
      expect(current()).toBe('cat');
    }
  });

  it('goes on after an answer that never comes', async () => {
    jest.useFakeTimers();
    server.hold();
    press('b', 'ArrowDown');
    expect(current()).toBe('ada');
    jest.advanceTimersByTime(5_000);
    expect(current()).toBe('bee');
    jest.useRealTimers();
  });

  it('has keys wait for a row that is not loaded yet', async () => {
    server.names = Array.from({ length: 500 }, (_, at) => `n${at}`);
    server.number++;
    await catalog.refresh();
    press('End', 'ArrowRight', 'ArrowRight', 'ArrowDown', 'Enter');
    await settle();
    expect(opened).toHaveBeenCalledWith(
      expect.objectContaining({ tag: 'n499:v1' })
    );
    press('ArrowLeft', 'ArrowLeft');
    await settle();
    catalog.look(480, 499);
    await settle();
    expect(current()).toBe('n499');
    expect(catalog.view.open).toEqual([]);
  });

  it('looks again where the list has changed since it was loaded', async () => {
    server.names = ['aa', 'ada', 'bee', 'bell', 'cat'];
    server.number++;
    press('c');
    await settle();
    expect(current()).toBe('cat');
  });
});

describe('answers', () => {
  it('that are older than what is shown are dropped, others are not', async () => {
    server.hold();
    const slow = catalog.refresh('ada'); // waits for a slow registry
    const quick = catalog.refresh();
    server.names = ['ada'];
    server.number++;
    const newer = catalog.refresh();
    await server.release('last');
    await Promise.all([slow, quick, newer]);
    expect(catalog.listing.total).toBe(1);
  });

  it('to a question that waits for a registry keep no others back', async () => {
    server.hold();
    const slow = catalog.refresh('ada');
    const unfolding = catalog.toggle('ada');
    await server.release('last');
    expect(catalog.listing.total).toBe(6);
    await Promise.all([slow, unfolding]);
    expect(catalog.listing.total).toBe(6);
  });
});
