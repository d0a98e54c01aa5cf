/**
 * Small parts that the others are made of.
 */
import type { LabIcon } from '@jupyterlab/ui-components';
import { closeIcon, errorIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { percent } from '../format';
import { nextStep } from '../hints';
import { labelWords } from '../tags';
import { CommandIDs } from '../tokens';
import type { IProblem, IRecord } from '../wire';
import { useEnv } from './env';

/**
 * Where the focus goes when a button that has it disappears, as Push does once all is pushed: to the first button of
 * the same item. Without this it would fall back to the beginning of the page.
 */
function useHandover(): React.RefObject<HTMLButtonElement> {
  const ref = React.useRef<HTMLButtonElement>(null);
  React.useLayoutEffect(() => {
    const button = ref.current;
    const item = button?.closest('li, form, .jp-ModelSync');
    return () => {
      if (item && document.activeElement === button) {
        requestAnimationFrame(() => item.querySelector('button')?.focus());
      }
    };
  }, []);
  return ref;
}

/**
 * A button that is an icon; its label is for screen readers and shows as a tooltip. Disabled it keeps the focus. A quiet
 * one is for the mouse: what it does can be reached by the keyboard from the list that it is in.
 */
export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: (event: React.MouseEvent<HTMLButtonElement>) => void;
  disabled?: boolean;
  menu?: boolean;
  quiet?: boolean;
}): JSX.Element {
  const { icon, label, onClick, disabled, menu, quiet } = props;
  const ref = useHandover();
  return (
    <button
      ref={ref}
      type="button"
      className="jp-ModelSync-iconButton"
      title={label}
      aria-label={label}
      aria-haspopup={menu ? 'menu' : undefined}
      aria-disabled={disabled || undefined}
      tabIndex={quiet ? -1 : undefined}
      onClick={disabled ? undefined : onClick}
    >
      <icon.react tag="span" width="16px" height="16px" aria-hidden="true" />
    </button>
  );
}

/** The button that stops a transfer; dead while it is being stopped. */
export function CancelButton(props: {
  record: IRecord;
  stopping: boolean;
  quiet?: boolean;
}): JSX.Element {
  const { trans, run } = useEnv();
  const { record, stopping, quiet } = props;
  const { id, tag } = record;
  return (
    <IconButton
      icon={closeIcon}
      label={
        stopping
          ? trans.__('%1 is being cancelled', tag)
          : trans.__('Cancel %1; it can be resumed', tag)
      }
      quiet={quiet}
      disabled={stopping}
      onClick={() => run(CommandIDs.cancel, { id })}
    />
  );
}

/** How far a transfer is. */
export function Bar({ record }: { record: IRecord }): JSX.Element {
  const { trans } = useEnv();
  const done = percent(record);
  return (
    <span
      className={'jp-ModelSync-bar' + (done === null ? ' jp-mod-unknown' : '')}
      role="progressbar"
      aria-label={trans.__('Progress of %1', record.tag)}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={done ?? undefined}
    >
      <span style={{ width: `${done ?? 0}%` }} />
    </span>
  );
}

/** A sentence of the server; what stands in backticks there is code. */
export function Words({ text }: { text: string }): JSX.Element {
  return (
    <>
      {text
        .split('`')
        .map((word, index) =>
          index % 2 ? <code key={index}>{word}</code> : word
        )}
    </>
  );
}

/** What to do about a problem, if anybody knows. */
export function Hint(props: { problem: IProblem }): JSX.Element | null {
  const { trans } = useEnv();
  const text = nextStep(props.problem, trans);
  return text ? (
    <p className="jp-ModelSync-hint">
      <Words text={text} />
    </p>
  ) : null;
}

/** What went wrong, what to do about it, and buttons to do it. */
export function Problem(props: {
  problem: IProblem;
  onRetry?: () => void;
  children?: React.ReactNode;
}): JSX.Element {
  const { trans } = useEnv();
  const { problem, onRetry, children } = props;
  return (
    <div className="jp-ModelSync-problem" role="alert">
      <errorIcon.react tag="span" width="16px" aria-hidden="true" />
      <div>
        <p>
          <Words text={problem.message} />
        </p>
        <Hint problem={problem} />
        <div className="jp-ModelSync-choices">
          {onRetry && (
            <TextButton label={trans.__('Retry')} onClick={onRetry} />
          )}
          {children}
        </div>
      </div>
    </div>
  );
}

export function TextButton(props: {
  label: string;
  onClick?: () => void;
  submit?: boolean;
  primary?: boolean;
  disabled?: boolean;
  description?: string;
}): JSX.Element {
  const ref = useHandover();
  return (
    <button
      ref={ref}
      type={props.submit ? 'submit' : 'button'}
      className={
        'jp-ModelSync-textButton' + (props.primary ? ' jp-mod-accept' : '')
      }
      aria-label={props.description}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      {props.label}
    </button>
  );
}

export function Labels(props: {
  labels: Record<string, string>;
}): JSX.Element | null {
  const { trans } = useEnv();
  const words = labelWords(props.labels);
  if (!words.length) {
    return null;
  }
  return (
    <ul className="jp-ModelSync-labels" aria-label={trans.__('Labels')}>
      {words.map(text => (
        <li key={text} title={text}>
          {text}
        </li>
      ))}
    </ul>
  );
}
