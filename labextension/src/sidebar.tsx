/**
 * The sidebar as JupyterLab sees it: a widget that is idle while nobody looks.
 */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Drag } from '@lumino/dragdrop';
import type { Message } from '@lumino/messaging';
import React from 'react';

import { Env, type IEnv } from './components/env';
import { Panel } from './components/panel';
import { modelsIcon } from './icons';
import type { SidebarModel } from './model';
import { CommandIDs } from './tokens';

/** What JupyterLab calls paths of its file browser that are dragged, and what happens to them. */
const CONTENTS = 'application/x-jupyter-icontents';
const DRAGS = ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop'];
/** Milliseconds in which coming back to the page refreshes at most once. */
const FRESH = 5000;

export class Sidebar extends ReactWidget {
  constructor(
    private readonly _model: SidebarModel,
    private readonly _env: IEnv,
    private readonly _onMenu: (anchor: HTMLElement) => void
  ) {
    super();
    const { trans } = _env;
    this.id = 'modelsync-sidebar';
    this.addClass('jp-ModelSync');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Models'));
    this.title.icon = modelsIcon;
    this.title.caption = trans.__('Models');
    _model.changed.connect(this._badge, this);
    for (const type of DRAGS) {
      this.node.addEventListener(type, this);
    }
    document.addEventListener('lm-dragenter', this._onDrag, true);
    window.addEventListener('focus', this._onFocus);
    document.addEventListener('visibilitychange', this._onFocus);
  }

  /** Whether the next time it is brought to the front, the cursor goes to the field to search in. */
  searching = false;

  /** Put the cursor where one begins: in the form if there is one, else in the list. */
  focus(): void {
    const places = this.searching
      ? ['input[type=search]']
      : ['form input', '[role=tree]', 'input', 'button'];
    this.searching = false;
    const first = places
      .map(selector => this.node.querySelector<HTMLElement>(selector))
      .find(node => node);
    first?.focus();
  }

  /** Files and folders of the file browser that are dropped here are imported. */
  handleEvent(event: Event): void {
    const drag = event as Drag.Event;
    if (!drag.mimeData.hasData(CONTENTS)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    // The file browser lets its files be moved only: a copy is refused.
    drag.dropAction = drag.proposedAction;
    this.toggleClass(
      'jp-mod-dropTarget',
      event.type === 'lm-dragenter' || event.type === 'lm-dragover'
    );
    if (event.type === 'lm-drop') {
      const paths = drag.mimeData.getData(CONTENTS) as string[];
      for (const path of paths) {
        this._env.run(CommandIDs.importModel, { path });
      }
    }
  }

  dispose(): void {
    window.removeEventListener('focus', this._onFocus);
    document.removeEventListener('visibilitychange', this._onFocus);
    for (const type of DRAGS) {
      this.node.removeEventListener(type, this);
    }
    document.removeEventListener('lm-dragenter', this._onDrag, true);
    super.dispose();
  }

  protected render(): JSX.Element {
    return (
      <Env.Provider value={this._env}>
        <UseSignal signal={this._model.changed}>
          {() => <Panel model={this._model} onMenu={this._onMenu} />}
        </UseSignal>
      </Env.Provider>
    );
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._seen(true);
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._seen(this.isVisible);
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._seen(false);
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.focus();
  }

  private _seen(visible: boolean): void {
    this._refreshed = Date.now();
    this._model.visible = visible;
  }

  /** Files that are dragged over its tab bring it to the front: the file browser is usually in its place. */
  private _onDrag = (event: Event): void => {
    const { mimeData, target } = event as Drag.Event;
    const tab = `.lm-TabBar-tab[data-id="${this.id}"]`;
    if (mimeData.hasData(CONTENTS) && (target as Element).closest(tab)) {
      this._env.run(CommandIDs.open);
    }
  };

  private _onFocus = (): void => {
    if (document.hidden || !this.isVisible) {
      return;
    }
    if (Date.now() - this._refreshed > FRESH) {
      this._refreshed = Date.now();
      void this._model.refresh();
    }
  };

  /** Show on the tab that something runs. */
  private _badge(): void {
    const { trans } = this._env;
    const count = this._model.transfers.active.length;
    const className = count ? 'jp-ModelSync-tab jp-mod-busy' : '';
    if (this.title.className !== className) {
      this.title.className = className;
    }
    const caption = count
      ? trans._n('Models (%1 transfer)', 'Models (%1 transfers)', count)
      : trans.__('Models');
    if (this.title.caption !== caption) {
      this.title.caption = caption;
    }
  }

  private _refreshed = 0;
}
