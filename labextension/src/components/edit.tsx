/**
 * The form for labels and description of one side of a version. Only what was changed is sent, so that two people who
 * edit different labels do not undo each other's work.
 */
import { closeIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { SidebarModel } from '../model';
import { ApiError } from '../request';
import type { IDetails, IEdit, Place } from '../wire';
import { useEnv } from './env';
import { IconButton, Problem, TextButton } from './parts';

interface ILabel {
  /** Tells rows apart while keys are typed. */
  id: number;
  key: string;
  value: string;
}

interface IText {
  labels: ILabel[];
  description: string;
}

export function Editor(props: {
  model: SidebarModel;
  details: IDetails;
  onClose: () => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { model, details, onClose } = props;
  const places: Place[] = [
    ...(details.remote_details ? (['remote'] as const) : []),
    ...(details.local_details ? (['local'] as const) : [])
  ];
  const [place, setPlace] = React.useState<Place>(places[0] ?? 'local');
  const [before, setBefore] = React.useState(() => textOf(details, place));
  const [now, setNow] = React.useState(before);
  /** The row that was added last: it has the cursor as soon as it is there. */
  const [added, setAdded] = React.useState(-1);
  const [error, setError] = React.useState<ApiError | null>(null);
  const [busy, setBusy] = React.useState(false);
  const form = React.useRef<HTMLFormElement>(null);
  const id = React.useId();

  const choose = (chosen: Place): void => {
    const text = textOf(details, chosen);
    setPlace(chosen);
    setBefore(text);
    setNow(text);
  };
  const put = (at: number, change: Partial<ILabel>): void =>
    setNow({
      ...now,
      labels: now.labels.map((each, index) =>
        index === at ? { ...each, ...change } : each
      )
    });
  const add = (): void => {
    const next = Math.max(0, ...now.labels.map(each => each.id)) + 1;
    setAdded(next);
    setNow({
      ...now,
      labels: [...now.labels, { id: next, key: '', value: '' }]
    });
  };
  const twice = repeated(now.labels);
  const save = async (event: React.FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await model.service.edit(details.tag, place, changeOf(before, now));
      onClose();
      await model.touched(details.tag);
    } catch (reason) {
      setError(ApiError.of(reason));
      setBusy(false);
    }
  };

  React.useEffect(() => {
    form.current?.scrollIntoView?.({ block: 'nearest' });
    form.current?.querySelector<HTMLElement>('input, button')?.focus();
  }, []);

  return (
    <form
      ref={form}
      className="jp-ModelSync-edit"
      aria-label={trans.__('Edit labels and description')}
      onSubmit={event => void save(event)}
    >
      {places.length > 1 && (
        <p>
          <label htmlFor={`${id}-place`}>{trans.__('Change')}</label>{' '}
          <select
            id={`${id}-place`}
            value={place}
            onChange={event => choose(event.target.value as Place)}
          >
            <option value="remote">
              {trans.__('in the registry, for everybody')}
            </option>
            <option value="local">{trans.__('the local copy')}</option>
          </select>
        </p>
      )}
      {place === 'local' && details.remote && (
        <p>
          {trans.__(
            'They are part of the local files: the local copy will be different from the registry’s.'
          )}
        </p>
      )}
      <fieldset>
        <legend>{trans.__('Labels')}</legend>
        <ul>
          {now.labels.map(({ id: row, key, value }, at) => (
            <li key={row}>
              <input
                aria-label={trans.__('Label')}
                placeholder={trans.__('key')}
                autoFocus={row === added}
                spellCheck={false}
                value={key}
                onChange={event => put(at, { key: event.target.value })}
              />
              <input
                aria-label={trans.__('Value of %1', key)}
                placeholder={trans.__('value')}
                spellCheck={false}
                value={value}
                onChange={event => put(at, { value: event.target.value })}
              />
              <IconButton
                icon={closeIcon}
                label={trans.__('Remove %1', key)}
                onClick={() =>
                  setNow({
                    ...now,
                    labels: now.labels.filter((_, index) => index !== at)
                  })
                }
              />
            </li>
          ))}
        </ul>
        <TextButton label={trans.__('Add a label')} onClick={add} />
      </fieldset>
      <label htmlFor={`${id}-description`}>{trans.__('Description')}</label>
      <textarea
        id={`${id}-description`}
        rows={3}
        value={now.description}
        onChange={event => setNow({ ...now, description: event.target.value })}
      />
      {twice && (
        <p role="status">{trans.__('The label %1 is there twice.', twice)}</p>
      )}
      {error && <Problem problem={error.problem} />}
      <div className="jp-ModelSync-buttons">
        <TextButton
          label={trans.__('Save')}
          submit
          disabled={busy || !!twice || !hasChanged(before, now)}
        />
        <TextButton label={trans.__('Cancel')} onClick={onClose} />
      </div>
    </form>
  );
}

function textOf(details: IDetails, place: Place): IText {
  const { local_details: local, remote_details: remote } = details;
  const labels = (place === 'local' ? local : remote)?.labels ?? {};
  const description =
    place === 'local' ? local?.metadata.description : remote?.description;
  return {
    labels: Object.entries(labels).map(([key, value], id) => ({
      id,
      key,
      value
    })),
    description: typeof description === 'string' ? description : ''
  };
}

/** A label whose key is there more than once; rows without a key are left out. */
function repeated(labels: readonly ILabel[]): string | undefined {
  const keys = labels.map(each => each.key.trim()).filter(key => key);
  return keys.find((key, at) => keys.indexOf(key) !== at);
}

export function changeOf(before: IText, now: IText): IEdit {
  const old = new Map(before.labels.map(each => [each.key, each.value]));
  // What others wrote stays as it is, white space included.
  const wanted = new Map(
    now.labels
      .map(({ key, value }) =>
        old.get(key) === value
          ? ([key, value] as const)
          : ([key.trim(), value.trim()] as const)
      )
      .filter(([key]) => key)
  );
  return {
    labels: Object.fromEntries(
      [...wanted].filter(([key, value]) => old.get(key) !== value)
    ),
    remove: [...old.keys()].filter(key => !wanted.has(key)),
    ...(before.description !== now.description && {
      description: now.description.trim()
    })
  };
}

function hasChanged(before: IText, now: IText): boolean {
  const { labels, remove, description } = changeOf(before, now);
  return (
    Object.keys(labels ?? {}).length > 0 ||
    (remove ?? []).length > 0 ||
    description !== undefined
  );
}
