import { modelPlugin } from './modelPlugin';
import { panelPlugin } from './panelPlugin';

export * from './tokens';

export default [modelPlugin, panelPlugin];
