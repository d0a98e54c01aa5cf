/**
 * The list of names and versions: a tree with one tab stop and the keys that trees have. Only rows in sight exist.
 */
import React from 'react';

import { type Catalog, keyOf } from '../catalog';
import type { Cursor } from '../cursor';
import { CommandIDs } from '../tokens';
import { nameOf } from '../tags';
import type { IRecord, Row } from '../wire';
import { useEnv } from './env';
import { Placeholder, TreeRow } from './row';

/** Lines of text that a row is high, padding included. */
const LINES = 3.1;
/** Rows drawn beyond those in sight. */
const OVERSCAN = 6;

export function Tree(props: {
  catalog: Catalog;
  cursor: Cursor;
  /** Transfers that run, by tag. */
  active: ReadonlyMap<string, IRecord>;
  isStopping: (id: string) => boolean;
}): JSX.Element {
  const { trans, run, openMenu } = useEnv();
  const { catalog, cursor, active, isStopping } = props;
  const { total, view } = catalog.listing;
  const box = React.useRef<HTMLDivElement>(null);
  const { height, top, page, onScroll } = useWindow(box, catalog);
  const id = React.useId();
  const count = total ?? 0;
  const { index } = cursor;
  const first = Math.max(0, Math.floor(top / height) - OVERSCAN);
  const last = Math.min(count - 1, Math.ceil((top + page) / height) + OVERSCAN);

  React.useEffect(
    () => catalog.look(Math.floor(top / height), last),
    [catalog, top, height, last, count, view]
  );

  useRevealed(cursor, box, height, page);

  const onKeyDown = (event: React.KeyboardEvent<HTMLDivElement>): void => {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || event.target !== event.currentTarget) {
      return;
    }
    const isMine = cursor.press({
      key,
      shift: shiftKey,
      time: event.timeStamp,
      step: Math.max(1, Math.floor(page / height) - 1),
      onOpen: ({ tag }) => run(CommandIDs.details, { tag }),
      onMenu: (row, at) => {
        const node = document.getElementById(`${id}-${at}`);
        if (node && box.current) {
          openMenu(node, row, box.current);
        }
      }
    });
    if (isMine) {
      event.preventDefault();
      event.stopPropagation();
    }
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
      aria-busy={catalog.view !== view}
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
              bySize={view.sort === 'size'}
              transfer={transferOf(item, active)}
              stopping={isStopping(transferOf(item, active)?.id ?? '')}
              onSelect={() => cursor.select(each)}
              onToggle={name => cursor.toggle(name)}
              onSearch={text => void catalog.show({ search: text })}
            />
          ) : (
            <Placeholder key={`#${each}`} id={`${id}-${each}`} style={place} />
          );
        })}
      </div>
    </div>
  );
}

/** Draw the list anew when the current row is another one, and bring one that was chosen into sight. */
function useRevealed(
  cursor: Cursor,
  box: React.RefObject<HTMLDivElement>,
  height: number,
  page: number
): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  const chosen = React.useRef<number | null>(null);
  React.useEffect(() => {
    const choose = (_: Cursor, index: number): void => {
      chosen.current = index;
    };
    cursor.selected.connect(choose);
    cursor.changed.connect(draw);
    return () => {
      cursor.selected.disconnect(choose);
      cursor.changed.disconnect(draw);
    };
  }, [cursor]);
  // Only once it is drawn does the list reach as far as its last row.
  React.useLayoutEffect(() => {
    const [node, index] = [box.current, chosen.current];
    if (node && index !== null) {
      chosen.current = null;
      const [above, below] = [index * height, (index + 1) * height - page];
      node.scrollTop = Math.min(Math.max(node.scrollTop, below), above);
    }
  });
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
