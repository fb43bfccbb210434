import { LabIcon } from '@jupyterlab/ui-components';

import deploySvg from '../style/icons/deploy.svg';

export const deployIcon = new LabIcon({
  name: 'jupyter-deploy:deploy',
  svgstr: deploySvg
});
