/**
 * How the parts are put together. Only optional tokens, so that it loads in Notebook 7 as well.
 */
import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  type MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { IStatusBar } from '@jupyterlab/statusbar';
import {
  ITranslator,
  nullTranslator,
  type TranslationBundle
} from '@jupyterlab/translation';

import { Debouncer } from '@lumino/polling';

import { addCommands } from './commands';
import type { DetailsPlace } from './components/details';
import type { IEnv } from './components/env';
import type { DetailsWidget } from './detailswidget';
import { createMenu, createSidebarMenu } from './menu';
import { SidebarModel } from './model';
import { type INotifyOptions, tellEnds } from './notify';
import { Service } from './service';
import { Sidebar } from './sidebar';
import { StatusItem } from './statusbar';
import { CommandIDs, IModelSync } from './tokens';
import type { IView } from './wire';

/** Where the view is kept, and milliseconds after its last change. */
const VIEW_KEY = 'modelsync-jupyter:view';
const SAVE_PAUSE = 500;
const PLUGIN = 'modelsync-jupyter:plugin';
/** Milliseconds after a cell began in which a transfer it starts has a record. */
const CELL_PAUSE = 1500;

const plugin: JupyterFrontEndPlugin<SidebarModel> = {
  id: PLUGIN,
  description: 'Lists models here and in a registry, and moves them.',
  autoStart: true,
  provides: IModelSync,
  optional: [
    ISettingRegistry,
    ICommandPalette,
    ILayoutRestorer,
    ITranslator,
    IFileBrowserFactory,
    IStateDB,
    ILabShell
  ],
  activate: (
    app: JupyterFrontEnd,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    files: IFileBrowserFactory | null,
    state: IStateDB | null,
    lab: ILabShell | null
  ): SidebarModel => {
    const trans = translate(translator);
    const model = new SidebarModel(
      new Service(app.serviceManager.serverSettings)
    );
    const env: IEnv = {
      trans,
      run: (id, args) => void app.commands.execute(id, args),
      openMenu: createMenu(app.commands)
    };
    const sidebar = new Sidebar(model, env, createSidebarMenu(app.commands));
    addCommands({
      app,
      model,
      trans,
      files,
      open: (search = false) => {
        sidebar.searching = search;
        app.shell.activateById(sidebar.id);
      },
      openDetails: trackDetails(app, model, env, restorer, lab)
    });
    app.shell.add(sidebar, 'left', { rank: 520, type: 'Models' });
    restorer?.add(sidebar, sidebar.id);
    void keepView(model, state);
    addToPalette(palette, trans);
    void applySettings(settings, model, trans, env.run);
    lookAfterCells(app, model);
    return model;
  }
};

const status: JupyterFrontEndPlugin<void> = {
  id: 'modelsync-jupyter:status',
  description: 'Shows in the status bar what is on its way.',
  autoStart: true,
  requires: [IModelSync],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: SidebarModel,
    bar: IStatusBar | null,
    translator: ITranslator | null
  ): void => {
    const trans = translate(translator);
    const { transfers } = model;
    bar?.registerStatusItem(status.id, {
      item: new StatusItem(
        transfers,
        trans,
        () => void app.commands.execute(CommandIDs.open)
      ),
      align: 'middle',
      isActive: () => transfers.active.length > 0,
      activeStateChanged: transfers.changed
    });
  }
};

const launcher: JupyterFrontEndPlugin<void> = {
  id: 'modelsync-jupyter:launcher',
  description: 'Has a card in the launcher.',
  autoStart: true,
  requires: [IModelSync, ILauncher],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    __: SidebarModel,
    cards: ILauncher,
    translator: ITranslator | null
  ): void => {
    const trans = translate(translator);
    cards.add({
      command: CommandIDs.open,
      args: { launcher: true },
      category: trans.__('Other'),
      rank: 10
    });
  }
};

export default [plugin, status, launcher];

/** The words of this extension in the user's language. */
function translate(translator: ITranslator | null): TranslationBundle {
  return (translator ?? nullTranslator).load('modelsync_jupyter');
}

