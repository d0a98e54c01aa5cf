/**
 * The list of names and versions: a tree with one tab stop and the keys that trees have. Only rows in sight exist.
 */
import React from 'react';

import { type Catalog, keyOf } from '../catalog';
import { CommandIDs } from '../tokens';
import { nameOf } from '../tags';
import type { IRecord, Row } from '../wire';
import { useEnv } from './env';
import { Placeholder, TreeRow } from './row';

/** Lines of text that a row is high, padding included. */
const LINES = 3.1;
/** Rows drawn beyond those in sight. */
const OVERSCAN = 6;
/** Milliseconds after which the next letter begins another word. */
const WORD_PAUSE = 600;

export function Tree(props: {
  catalog: Catalog;
  /** Transfers that run, by tag. */
  active: ReadonlyMap<string, IRecord>;
  isStopping: (id: string) => boolean;
}): JSX.Element {
  const { trans, run, openMenu } = useEnv();
  const { catalog, active, isStopping } = props;
  const { total, view } = catalog.listing;
  const box = React.useRef<HTMLDivElement>(null);
  const { height, top, page, onScroll } = useWindow(box, catalog);
  const [current, setCurrent] = React.useState<ICurrent>({ index: 0, key: '' });
  const word = React.useRef({ text: '', time: 0 });
  const id = React.useId();
  const count = total ?? 0;
  const index = follow(current, catalog, count);
  const first = Math.max(0, Math.floor(top / height) - OVERSCAN);
  const last = Math.min(count - 1, Math.ceil((top + page) / height) + OVERSCAN);

  React.useEffect(
    () => catalog.look(Math.floor(top / height), last),
    [catalog, top, height, last, count, view]
  );

  const select = (wanted: number): void => {
    const to = Math.max(0, Math.min(count - 1, wanted));
    const row = catalog.row(to);
    setCurrent({ index: to, key: row ? keyOf(row) : '' });
    const node = box.current;
    if (node) {
      const [above, below] = [to * height, (to + 1) * height - page];
      node.scrollTop = Math.min(Math.max(node.scrollTop, below), above);
    }
  };

  const type = (letter: string): void => {
    const now = Date.now();
    const fresh = now - word.current.time > WORD_PAUSE;
    word.current = {
      text: fresh ? letter : word.current.text + letter,
      time: now
    };
    const from = word.current.text.length > 1 ? index : index + 1;
    void catalog.find(word.current.text, from).then(
      found => found !== null && select(found),
      () => undefined
    );
  };

  const onKeyDown = (event: React.KeyboardEvent<HTMLDivElement>): void => {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || event.target !== event.currentTarget) {
      return;
    }
    const row = catalog.row(index);
    const step = Math.max(1, Math.floor(page / height) - 1);
    const moves: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + step,
      PageUp: index - step,
      Home: 0,
      End: count - 1
    };
    if (key in moves) {
      select(moves[key] ?? index);
    } else if (key === 'ContextMenu' || (key === 'F10' && shiftKey)) {
      const node = document.getElementById(`${id}-${index}`);
      if (row && node && box.current) {
        openMenu(node, row, box.current);
      }
    } else if (key === 'ArrowRight' && row?.kind === 'name') {
      if (row.open) {
        select(index + 1);
      } else {
        void catalog.toggle(row.name);
      }
    } else if (key === 'ArrowLeft' && row?.kind === 'version') {
      select(parentOf(catalog, index));
    } else if (key === 'ArrowLeft' && row?.kind === 'name' && row.open) {
      void catalog.toggle(row.name);
    } else if ((key === 'Enter' || key === ' ') && row?.kind === 'name') {
      void catalog.toggle(row.name);
    } else if (key === 'Enter' && row?.kind === 'version') {
      run(CommandIDs.details, { tag: row.tag });
    } else if (key.length === 1 && key !== ' ') {
      type(key);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const indices: number[] = [];
  for (let each = first; each <= last; each++) {
    indices.push(each);
  }
  if (count && (index < first || index > last)) {
    indices.push(index); // a screen reader needs the current row to be there
  }
  const row = catalog.row(index);
  return (
    <div
      ref={box}
      className="jp-ModelSync-tree"
      role="tree"
      aria-label={trans.__('Models')}
      aria-activedescendant={count ? `${id}-${index}` : undefined}
      tabIndex={0}
      data-ms-current={row ? keyOf(row) : undefined}
      data-ms-local={isLocal(row) || undefined}
      onKeyDown={onKeyDown}
      onScroll={onScroll}
    >
      <div style={{ height: count * height }} role="none">
        {indices.map(each => {
          const item = catalog.row(each);
          const place = { top: each * height, height };
          return item ? (
            <TreeRow
              key={keyOf(item)}
              id={`${id}-${each}`}
              row={item}
              top={place.top}
              height={height}
              current={each === index}
              transfer={transferOf(item, active)}
              stopping={isStopping(transferOf(item, active)?.id ?? '')}
              onSelect={() => select(each)}
              onToggle={name => void catalog.toggle(name)}
              onSearch={text => void catalog.show({ search: text })}
            />
          ) : (
            <Placeholder key={each} id={`${id}-${each}`} style={place} />
          );
        })}
      </div>
    </div>
  );
}

