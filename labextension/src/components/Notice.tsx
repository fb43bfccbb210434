import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IDeploymentsModel, IPanelState, Trouble } from '../tokens';

interface INotice {
  readonly title: string;
  readonly text: string;
  /** Lines for a terminal. */
  readonly lines?: readonly string[];
  /** Nothing is wrong: it only takes a moment. */
  readonly calm?: boolean;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Says why the list is not current, and how to mend it; nothing when all is well. */
export function Notice(props: {
  model: IDeploymentsModel;
  state: IPanelState;
  trans: TranslationBundle;
}): React.ReactElement | null {
  const { model, state, trans } = props;
  const notice = noticeOf(model, state, trans);
  if (!notice) {
    return null;
  }
  const { title, text, lines, calm, action } = notice;
  const old = state.trouble && state.deployments?.length && state.asOf;
  return (
    <section
      className={calm ? 'jp-deploy-Notice jp-mod-calm' : 'jp-deploy-Notice'}
      role={calm ? 'status' : 'alert'}
      data-trouble={state.trouble?.kind ?? 'silent'}
    >
      <h3>{title}</h3>
      {text && <p>{text}</p>}
      {lines?.map(line => (
        <div className="jp-deploy-Code" key={line}>
          <pre>{line}</pre>
        </div>
      ))}
      {old && (
        <p>{trans.__('Shown as of %1.', old.toLocaleTimeString())}</p>
      )}
      {action && (
        <button type="button" className="jp-deploy-Button" onClick={action.run}>
          {action.label}
        </button>
      )}
    </section>
  );
}

function noticeOf(
  model: IDeploymentsModel,
  state: IPanelState,
  trans: TranslationBundle
): INotice | null {
  const retry = {
    label: trans.__('Try again'),
    run: () => void model.refresh()
  };
  if (!state.trouble) {
    return state.live
      ? null
      : {
          title: trans.__('Live updates do not arrive'),
          text: trans.__('The list is read every few seconds instead.'),
          calm: true
        };
  }
  return describe(state.trouble, model, retry, trans);
}

function describe(
  trouble: Trouble,
  model: IDeploymentsModel,
  retry: INotice['action'],
  trans: TranslationBundle
): INotice {
  switch (trouble.kind) {
    case 'missing':
      return {
        title: trans.__('The server half is missing'),
        text: trans.__(
          'This panel is here, but the Jupyter server that serves it has not loaded its part of jupyter-model-deploy. Run these in the environment of the Jupyter server, then restart it:'
        ),
        lines: [
          'pip install jupyter-model-deploy',
          'jupyter server extension enable jupyter_deploy'
        ],
        action: retry
      };
    case 'forbidden':
      return {
        title: trans.__('You are not allowed to see the deployments'),
        text: trans.__(
          'Your login to the Jupyter server has ended, or its administrator has not granted you this. Log in again, or ask them.'
        ),
        action: retry
      };
    case 'offline':
      return {
        title: trans.__('The Jupyter server does not answer'),
        text: trans.__(
          'Deployments go on serving without it. The list is current again as soon as the server is back.'
        ),
        action: retry
      };
    case 'error':
      return {
        title: trouble.problem.message,
        text: trouble.problem.hint,
        action: retry
      };
    case 'version':
      return {
        title: trans.__('Panel and server are of different versions'),
        text: trans.__(
          'The server half is %1, this panel is %2. Restart the Jupyter server and reload this page. If that does not mend it, install it anew in the environment of the Jupyter server:',
          trouble.server,
          trouble.panel
        ),
        lines: ['pip install --force-reinstall --no-deps jupyter-model-deploy'],
        action: { label: trans.__('Reload the page'), run: () => location.reload() }
      };
    case 'controller':
      return describeController(trouble, model, retry, trans);
  }
}

function describeController(
  trouble: Extract<Trouble, { kind: 'controller' }>,
  model: IDeploymentsModel,
  retry: INotice['action'],
  trans: TranslationBundle
): INotice {
  const start = {
    label: trans.__('Start it'),
    run: () => void model.startController()
  };
  switch (trouble.state) {
    case 'starting':
      return {
        title: trans.__('The controller is starting'),
        text: trans.__('Deployments that run go on serving meanwhile.'),
        calm: true
      };
    case 'stopped':
      return {
        title: trans.__('The controller was shut down'),
        text: trans.__(
          'Start it to see and change deployments. Those it left running go on serving; those that were shut down with it start again.'
        ),
        action: start
      };
    default:
      return {
        title: trouble.problem?.message ?? trans.__('The controller does not answer'),
        text: trouble.problem?.hint ?? '',
        action: trouble.problem ? start : retry
      };
  }
}
