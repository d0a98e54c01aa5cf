/**
 * One row of the list: a name with a summary of its versions, or a version with its state.
 */
import {
  caretDownIcon,
  caretRightIcon,
  ellipsesIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import {
  formatShortAge,
  formatShortSize,
  formatSize,
  formatTime,
  progressLine,
  shortProgress
} from '../format';
import { labelWords, nameOf, versionOf } from '../tags';
import { CommandIDs } from '../tokens';
import type { IName, IRecord, IVersion, Row } from '../wire';
import { useEnv } from './env';
import { Middle } from './middle';
import { Bar, CancelButton, IconButton } from './parts';
import { MoveButton, StateMark, summarize } from './sync';

interface IProps {
  id: string;
  row: Row;
  top: number;
  height: number;
  current: boolean;
  /** Whether names are in the order of their size, which they show then. */
  bySize: boolean;
  transfer: IRecord | undefined;
  stopping: boolean;
  onSelect: () => void;
  onToggle: (name: string) => void;
  onSearch: (text: string) => void;
}

/** Handlers are new each time a list is drawn, and do the same as long as the row is the same. */
function alike(one: IProps, other: IProps): boolean {
  return (
    one.id === other.id &&
    one.row === other.row &&
    one.top === other.top &&
    one.height === other.height &&
    one.current === other.current &&
    one.bySize === other.bySize &&
    one.transfer === other.transfer &&
    one.stopping === other.stopping
  );
}

export const TreeRow = React.memo(function TreeRow(props: IProps): JSX.Element {
  const { trans, run, openMenu } = useEnv();
  const { id, row, top, height, current, transfer, stopping } = props;
  const isName = row.kind === 'name';
  const tag = isName ? row.newest.tag : row.tag;
  const more = (event: React.MouseEvent<HTMLElement>): void => {
    const tree = event.currentTarget.closest<HTMLElement>('[role=tree]');
    props.onSelect(); // the row that the menu is about
    openMenu(event.currentTarget, row, tree ?? event.currentTarget);
  };
  const click = (): void => {
    props.onSelect();
    if (row.kind === 'name') {
      props.onToggle(row.name);
    } else {
      run(CommandIDs.details, { tag });
    }
  };
  return (
    <div
      id={id}
      role="treeitem"
      aria-level={isName ? 1 : 2}
      aria-expanded={isName ? row.open : undefined}
      aria-selected={current}
      aria-label={describe(row, trans)}
      className={
        'jp-ModelSync-row' +
        (isName ? ' jp-mod-name' : ' jp-mod-version') +
        (current ? ' jp-mod-current' : '') +
        (transfer ? ' jp-mod-moving' : '')
      }
      style={{ top, height }}
      data-ms-name={isName ? row.name : undefined}
      data-ms-tag={tag}
      data-ms-version={isName ? undefined : versionOf(tag)}
      data-ms-local={(isName ? row.newest : row).local ? true : undefined}
      data-ms-remote={(isName ? row.newest : row).remote ? true : undefined}
      data-ms-state={(isName ? row.newest : row).state ?? undefined}
      onClick={click}
      onContextMenu={props.onSelect}
    >
      {isName ? (
        <NameText
          row={row}
          bySize={props.bySize}
          transfer={transfer}
          stopping={stopping}
        />
      ) : (
        <VersionText
          row={row}
          transfer={transfer}
          stopping={stopping}
          onSearch={props.onSearch}
        />
      )}
      <span
        className="jp-ModelSync-actions"
        onClick={event => event.stopPropagation()}
      >
        {transfer ? (
          <CancelButton record={transfer} stopping={stopping} quiet />
        ) : (
          (!isName || !row.open) && (
            <MoveButton version={isName ? row.newest : row} newest={isName} />
          )
        )}
        <IconButton
          icon={ellipsesIcon}
          label={trans.__('More for %1', isName ? row.name : tag)}
          quiet
          menu
          onClick={more}
        />
      </span>
      {transfer && <Bar record={transfer} />}
    </div>
  );
}, alike);

/** A row whose content is not loaded. */
export function Placeholder(props: {
  id: string;
  style: React.CSSProperties;
}): JSX.Element {
  const { trans } = useEnv();
  return (
    <div
      id={props.id}
      role="treeitem"
      aria-level={1}
      aria-selected={false}
      aria-label={trans.__('Loading…')}
      className="jp-ModelSync-row jp-mod-loading"
      style={props.style}
    />
  );
}

interface ITextProps {
  transfer: IRecord | undefined;
  stopping: boolean;
}

function NameText(
  props: ITextProps & { row: IName; bySize: boolean }
): JSX.Element {
  const { trans } = useEnv();
  const { row, bySize, transfer, stopping } = props;
  const Caret = row.open ? caretDownIcon : caretRightIcon;
  const count = trans._n('%1 version', '%1 versions', row.count);
  const { newest } = row;
  const states = summarize(row.states, trans);
  const title = [
    row.name,
    `${count} · ${formatSize(row.size)}`,
    ...states.map(each => `${each.count} ${each.word}`),
    trans.__(
      'Newest: %1, created %2',
      versionOf(newest.tag),
      formatTime(newest.creation_time)
    )
  ];
  return (
    <>
      <Caret.react tag="span" className="jp-ModelSync-caret" width="20px" />
      <span className="jp-ModelSync-text" title={title.join('\n')}>
        <span className="jp-ModelSync-line">
          <Middle
            className="jp-ModelSync-name"
            text={row.name}
            tail={8}
            title=""
          />
        </span>
        <span className="jp-ModelSync-line jp-ModelSync-facts">
          {transfer ? (
            <Moving record={transfer} stopping={stopping} />
          ) : (
            <>
              <span className="jp-ModelSync-states">
                {states.map(({ state, count, word }) => (
                  <StateMark
                    key={state}
                    state={state}
                    text={count === row.count ? word : String(count)}
                  />
                ))}
              </span>
              <Aside
                words={
                  bySize
                    ? [formatShortSize(row.size), count]
                    : [count, formatShortAge(newest.creation_time, trans)]
                }
                spare={states.length > 1 && !bySize}
              />
            </>
          )}
        </span>
      </span>
    </>
  );
}

function VersionText(
  props: ITextProps & { row: IVersion; onSearch: (text: string) => void }
): JSX.Element {
  const { trans } = useEnv();
  const { row, transfer, stopping, onSearch } = props;
  const labels = labelWords(row.labels);
  const title = [
    row.tag,
    formatSize(row.size),
    trans.__('Created %1', formatTime(row.creation_time))
  ];
  return (
    <span className="jp-ModelSync-text" title={title.join('\n')}>
      <span className="jp-ModelSync-line">
        <Middle
          className="jp-ModelSync-name"
          text={versionOf(row.tag)}
          tail={8}
          least={11}
          title=""
        />
        {row.aliases.map(alias => (
          <Chip key={alias} text={alias} kind="alias" onSearch={onSearch} />
        ))}
        {!transfer && <StateMark state={row.state} version={row} />}
      </span>
      <span className="jp-ModelSync-line jp-ModelSync-facts">
        {transfer ? (
          <Moving record={transfer} stopping={stopping} />
        ) : (
          <>
            {labels.map(label => (
              <Chip key={label} text={label} kind="label" onSearch={onSearch} />
            ))}
            {labels.length > 1 && (
              <span
                className="jp-ModelSync-more"
                title={labels.slice(1).join(', ')}
              >
                +{labels.length - 1}
              </span>
            )}
            <Aside
              words={[
                formatShortSize(row.size),
                formatShortAge(row.creation_time, trans)
              ]}
            />
          </>
        )}
      </span>
    </span>
  );
}

/**
 * Facts at the end of a row: those that there is room for, and the first one in any case, unless it can be spared.
 * They give way to the buttons where the mouse is.
 */
function Aside(props: {
  words: readonly string[];
  spare?: boolean;
}): JSX.Element {
  const { words, spare } = props;
  return (
    <span className={'jp-ModelSync-aside' + (spare ? ' jp-mod-spare' : '')}>
      {spare && <span />}
      {words.map((word, index) => (
        <span key={index}>{index ? ` · ${word}` : word}</span>
      ))}
    </span>
  );
}

/** How far a transfer is, in place of the facts of its version. */
function Moving({
  record,
  stopping
}: {
  record: IRecord;
  stopping: boolean;
}): JSX.Element {
  const { trans } = useEnv();
  const line = stopping ? trans.__('Stopping…') : shortProgress(record, trans);
  return (
    <span
      className="jp-ModelSync-moving"
      title={stopping ? line : progressLine(record, trans)}
    >
      {line}
    </span>
  );
}

/** A label or an alias; a click searches for it. */
function Chip(props: {
  text: string;
  kind: 'label' | 'alias';
  onSearch: (text: string) => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { text, kind, onSearch } = props;
  return (
    <button
      type="button"
      tabIndex={-1}
      className={`jp-ModelSync-chip jp-mod-${kind}`}
      title={trans.__('Show all with %1', text)}
      onClick={event => {
        event.stopPropagation();
        onSearch(text);
      }}
    >
      {text}
    </button>
  );
}

/** A row in words, as a screen reader says it. */
function describe(row: Row, trans: TranslationBundle): string {
  if (row.kind === 'name') {
    const count = trans._n('%1 version', '%1 versions', row.count);
    const states = summarize(row.states, trans).map(
      each => `${each.count} ${each.word}`
    );
    return [row.name, count, ...states].join(', ');
  }
  return [
    trans.__('%1 of %2', versionOf(row.tag), nameOf(row.tag)),
    ...(row.state ? [row.state] : []),
    formatSize(row.size),
    ...row.aliases,
    ...labelWords(row.labels)
  ].join(', ');
}
