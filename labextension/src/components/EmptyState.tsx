import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

const LINES = `%load_ext jupyter_deploy
%deploy model --name churn --sample X_test`;

/** What to do first. */
export function EmptyState(props: {
  copy: (text: string, what: string) => void;
  trans: TranslationBundle;
}): React.ReactElement {
  const { copy, trans } = props;
  return (
    <div className="jp-deploy-Empty">
      <p>{trans.__('No model is deployed yet.')}</p>
      <p>
        {trans.__(
          'Train a model in a notebook, then run this in a cell, with your names for the model and some rows of its input:'
        )}
      </p>
      <div className="jp-deploy-Code">
        <pre>{LINES}</pre>
        <button
          type="button"
          className="jp-deploy-IconButton"
          title={trans.__('Copy')}
          aria-label={trans.__('Copy these two lines')}
          onClick={() => copy(LINES, trans.__('the two lines'))}
        >
          <copyIcon.react tag="span" width="16px" />
        </button>
      </div>
      <p>{trans.__('Or try a finished example in a terminal:')}</p>
      <div className="jp-deploy-Code">
        <pre>jupyter model-deploy demo</pre>
      </div>
    </div>
  );
}
