import type { Event } from '@jupyterlab/services';
import { Poll } from '@lumino/polling';
import { Signal } from '@lumino/signaling';

import { AnswerError } from './request';
import type {
  IDeploymentsModel,
  IPanelState,
  IProblem,
  IServer,
  ISnapshot,
  Trouble
} from './tokens';

/** The schema that the server half emits; see server_extension/schema.py. */
const SCHEMA_ID = 'https://events.jupyter-deploy.org/deployment/v1';

/** The heartbeat comes every 10 s: two may be lost. */
const SILENT_AFTER_MS = 25_000;
const WATCHDOG_MS = 5_000;

/**
 * The deployments as the server lists them.
 *
 * An event is only a hint: it may be lost or forged, so what is shown was always read over REST.
 * A slow poll and the watchdog find what no event told.
 */
export class DeploymentsModel implements IDeploymentsModel {
  constructor(options: DeploymentsModel.IOptions) {
    this._server = options.server;
    this._events = options.events;
    this._version = options.version;
    this._heard = Date.now();
    this._events.connect(this._onEvent);
    this._poll = new Poll({
      name: 'jupyter-deploy:poll',
      factory: () => this.refresh(),
      frequency: { interval: 30_000, backoff: false },
      standby: 'when-hidden'
    });
    // no back-off: the list should be right again soon after the server is back
    this._watchdog = new Poll({
      name: 'jupyter-deploy:watchdog',
      factory: () => this._watch(),
      frequency: { interval: WATCHDOG_MS, backoff: false },
      standby: 'when-hidden'
    });
  }

  get state(): IPanelState {
    return this._state;
  }

  get stateChanged(): Signal<this, IPanelState> {
    return this._stateChanged;
  }

  get refreshSeconds(): number {
    return this._poll.frequency.interval / 1000;
  }

  set refreshSeconds(seconds: number) {
    this._poll.frequency = { ...this._poll.frequency, interval: seconds * 1000 };
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
    this._watchdog.dispose();
    this._events.disconnect(this._onEvent);
    Signal.clearData(this);
  }

  /** Read the list; one reading at a time, and one more when asked meanwhile. */
  refresh(): Promise<void> {
    this._again = true;
    this._reading ??= this._read().finally(() => {
      this._reading = null;
    });
    return this._reading;
  }

  async setRunning(name: string, running: boolean): Promise<void> {
    const failures = new Map(this._state.failures);
    failures.delete(name);
    this._set({
      pending: new Map(this._state.pending).set(name, running),
      failures
    });
    try {
      await this._server.setRunning(name, running);
    } catch (error) {
      this._set({
        failures: new Map(this._state.failures).set(name, problemOf(error))
      });
    }
    await this.refresh();
    const pending = new Map(this._state.pending);
    pending.delete(name);
    this._set({ pending });
  }

  async startController(): Promise<void> {
    try {
      await this._server.startController();
    } catch {
      // the reading says what is wrong
    }
    await this.refresh();
  }

  private async _read(): Promise<void> {
    while (this._again && !this.isDisposed) {
      this._again = false;
      try {
        this._take(await this._server.snapshot());
      } catch (error) {
        this._set({ trouble: troubleOf(error) });
      }
    }
  }

  private _take(snapshot: ISnapshot): void {
    this._head = snapshot.head;
    this._controller = snapshot.controller.state;
    const trouble = this._troubleIn(snapshot);
    if (snapshot.deployments) {
      this._set({
        deployments: snapshot.deployments,
        asOf: new Date(),
        trouble
      });
    } else {
      this._set({ trouble });
    }
  }

  private _troubleIn(snapshot: ISnapshot): Trouble | null {
    const { state, error } = snapshot.controller;
    if (snapshot.version !== this._version) {
      return {
        kind: 'version',
        server: snapshot.version,
        panel: this._version
      };
    }
    if (state === 'running' || state === 'idle') {
      return null;
    }
    return { kind: 'controller', state, problem: error };
  }

  private async _watch(): Promise<void> {
    const live = Date.now() - this._heard < SILENT_AFTER_MS;
    this._set({ live });
    if (!live || this._state.trouble) {
      await this.refresh();
    }
  }

  private _set(change: Partial<IPanelState>): void {
    const before = this._state;
    const keys = Object.keys(change) as (keyof IPanelState)[];
    if (this.isDisposed || keys.every(key => before[key] === change[key])) {
      return;
    }
    this._state = { ...before, ...change };
    this._stateChanged.emit(this._state);
  }

  private readonly _onEvent = (_: unknown, event: Event.Emission): void => {
    if (event.schema_id !== SCHEMA_ID) {
      return;
    }
    this._heard = Date.now();
    this._set({ live: true });
    const known =
      event.kind === 'heartbeat'
        ? event.seq === this._head
        : Number(event.seq) <= this._head;
    if (!known || event.state !== this._controller) {
      void this.refresh();
    }
  };

  private readonly _server: IServer;
  private readonly _events: Event.Stream;
  private readonly _version: string;
  private readonly _poll: Poll;
  private readonly _watchdog: Poll;
  private readonly _stateChanged = new Signal<this, IPanelState>(this);
  private _state: IPanelState = {
    deployments: null,
    asOf: null,
    trouble: null,
    live: true,
    pending: new Map(),
    failures: new Map()
  };
  private _reading: Promise<void> | null = null;
  private _again = false;
  private _head = 0;
  private _controller = '';
  private _heard: number;
}

export namespace DeploymentsModel {
  export interface IOptions {
    readonly server: IServer;
    readonly events: Event.Stream;
    /** Version of this panel. */
    readonly version: string;
  }
}

function troubleOf(error: unknown): Trouble {
  if (!(error instanceof AnswerError)) {
    return { kind: 'offline' };
  }
  if (error.status === 404) {
    return { kind: 'missing' };
  }
  if (error.status === 401 || error.status === 403) {
    return { kind: 'forbidden' };
  }
  return { kind: 'error', problem: error.problem };
}

function problemOf(error: unknown): IProblem {
  return error instanceof AnswerError
    ? error.problem
    : { message: String(error), hint: '' };
}
