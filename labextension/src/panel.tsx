import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Panel } from './components/Panel';
import { deployIcon } from './icons';
import type { IDeploymentsModel } from './tokens';

/** The sidebar's widget: hands the model's state to the components. */
export class DeploymentsPanel extends ReactWidget {
  constructor(private readonly options: DeploymentsPanel.IOptions) {
    super();
    const { trans } = options;
    this.id = 'jupyter-deploy-panel';
    this.title.icon = deployIcon;
    this.title.caption = trans.__('Model Deployments');
    this.addClass('jp-deploy-Widget');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Model Deployments'));
  }

  /** Whether stopping asks once. */
  get confirmStop(): boolean {
    return this._confirmStop;
  }

  set confirmStop(value: boolean) {
    this._confirmStop = value;
    this.update();
  }

  protected render(): React.ReactElement {
    const { model, trans, copy } = this.options;
    return (
      <UseSignal signal={model.stateChanged}>
        {() => (
          <Panel
            model={model}
            state={model.state}
            trans={trans}
            copy={copy}
            confirmStop={this._confirmStop}
          />
        )}
      </UseSignal>
    );
  }

  private _confirmStop = true;
}

export namespace DeploymentsPanel {
  export interface IOptions {
    readonly model: IDeploymentsModel;
    readonly trans: TranslationBundle;
    /** Put text into the clipboard. */
    readonly copy: (text: string) => void;
  }
}