interface ICurrent {
  index: number;
  key: string;
}

/** Where the current row is now: rows above it may have come or gone. */
function follow(current: ICurrent, catalog: Catalog, count: number): number {
  const row = catalog.row(current.index);
  const moved =
    current.key && (!row || keyOf(row) !== current.key)
      ? catalog.indexOf(current.key)
      : -1;
  return Math.max(0, Math.min(count - 1, moved >= 0 ? moved : current.index));
}

function parentOf(catalog: Catalog, index: number): number {
  let parent = index - 1;
  while (parent > 0 && catalog.row(parent)?.kind === 'version') {
    parent--;
  }
  return parent;
}

function isLocal(row: Row | undefined): boolean {
  return row?.kind === 'version' && row.local !== null;
}

/** The transfer that a row shows: its own, or while a name is folded that of one of its versions. */
function transferOf(
  row: Row,
  active: ReadonlyMap<string, IRecord>
): IRecord | undefined {
  if (row.kind === 'version') {
    return active.get(row.tag);
  }
  return row.open
    ? undefined
    : [...active.values()].find(record => nameOf(record.tag) === row.name);
}

interface IWindow {
  /** Pixels of a row, from the top of the list to the first one in sight, and of what is in sight. */
  height: number;
  top: number;
  page: number;
  onScroll: () => void;
}

/** What is in sight of the list; the height of a row follows the font size. */
function useWindow(
  box: React.RefObject<HTMLDivElement>,
  catalog: Catalog
): IWindow {
  const [size, setSize] = React.useState({ height: 40, page: 800 });
  const [top, setTop] = React.useState(0);
  React.useLayoutEffect(() => {
    const node = box.current;
    if (!node) {
      return;
    }
    const measure = (): void => {
      const font = parseFloat(getComputedStyle(node).fontSize) || 13;
      setSize({
        height: Math.round(font * LINES),
        page: node.clientHeight || 800
      });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, [box]);
  const { total, view } = catalog.listing;
  const restored = React.useRef(false);
  React.useLayoutEffect(() => {
    if (!restored.current && total && box.current) {
      restored.current = true;
      box.current.scrollTop = catalog.first * size.height;
    }
  }, [box, catalog, total, size.height]);
  const { search, show, sort } = view;
  const seen = React.useRef('');
  const known = total !== null;
  React.useLayoutEffect(() => {
    if (!known) {
      return; // the view may still be that of before the page was loaded
    }
    const now = [search, show, sort].join('\n');
    if (seen.current && seen.current !== now && box.current) {
      box.current.scrollTop = 0;
    }
    seen.current = now;
  }, [box, known, search, show, sort]);
  const onScroll = React.useCallback(
    () => setTop(box.current?.scrollTop ?? 0),
    [box]
  );
  return { ...size, top, onScroll };
}
