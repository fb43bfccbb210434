import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IDeployment, IProblem } from '../tokens';
import { State, type ShownState } from './State';

export interface IDeploymentProps {
  readonly deployment: IDeployment;
  /** Told to start (true) or to stop (false), and has not yet. */
  readonly pending: boolean | undefined;
  readonly failure: IProblem | undefined;
  readonly confirmStop: boolean;
  readonly setRunning: (running: boolean) => void;
  readonly copy: (text: string, what: string) => void;
  readonly trans: TranslationBundle;
}

/** One deployment: what it is, whether it runs, where it is, and what can be done. */
export function Deployment(props: IDeploymentProps): React.ReactElement {
  const { deployment, failure, copy, trans } = props;
  const { name, version, engine, endpoint, error } = deployment;
  return (
    <li
      className="jp-deploy-Card"
      data-deployment={name}
      data-state={deployment.state}
    >
      <div className="jp-deploy-CardHead">
        <h3 title={name}>{name}</h3>
        <span className="jp-deploy-Version">
          {version ?? trans.__('no version yet')}
        </span>
      </div>
      <div className="jp-deploy-Facts">
        <State state={shownState(props)} trans={trans} />
        {engine && <span>{engine}</span>}
        <Workers deployment={deployment} trans={trans} />
      </div>
      {error && <p className="jp-deploy-Error">{error}</p>}
      {failure && (
        <p className="jp-deploy-Error" role="alert">
          {failure.message} {failure.hint}
        </p>
      )}
      <div className="jp-deploy-Endpoint">
        <code>
          {endpoint.slice(0, -name.length - 1)}
          <wbr />
          {endpoint.slice(-name.length - 1)}
        </code>
        <button
          type="button"
          className="jp-deploy-IconButton"
          title={trans.__('Copy endpoint')}
          aria-label={trans.__('Copy the endpoint of %1', name)}
          onClick={() => copy(endpoint, endpoint)}
        >
          <copyIcon.react tag="span" width="16px" />
        </button>
      </div>
      <StartStop {...props} />
    </li>
  );
}

/** What was asked for and is under way comes before what the server says. */
function shownState(props: IDeploymentProps): ShownState {
  const { deployment, pending } = props;
  if (pending === undefined) {
    return deployment.state;
  }
  return pending ? 'starting' : 'stopping';
}

function Workers(props: {
  deployment: IDeployment;
  trans: TranslationBundle;
}): React.ReactElement | null {
  const { deployment, trans } = props;
  const { state, ready, workers, restarts } = deployment;
  if (state === 'stopped' || !workers) {
    return null;
  }
  return (
    <>
      <span>
        {ready === workers
          ? trans._n('%1 worker', '%1 workers', workers)
          : trans.__('%1 of %2 workers ready', ready, workers)}
      </span>
      {restarts > 0 && (
        <span>{trans._n('%1 restart', '%1 restarts', restarts)}</span>
      )}
    </>
  );
}

function StartStop(props: IDeploymentProps): React.ReactElement {
  const { deployment, pending, trans } = props;
  const { name, state } = deployment;
  const [asking, ask] = React.useState(false);
  const button = React.useRef<HTMLButtonElement>(null);
  const leave = () => {
    ask(false);
    button.current?.focus();
  };
  const busy = pending !== undefined;
  const stopped = state === 'stopped';
  const act = () => {
    if (busy) {
      return; // not `disabled`, which would take the keyboard's focus away
    }
    if (!stopped && props.confirmStop) {
      ask(true);
    } else {
      props.setRunning(stopped);
    }
  };
  const Icon = stopped ? runIcon : stopIcon;
  let label = stopped ? trans.__('Start') : trans.__('Stop');
  if (busy) {
    label = pending ? trans.__('Starting…') : trans.__('Stopping…');
  }
  return (
    <div className="jp-deploy-Actions">
      <button
        ref={button}
        type="button"
        className="jp-deploy-Button"
        aria-label={
          stopped ? trans.__('Start %1', name) : trans.__('Stop %1', name)
        }
        aria-disabled={busy}
        aria-expanded={stopped ? undefined : asking}
        onClick={act}
      >
        <Icon.react tag="span" width="16px" />
        {label}
      </button>
      {asking && !stopped && (
        <span
          className="jp-deploy-Ask"
          role="group"
          aria-label={trans.__('Stop %1?', name)}
          onKeyDown={event => {
            if (event.key === 'Escape') {
              leave();
            }
          }}
        >
          <span>{trans.__('Callers will get errors.')}</span>
          <button
            type="button"
            className="jp-deploy-Button jp-mod-danger"
            autoFocus
            onClick={() => {
              leave();
              props.setRunning(false);
            }}
          >
            {trans.__('Stop it')}
          </button>
          <button type="button" className="jp-deploy-Button" onClick={leave}>
            {trans.__('Cancel')}
          </button>
        </span>
      )}
    </div>
  );
}
