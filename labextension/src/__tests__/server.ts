import { ServerConnection } from '@jupyterlab/services';

import { fixture } from './fixtures';

export interface IAsked {
  method: string;
  url: URL;
  body: unknown;
}

type Answer = { status?: number; json?: unknown; text?: string };

/** A Jupyter server in memory: it notes what it is asked, and answers from a list of routes. */
export class FakeServer {
  readonly asked: IAsked[] = [];
  readonly answers = new Map<string, Answer | (() => Answer | Promise<Answer>)>(
    [
      ['GET status', { json: fixture('status') }],
      ['POST list', { json: fixture('list') }],
      ['GET transfers', { json: fixture('transfers') }]
    ]
  );

  get settings(): ServerConnection.ISettings {
    return ServerConnection.makeSettings({
      baseUrl: 'http://localhost/user/ana/',
      fetch: ((request: Request) => this._reply(request)) as typeof fetch
    });
  }

  /** What was asked of one route. */
  of(route: string): IAsked[] {
    return this.asked.filter(each => routeOf(each) === route);
  }

  private async _reply(request: Request): Promise<Response> {
    const text = await request.text();
    const asked = {
      method: request.method,
      url: new URL(request.url),
      body: text ? (JSON.parse(text) as unknown) : undefined
    };
    this.asked.push(asked);
    const found = this.answers.get(routeOf(asked));
    const answer = typeof found === 'function' ? await found() : found;
    return new Response(
      answer
        ? (answer.text ?? JSON.stringify(answer.json))
        : '<html>404</html>',
      { status: answer ? (answer.status ?? 200) : 404 }
    );
  }
}

function routeOf({ method, url }: IAsked): string {
  return `${method} ${url.pathname.replace('/user/ana/modelsync/api/', '')}`;
}

/** Let everything that is under way come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise(resolve => setTimeout(resolve, 0));
  }
}
