import React from 'react';

import { useEnv } from './env';
import { TextButton } from './parts';

/** Rows that are shown at first. */
const FEW = 50;

export function Table(props: {
  title: string;
  columns?: string[];
  level?: 2 | 3;
  rows: React.ReactNode[][];
}): JSX.Element {
  const { trans } = useEnv();
  const { title, columns, rows, level } = props;
  const Heading = level === 3 ? 'h3' : 'h2';
  const [all, setAll] = React.useState(false);
  const shown = all ? rows : rows.slice(0, FEW);
  return (
    <section>
      <Heading>{title}</Heading>
      <table>
        {columns && (
          <thead>
            <tr>
              {columns.map(column => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {shown.map((cells, index) => (
            <tr key={index}>
              {cells.map((cell, column) =>
                column ? (
                  <td key={column}>{cell}</td>
                ) : (
                  <th key={column} scope="row">
                    {cell}
                  </th>
                )
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < rows.length && (
        <TextButton
          label={trans.__('Show all %1', rows.length)}
          onClick={() => setAll(true)}
        />
      )}
    </section>
  );
}
