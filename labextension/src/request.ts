/**
 * The only place that talks to the server. Whatever goes wrong leaves it as an `ApiError`.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IProblem } from './wire';

const NAMESPACE = 'modelsync/api';

/** Parameters of a URL; those that are undefined or empty are left out. */
export type Query = Record<string, string | number | undefined>;

export class ApiError extends Error {
  /**
   * @param problem What happened and what to do, with a stable code.
   * @param status The HTTP status; 0 where there was no reply.
   */
  constructor(
    readonly problem: IProblem,
    readonly status: number
  ) {
    super(problem.message);
    this.name = 'ApiError';
  }

  get code(): string {
    return this.problem.code;
  }

  get hint(): string {
    return this.problem.hint;
  }

  /** Anything that was thrown, as an `ApiError`. */
  static of(reason: unknown): ApiError {
    return reason instanceof ApiError
      ? reason
      : new ApiError(
          { code: 'unexpected', message: String(reason), hint: '' },
          0
        );
  }
}

/**
 * Ask the server extension.
 *
 * @param settings How to reach the server.
 * @param path Segments below the extension's address; each is escaped.
 * @param query Parameters.
 * @param init Method and body.
 */
export async function request<T>(
  settings: ServerConnection.ISettings,
  path: string[],
  query: Query = {},
  init: { method?: string; body?: object } = {}
): Promise<T> {
  const url =
    URLExt.join(
      settings.baseUrl,
      NAMESPACE,
      ...path.map(segment => encodeURIComponent(segment))
    ) + queryString(query);
  const response = await send(settings, url, {
    method: init.method ?? 'GET',
    body: init.body ? JSON.stringify(init.body) : undefined
  });
  const data = await parse(response);
  if (!response.ok) {
    throw new ApiError(problemOf(response, data), response.status);
  }
  if (data === undefined) {
    throw new ApiError(MISSING, response.status);
  }
  return data as T;
}

/** The page talks to a Jupyter server that does not run our server extension. */
const MISSING: IProblem = {
  code: 'server-extension-missing',
  message: 'The server extension of modelsync_jupyter is not running.',
  hint: 'Run `jupyter server extension list` where Jupyter runs: it says whether `modelsync_jupyter` is enabled and loads. Then restart Jupyter.'
};

function queryString(query: Query): string {
  const words = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  return words.length ? `?${words.join('&')}` : '';
}

async function send(
  settings: ServerConnection.ISettings,
  url: string,
  init: RequestInit
): Promise<Response> {
  try {
    return await ServerConnection.makeRequest(url, init, settings);
  } catch {
    throw new ApiError(
      {
        code: 'server-offline',
        message: 'The Jupyter server does not answer.',
        hint: 'Check that it runs and that the network is there.'
      },
      0
    );
  }
}

/** The JSON of a reply; undefined where it is something else, as the page of a proxy is. */
async function parse(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await response.text());
  } catch {
    return undefined;
  }
}

function problemOf(response: Response, data: unknown): IProblem {
  const problem = data as Partial<IProblem> | undefined | null;
  if (typeof problem?.code === 'string') {
    return { message: response.statusText, hint: '', ...problem } as IProblem;
  }
  if (response.status === 404) {
    return MISSING;
  }
  if (response.status === 401 || response.status === 403) {
    return {
      code: 'server-signed-out',
      message: 'The Jupyter server does not know you any more.',
      hint: 'Reload the page to sign in to Jupyter again.'
    };
  }
  return {
    code: 'server-error',
    message:
      problem?.message || `The Jupyter server answers ${response.status}.`,
    hint: "Look at the Jupyter server's log."
  };
}
