import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { deployIcon } from './icons';
import type { IDeployment, IDeploymentsModel } from './tokens';

export const CommandIDs = {
  open: 'jupyter-deploy:open',
  refresh: 'jupyter-deploy:refresh',
  start: 'jupyter-deploy:start',
  stop: 'jupyter-deploy:stop',
  copyEndpoint: 'jupyter-deploy:copy-endpoint'
} as const;

/** The commands that make sense without naming a deployment. */
export const PALETTE = [CommandIDs.open, CommandIDs.refresh];

/** Add the commands; those on one deployment take its name: `{ name: 'churn' }`. */
export function addCommands(
  app: JupyterFrontEnd,
  model: IDeploymentsModel,
  panelId: string,
  trans: TranslationBundle
): void {
  const named = (args: ReadonlyPartialJSONObject): IDeployment | undefined =>
    model.state.deployments?.find(({ name }) => name === args.name);

  app.commands.addCommand(CommandIDs.open, {
    label: trans.__('Show Model Deployments'),
    icon: deployIcon,
    execute: () => app.shell.activateById(panelId)
  });
  app.commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh Model Deployments'),
    icon: refreshIcon,
    execute: () => model.refresh()
  });
  app.commands.addCommand(CommandIDs.start, {
    label: trans.__('Start Deployment'),
    isEnabled: args => !!named(args),
    execute: args => model.setRunning(args.name as string, true)
  });
  app.commands.addCommand(CommandIDs.stop, {
    label: trans.__('Stop Deployment'),
    isEnabled: args => !!named(args),
    execute: args => model.setRunning(args.name as string, false)
  });
  app.commands.addCommand(CommandIDs.copyEndpoint, {
    label: trans.__('Copy Endpoint'),
    isEnabled: args => !!named(args),
    execute: args => Clipboard.copyToSystem(named(args)?.endpoint ?? '')
  });
}
