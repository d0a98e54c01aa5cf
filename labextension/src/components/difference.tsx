/**
 * What differs between two versions of a model.
 */
import React from 'react';

import {
  type Details,
  differences,
  type IDifference,
  sameFiles
} from '../diff';
import { ApiError } from '../request';
import { versionOf } from '../tags';
import { useEnv } from './env';
import { Problem } from './parts';
import { Table } from './table';

export function Difference(props: {
  details: Details;
  /** Tags to compare with. */
  others: string[];
  fetch: (tag: string) => Promise<Details>;
}): JSX.Element | null {
  const { trans } = useEnv();
  const { details, others, fetch } = props;
  const [other, setOther] = React.useState<Details | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const id = React.useId();
  const choose = async (tag: string): Promise<void> => {
    setError(null);
    setOther(null);
    try {
      setOther(tag ? await fetch(tag) : null);
    } catch (reason) {
      setError(ApiError.of(reason));
    }
  };
  if (!others.length) {
    return null;
  }
  return (
    <section>
      <h2>{trans.__('Differences')}</h2>
      <p>
        <label htmlFor={id}>{trans.__('Compare with')}</label>{' '}
        <select id={id} onChange={event => void choose(event.target.value)}>
          <option value="">{trans.__('choose a version')}</option>
          {others.map(tag => (
            <option key={tag} value={tag}>
              {versionOf(tag)}
            </option>
          ))}
        </select>
      </p>
      {error && <Problem problem={error.problem} />}
      {other && <Compared left={details} right={other} />}
    </section>
  );
}

function Compared(props: { left: Details; right: Details }): JSX.Element {
  const { trans } = useEnv();
  const { left, right } = props;
  const found = differences(left, right);
  const same = sameFiles(left, right);
  const files =
    same === null
      ? trans.__(
          'Whether the files have the same contents is unknown: a content digest is missing.'
        )
      : same
        ? trans.__('All files have the same contents.')
        : trans.__('The contents of the files differ.');
  return (
    <>
      <p>{files}</p>
      {found.length ? (
        <Found left={left} right={right} found={found} />
      ) : (
        <p>{trans.__('Labels, metadata and names of files are the same.')}</p>
      )}
    </>
  );
}

function Found(props: {
  left: Details;
  right: Details;
  found: IDifference[];
}): JSX.Element {
  const { trans } = useEnv();
  const { left, right, found } = props;
  return (
    <Table
      title={trans._n('%1 difference', '%1 differences', found.length)}
      columns={[trans.__('What'), versionOf(left.tag), versionOf(right.tag)]}
      rows={found.map(each => [
        <code key="key">{each.key}</code>,
        each.left ?? '–',
        each.right ?? '–'
      ])}
    />
  );
}
