import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IProblem, IServer, ISnapshot } from './tokens';

/** The server answered with an error. */
export class AnswerError extends Error {
  constructor(
    readonly status: number,
    readonly problem: IProblem
  ) {
    super(problem.message);
  }
}

/** REST of the server half, under the base URL of Jupyter. */
export class Server implements IServer {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  snapshot(): Promise<ISnapshot> {
    return this.call<ISnapshot>('GET', 'deployments');
  }

  async setRunning(name: string, running: boolean): Promise<void> {
    const path = URLExt.join('deployments', encodeURIComponent(name), 'state');
    await this.call('PUT', path, { running });
  }

  async startController(): Promise<void> {
    await this.call('POST', 'controller');
  }

  /**
   * @throws AnswerError for an error the server answered with, NetworkError when it didn't answer.
   */
  private async call<T>(
    method: string,
    path: string,
    body?: object
  ): Promise<T> {
    const answer = await ServerConnection.makeRequest(
      URLExt.join(this.settings.baseUrl, 'jupyter-deploy', path),
      { method, body: body && JSON.stringify(body) },
      this.settings
    );
    const text = await answer.text();
    if (!answer.ok) {
      throw new AnswerError(answer.status, problemOf(answer, text));
    }
    return JSON.parse(text) as T;
  }
}

function problemOf(answer: Response, text: string): IProblem {
  try {
    const { message, hint } = JSON.parse(text) as Partial<IProblem>;
    return { message: message || answer.statusText, hint: hint || '' };
  } catch {
    return { message: `${answer.status} ${answer.statusText}`, hint: '' };
  }
}
