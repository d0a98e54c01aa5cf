import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { useEnv } from './env';

/** A part of the sidebar that can be folded. */
export function Section(props: {
  title: string;
  /** How many there are in it; not shown while not known. */
  count?: number;
  busy?: boolean;
  children: React.ReactNode;
}): JSX.Element {
  const { trans } = useEnv();
  const [open, setOpen] = React.useState(true);
  const id = React.useId();
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-ModelSync-section" aria-labelledby={id}>
      <h2 id={id}>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <Caret.react tag="span" width="16px" aria-hidden="true" />
          {props.title}
          {props.count !== undefined && (
            <span className="jp-ModelSync-count">{props.count}</span>
          )}
          {props.busy && (
            <span
              className="jp-ModelSync-spinner"
              role="img"
              aria-label={trans.__('Loading')}
            />
          )}
        </button>
      </h2>
      {open && props.children}
    </section>
  );
}
