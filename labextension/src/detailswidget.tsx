import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { DetailsView } from './components/details';
import { Env, type IEnv } from './components/env';
import { modelsIcon } from './icons';
import type { SidebarModel } from './model';
import type { ITarget } from './target';

/** The details of one version, as a tab of the main area. */
export class DetailsWidget extends ReactWidget {
  constructor(
    private readonly _model: SidebarModel,
    readonly target: ITarget,
    private readonly _env: IEnv
  ) {
    super();
    this.addClass('jp-ModelSync-details');
  }

  protected render(): JSX.Element {
    return (
      <Env.Provider value={this._env}>
        <DetailsView model={this._model} {...this.target} />
      </Env.Provider>
    );
  }
}

/** A tab of the main area that shows a version. */
export function createDetails(
  model: SidebarModel,
  target: ITarget,
  env: IEnv
): MainAreaWidget<DetailsWidget> {
  const content = new DetailsWidget(model, target, env);
  const widget = new MainAreaWidget({ content });
  content.node.setAttribute('aria-label', target.tag); // it would be called a notebook
  widget.title.label = target.tag;
  widget.title.icon = modelsIcon;
  widget.title.closable = true;
  return widget;
}
