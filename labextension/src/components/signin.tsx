/**
 * Signing in. The token lives in its field until the form is sent, and then nowhere in the page.
 */
import React from 'react';

import type { ApiError } from '../request';
import type { IContext, IProblem } from '../wire';
import { useEnv } from './env';
import { Hint, TextButton, Words } from './parts';

export function SignIn(props: {
  /** The registry that no longer accepts its token, if that is why this form is shown. */
  expired: IContext | null;
  contexts: readonly IContext[];
  onLogin: (endpoint: string, token: string, name: string) => Promise<void>;
  onClose: () => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { expired, contexts, onLogin, onClose } = props;
  const endpoint = React.useRef<HTMLInputElement>(null);
  const token = React.useRef<HTMLInputElement>(null);
  const name = React.useRef<HTMLInputElement>(null);
  const [problem, setProblem] = React.useState<IProblem | null>(null);
  const [busy, setBusy] = React.useState(false);
  const [where, setWhere] = React.useState(expired?.endpoint ?? '');
  const id = React.useId();
  const before = React.useRef<Element | null>(null);
  React.useEffect(() => {
    if (!expired) {
      before.current = document.activeElement;
      endpoint.current?.focus(); // somebody asked for the form
    }
  }, [expired]);
  const close = (): void => {
    onClose();
    if (before.current instanceof HTMLElement) {
      before.current.focus(); // back to where the form was asked for
    }
  };
  const page = tokenPage(where);

  const submit = async (event: React.FormEvent): Promise<void> => {
    event.preventDefault();
    const secret = token.current?.value ?? '';
    if (token.current) {
      token.current.value = '';
    }
    setBusy(true);
    setProblem(null);
    try {
      await onLogin(
        where,
        secret,
        name.current?.value.trim() || suggest(where, contexts)
      );
    } catch (reason) {
      setBusy(false);
      setProblem((reason as ApiError).problem);
      token.current?.focus();
    }
  };

  return (
    <form
      className="jp-ModelSync-signIn"
      aria-labelledby={`${id}-title`}
      onSubmit={event => void submit(event)}
      onKeyDown={event => {
        if (event.key === 'Escape' && !expired) {
          event.stopPropagation();
          close();
        }
      }}
    >
      <h2 id={`${id}-title`}>
        {expired
          ? trans.__('Sign in again')
          : trans.__('Sign in to a registry')}
      </h2>
      {expired && (
        <p>
          <Words
            text={trans.__(
              'Your token for `%1` is missing, invalid or has expired.',
              expired.name
            )}
          />
        </p>
      )}
      <label htmlFor={`${id}-endpoint`}>{trans.__('Address')}</label>
      <input
        id={`${id}-endpoint`}
        ref={endpoint}
        type="url"
        required
        placeholder={trans.__('https://registry.example.com')}
        value={where}
        spellCheck={false}
        aria-describedby={`${id}-where`}
        onChange={event => setWhere(event.target.value)}
      />
      <p id={`${id}-where`} className="jp-ModelSync-hint">
        <Words
          text={trans.__(
            'Of your team’s registry or BentoCloud. `modelsync serve` runs a registry of your own.'
          )}
        />
      </p>
      <label htmlFor={`${id}-token`}>{trans.__('API token')}</label>
      <input
        id={`${id}-token`}
        ref={token}
        type="password"
        required
        autoComplete="off"
        spellCheck={false}
        aria-describedby={problem ? `${id}-problem` : `${id}-how`}
      />
      <p id={`${id}-how`} className="jp-ModelSync-hint">
        {page ? (
          <a href={page} target="_blank" rel="noopener noreferrer">
            {trans.__('Get a token on the registry’s page')}
          </a>
        ) : (
          trans.__('Create one on the registry’s page, or ask its admin.')
        )}
      </p>
      <label htmlFor={`${id}-name`}>
        {trans.__('Name')}{' '}
        <span className="jp-ModelSync-optional">{trans.__('(optional)')}</span>
      </label>
      <input
        id={`${id}-name`}
        ref={name}
        type="text"
        defaultValue={expired?.name}
        spellCheck={false}
      />
      {problem && (
        <div id={`${id}-problem`} className="jp-ModelSync-failure" role="alert">
          <p>
            <Words text={problem.message} />
          </p>
          {problem.code !== 'not-authenticated' && <Hint problem={problem} />}
        </div>
      )}
      <div className="jp-ModelSync-buttons">
        <TextButton
          label={busy ? trans.__('Signing in…') : trans.__('Sign in')}
          submit
          primary
          disabled={busy}
        />
        {!expired && <TextButton label={trans.__('Cancel')} onClick={close} />}
      </div>
    </form>
  );
}

/** Where a registry's users make their tokens; nothing where the address is not complete. */
function tokenPage(endpoint: string): string {
  try {
    const { protocol, host, origin } = new URL(endpoint.trim());
    if (!/^https?:$/.test(protocol) || !host) {
      return '';
    }
    return /(^|\.)bentoml\.com$/.test(host)
      ? `${origin}/api-tokens`
      : `${origin}/tokens`;
  } catch {
    return '';
  }
}

/** What to call a registry: the first one `default`, as BentoML does, others by their hosts. */
function suggest(endpoint: string, contexts: readonly IContext[]): string {
  const same = contexts.find(
    each => each.endpoint === endpoint.trim().replace(/\/+$/, '')
  );
  if (same) {
    return same.name;
  }
  if (!contexts.length) {
    return 'default';
  }
  try {
    return new URL(endpoint).host;
  } catch {
    return endpoint;
  }
}
