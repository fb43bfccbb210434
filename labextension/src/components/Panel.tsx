import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IDeploymentsModel, IPanelState } from '../tokens';
import { Deployment } from './Deployment';
import { EmptyState } from './EmptyState';
import { Notice } from './Notice';

export interface IPanelProps {
  readonly model: IDeploymentsModel;
  readonly state: IPanelState;
  readonly trans: TranslationBundle;
  readonly copy: (text: string) => void;
  readonly confirmStop: boolean;
}

export function Panel(props: IPanelProps): React.ReactElement {
  const { model, state, trans } = props;
  const { deployments, trouble } = state;
  const [said, say] = React.useState('');
  const copy = (text: string, what: string) => {
    props.copy(text);
    say(trans.__('Copied: %1', what));
  };
  return (
    <>
      <header className="jp-deploy-Header">
        <h2>{trans.__('Deployments')}</h2>
        {!!deployments?.length && (
          <span className="jp-deploy-Count">
            {trans._n('%1 model', '%1 models', deployments.length)}
          </span>
        )}
        <button
          type="button"
          className="jp-deploy-IconButton"
          title={trans.__('Refresh')}
          aria-label={trans.__('Refresh the list of deployments')}
          onClick={() => void model.refresh()}
        >
          <refreshIcon.react tag="span" width="16px" />
        </button>
      </header>
      <Notice model={model} state={state} trans={trans} />
      {!!deployments?.length && (
        <ul
          className={
            trouble && trouble.kind !== 'version'
              ? 'jp-deploy-List jp-mod-old'
              : 'jp-deploy-List'
          }
          aria-label={trans.__('Deployments')}
        >
          {deployments.map(deployment => (
            <Deployment
              key={deployment.name}
              deployment={deployment}
              pending={state.pending.get(deployment.name)}
              failure={state.failures.get(deployment.name)}
              confirmStop={props.confirmStop}
              setRunning={running => {
                void model.setRunning(deployment.name, running);
              }}
              copy={copy}
              trans={trans}
            />
          ))}
        </ul>
      )}
      {deployments?.length === 0 && !trouble && (
        <EmptyState copy={copy} trans={trans} />
      )}
      {!deployments && !trouble && (
        <p className="jp-deploy-Text">{trans.__('Reading…')}</p>
      )}
      <div role="status" className="jp-deploy-Said">
        {said}
      </div>
    </>
  );
}
