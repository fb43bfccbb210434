import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addCommands, PALETTE } from './commands';
import { DeploymentsPanel } from './panel';
import { IDeploymentsModel } from './tokens';

const PLUGIN_ID = '@jupyter-deploy/labextension:plugin';
const DOMAIN = 'jupyter_deploy';
/** Third parties' place in the left sidebar is 501 to 899. */
const RANK = 600;

/** The sidebar panel with its commands and settings. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'A sidebar panel that lists model deployments.',
  autoStart: true,
  requires: [IDeploymentsModel],
  optional: [ITranslator, ICommandPalette, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    model: IDeploymentsModel,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const panel = new DeploymentsPanel({
      model,
      trans,
      copy: text => Clipboard.copyToSystem(text)
    });
    addCommands(app, model, panel.id, trans);
    app.shell.add(panel, 'left', { rank: RANK, type: 'Model Deployments' });
    restorer?.add(panel, panel.id);
    for (const command of PALETTE) {
      palette?.addItem({ command, category: trans.__('Model Deployments') });
    }
    // `jupyter model-deploy demo --lab` opens JupyterLab with the panel in front
    if (new URLSearchParams(window.location.search).has('model-deploy')) {
      void app.restored.then(() => app.shell.activateById(panel.id));
    }
    void settings?.load(PLUGIN_ID).then(loaded => {
      const apply = () => {
        model.refreshSeconds = loaded.get('refreshSeconds').composite as number;
        panel.confirmStop = loaded.get('confirmStop').composite as boolean;
      };
      loaded.changed.connect(apply);
      apply();
    });
  }
};
