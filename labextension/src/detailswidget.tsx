import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { type DetailsPlace, DetailsView } from './components/details';
import { Env, type IEnv } from './components/env';
import { modelsIcon } from './icons';
import type { SidebarModel } from './model';

/** The details of one version, as a tab of the main area. */
export class DetailsWidget extends ReactWidget {
  constructor(
    private readonly _model: SidebarModel,
    readonly tag: string,
    private readonly _env: IEnv
  ) {
    super();
    this.addClass('jp-ModelSync-details');
  }

  /** Go to a place of it; once more, where somebody has left it since. */
  goTo(place: DetailsPlace): void {
    this._wanted = { place };
    this.update();
  }

  protected render(): JSX.Element {
    return (
      <Env.Provider value={this._env}>
        <DetailsView model={this._model} tag={this.tag} wanted={this._wanted} />
      </Env.Provider>
    );
  }

  private _wanted: { place: DetailsPlace } | null = null;
}

/** A tab of the main area that shows a version. */
export function createDetails(
  model: SidebarModel,
  tag: string,
  env: IEnv
): MainAreaWidget<DetailsWidget> {
  const content = new DetailsWidget(model, tag, env);
  const widget = new MainAreaWidget({ content });
  content.node.setAttribute('aria-label', tag); // it would be called a notebook
  widget.title.label = tag;
  widget.title.icon = modelsIcon;
  widget.title.closable = true;
  return widget;
}
