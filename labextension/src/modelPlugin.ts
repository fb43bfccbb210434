import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { version } from '../package.json';
import { DeploymentsModel } from './model';
import { Server } from './request';
import { IDeploymentsModel } from './tokens';

/** Keeps the list of deployments current, for the panel and for other extensions. */
export const modelPlugin: JupyterFrontEndPlugin<IDeploymentsModel> = {
  id: '@jupyter-deploy/labextension:model',
  description: 'Keeps the list of model deployments current.',
  autoStart: true,
  provides: IDeploymentsModel,
  activate: (app: JupyterFrontEnd) =>
    new DeploymentsModel({
      server: new Server(app.serviceManager.serverSettings),
      events: app.serviceManager.events.stream,
      version
    })
};
