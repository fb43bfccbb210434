import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

/** One deployment, as the server lists it (types.py: DeploymentInfo). */
export interface IDeployment {
  readonly name: string;
  readonly state: 'starting' | 'running' | 'degraded' | 'stopped' | 'failed';
  readonly version: string | null;
  readonly engine: string | null;
  readonly endpoint: string;
  readonly workers: number;
  readonly ready: number;
  readonly restarts: number;
  readonly error: string;
}

/** What the server half knows of the controller (link.py: LinkState). */
export type ControllerState =
  | 'idle'
  | 'starting'
  | 'running'
  | 'stopped'
  | 'unreachable';

/** What went wrong, and what to do about it; the server's words. */
export interface IProblem {
  readonly message: string;
  readonly hint: string;
}

/** Answer of `GET jupyter-deploy/deployments`. */
export interface ISnapshot {
  readonly version: string;
  readonly controller: {
    readonly state: ControllerState;
    readonly error: IProblem | null;
  };
  /** null when the controller can't say. */
  readonly deployments: readonly IDeployment[] | null;
  /** Position in the event log that the list is at least as new as. */
  readonly head: number;
}

/** The only door to the server. */
export interface IServer {
  snapshot(): Promise<ISnapshot>;
  setRunning(name: string, running: boolean): Promise<void>;
  startController(): Promise<void>;
}

/** Why the list is not current, or may not be right. */
export type Trouble =
  | { readonly kind: 'missing' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'offline' }
  | { readonly kind: 'error'; readonly problem: IProblem }
  | { readonly kind: 'version'; readonly server: string; readonly panel: string }
  | {
      readonly kind: 'controller';
      readonly state: ControllerState;
      readonly problem: IProblem | null;
    };

/** Everything that the panel shows. */
export interface IPanelState {
  /** null before the first answer. */
  readonly deployments: readonly IDeployment[] | null;
  /** When the list was true. */
  readonly asOf: Date | null;
  readonly trouble: Trouble | null;
  /** Whether the server's heartbeat arrives. */
  readonly live: boolean;
  /** Deployments that were told to start (true) or stop (false) and have not yet. */
  readonly pending: ReadonlyMap<string, boolean>;
  /** The last action on a deployment that failed. */
  readonly failures: ReadonlyMap<string, IProblem>;
}

export interface IDeploymentsModel extends IDisposable {
  readonly state: IPanelState;
  readonly stateChanged: ISignal<IDeploymentsModel, IPanelState>;
  /** Seconds between two readings that no event asked for. */
  refreshSeconds: number;
  refresh(): Promise<void>;
  setRunning(name: string, running: boolean): Promise<void>;
  startController(): Promise<void>;
}

export const IDeploymentsModel = new Token<IDeploymentsModel>(
  '@jupyter-deploy/labextension:IDeploymentsModel',
  'The deployments of this user, kept current.'
);