/** Tabs with the details of a version each; they come back when the page is loaded again. */
function trackDetails(
  app: JupyterFrontEnd,
  model: SidebarModel,
  env: IEnv,
  restorer: ILayoutRestorer | null,
  lab: ILabShell | null
): (tag: string, place?: DetailsPlace) => Promise<void> {
  const tracker = new WidgetTracker<MainAreaWidget<DetailsWidget>>({
    namespace: 'modelsync-details'
  });
  const idOf = (tag: string): string => `modelsync-${tag}`;
  void restorer?.restore(tracker, {
    command: CommandIDs.details,
    args: ({ content }) => ({ tag: content.tag }),
    name: ({ content }) => idOf(content.tag)
  });
  return async (tag, place) => {
    const id = idOf(tag);
    // Before looking whether there is one: a double click asks twice, and both would find none.
    const { createDetails } = await import('./detailswidget');
    if (!tracker.find(each => each.id === id)) {
      const widget = createDetails(model, tag, env);
      widget.id = id;
      await tracker.add(widget);
      app.shell.add(widget, lab ? 'main' : 'right'); // a page of Notebook has one document
    }
    if (place) {
      tracker.find(each => each.id === id)?.content.goTo(place);
    }
    app.shell.activateById(id);
  };
}

/** Keep view, folds and scroll position with the workspace, so that they are there when the page is loaded again. */
async function keepView(
  model: SidebarModel,
  state: IStateDB | null
): Promise<void> {
  const { catalog } = model;
  const kept = (await state?.fetch(VIEW_KEY).catch(() => undefined)) as
    { view?: Partial<IView>; first?: number; history?: boolean } | undefined;
  catalog.restore(kept?.view ?? {}, kept?.first ?? 0);
  model.historyOpen = kept?.history ?? false;
  const save = new Debouncer(() => {
    const { view, first } = catalog;
    const history = model.historyOpen;
    return state?.save(VIEW_KEY, {
      view: { ...view },
      first,
      history
    });
  }, SAVE_PAUSE);
  model.disposed.connect(() => save.dispose());
  const later = (): void => void save.invoke();
  catalog.viewed.connect(later);
  catalog.scrolled.connect(later);
  model.historyToggled.connect(later);
}

function addToPalette(
  palette: ICommandPalette | null,
  trans: TranslationBundle
): void {
  const commands = [
    CommandIDs.open,
    CommandIDs.filter,
    CommandIDs.refresh,
    CommandIDs.push,
    CommandIDs.pull,
    CommandIDs.cancel,
    CommandIDs.details,
    CommandIDs.remove,
    CommandIDs.restoreLocal,
    CommandIDs.emptyTrash,
    CommandIDs.save,
    CommandIDs.importModel,
    CommandIDs.diagnose,
    CommandIDs.history,
    CommandIDs.useContext,
    CommandIDs.signIn,
    CommandIDs.signOut
  ];
  for (const command of commands) {
    palette?.addItem({
      command,
      category: trans.__('Models'),
      args: { palette: true }
    });
  }
}

async function applySettings(
  registry: ISettingRegistry | null,
  model: SidebarModel,
  trans: TranslationBundle,
  run: IEnv['run']
): Promise<void> {
  const notify = { notifications: true, notifyAfterSeconds: 10 };
  const wanted = (): INotifyOptions => ({
    ...notify,
    notifications: notify.notifications && model.status?.notifications !== false
  });
  tellEnds(model, trans, wanted, run);
  const settings = await registry?.load(PLUGIN).catch(() => undefined);
  const apply = (): void => {
    const chosen = settings?.composite ?? {};
    Object.assign(notify, {
      notifications: chosen.notifications ?? true,
      notifyAfterSeconds: chosen.notifyAfterSeconds ?? 10
    });
    model.options = {
      threads: Number(chosen.threads ?? 0),
      rateLimit: Number(chosen.rateLimit ?? 0),
      refreshSeconds: Number(chosen.refreshSeconds ?? 10)
    };
    model.pace();
  };
  apply();
  settings?.changed.connect(apply);
}

/** A cell may start a transfer: look soon after it began, and when it has ended. */
function lookAfterCells(app: JupyterFrontEnd, model: SidebarModel): void {
  app.commands.commandExecuted.connect((_, { id, result }) => {
    if (!/^(notebook|console):run/.test(id)) {
      return;
    }
    const look = (): void => {
      void model.transfers.refresh();
      void model.glance();
    };
    setTimeout(look, CELL_PAUSE);
    result.then(look, look);
  });
}
