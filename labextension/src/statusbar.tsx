/**
 * What runs, in the status bar.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { modelsIcon } from './icons';
import type { Transfers } from './transfers';

export class StatusItem extends ReactWidget {
  constructor(
    private readonly _transfers: Transfers,
    private readonly _trans: TranslationBundle,
    private readonly _open: () => void
  ) {
    super();
    this.addClass('jp-ModelSync-status');
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._transfers.changed}>
        {() => this._content()}
      </UseSignal>
    );
  }

  private _content(): JSX.Element {
    const { active } = this._transfers;
    const done = active.reduce((sum, record) => sum + record.done, 0);
    const total = active.reduce((sum, record) => sum + record.total, 0);
    const share = total ? `${Math.floor((100 * done) / total)}%` : '…';
    const label = this._trans._n('%1 transfer', '%1 transfers', active.length);
    return (
      <button type="button" onClick={this._open}>
        <modelsIcon.react tag="span" width="14px" aria-hidden="true" />
        {label} {share}
      </button>
    );
  }
}
