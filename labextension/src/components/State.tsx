import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IDeployment } from '../tokens';

export type ShownState = IDeployment['state'] | 'stopping';

const RING = 'M8 1a7 7 0 1 0 7 7h-2a5 5 0 1 1-5-5z';

/** A shape of its own for each state, so that none is told by colour only. */
const SHAPES: Record<ShownState, string> = {
  running: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM7 11.300 3.900 8.200l1.200-1.200L7 8.900l4-4 1.200 1.200z',
  starting: RING,
  stopping: RING,
  degraded: 'M8 1 .5 14.500h15zM7.200 6h1.600v4.500H7.200zm0 5.500h1.600V13H7.200z',
  stopped: 'M2 2v12h12V2zm2 2h8v8H4z',
  failed:
    'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm3.400 9.200-1.200 1.200L8 9.200l-2.200 2.200-1.200-1.200L6.800 8 4.600 5.800l1.200-1.200L8 6.800l2.200-2.200 1.200 1.200L9.200 8z'
};

export function State(props: {
  state: ShownState;
  trans: TranslationBundle;
}): React.ReactElement {
  const { state, trans } = props;
  const labels: Record<ShownState, string> = {
    running: trans.__('Running'),
    starting: trans.__('Starting'),
    degraded: trans.__('Degraded'),
    stopping: trans.__('Stopping'),
    stopped: trans.__('Stopped'),
    failed: trans.__('Failed')
  };
  return (
    <span className={`jp-deploy-State jp-mod-${state}`}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <path d={SHAPES[state]} fillRule="evenodd" fill="currentColor" />
      </svg>
      {labels[state] ?? state}
    </span>
  );
}
