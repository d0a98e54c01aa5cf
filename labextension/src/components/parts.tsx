/**
 * Small parts that the others are made of.
 */
import type { LabIcon } from '@jupyterlab/ui-components';
import { errorIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { nextStep } from '../hints';
import type { IProblem } from '../wire';
import { useEnv } from './env';

/**
 * Where the focus goes when a button that has it disappears, as Push does once all is pushed: to the first button of
 * the same item. Without this it would fall back to the beginning of the page.
 */
function useHandover(): React.RefObject<HTMLButtonElement> {
  const ref = React.useRef<HTMLButtonElement>(null);
  React.useLayoutEffect(() => {
    const button = ref.current;
    const item = button?.closest('li');
    return () => {
      if (item && document.activeElement === button) {
        requestAnimationFrame(() => item.querySelector('button')?.focus());
      }
    };
  }, []);
  return ref;
}

/** A button that is an icon; its label is for screen readers and shows as a tooltip. Disabled it keeps the focus. */
export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: (event: React.MouseEvent<HTMLButtonElement>) => void;
  disabled?: boolean;
  menu?: boolean;
}): JSX.Element {
  const { icon, label, onClick, disabled, menu } = props;
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
      onClick={disabled ? undefined : onClick}
    >
      <icon.react tag="span" width="16px" height="16px" aria-hidden="true" />
    </button>
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

/** What went wrong, what to do about it, and a way to try again. */
export function Problem(props: {
  problem: IProblem;
  onRetry?: () => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { problem, onRetry } = props;
  return (
    <div className="jp-ModelSync-problem" role="alert">
      <errorIcon.react tag="span" width="16px" aria-hidden="true" />
      <div>
        <p>
          <Words text={problem.message} />
        </p>
        <Hint problem={problem} />
        {onRetry && <TextButton label={trans.__('Retry')} onClick={onRetry} />}
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

export function Badge(props: {
  kind: 'good' | 'warn' | 'bad' | 'plain';
  children: React.ReactNode;
  title?: string;
}): JSX.Element {
  return (
    <span
      className={`jp-ModelSync-badge jp-mod-${props.kind}`}
      title={props.title}
    >
      {props.children}
    </span>
  );
}

export function Labels(props: {
  labels: Record<string, string>;
}): JSX.Element | null {
  const { trans } = useEnv();
  const pairs = Object.entries(props.labels);
  if (!pairs.length) {
    return null;
  }
  return (
    <ul className="jp-ModelSync-labels" aria-label={trans.__('Labels')}>
      {pairs.map(([key, value]) => {
        const text = value ? `${key}=${value}` : key;
        return (
          <li key={key} title={text}>
            {text}
          </li>
        );
      })}
    </ul>
  );
}
