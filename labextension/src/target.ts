/**
 * Which version a command is meant for: the one in its arguments, under the mouse or under the keyboard's focus.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { Catalog } from './catalog';

/** The tag that a command is about; null where there is none. */
export function findTag(
  app: JupyterFrontEnd,
  catalog: Catalog,
  args: ReadonlyPartialJSONObject
): string | null {
  if (typeof args.tag === 'string') {
    return args.tag;
  }
  if (args.palette) {
    return null;
  }
  const marked = (node: HTMLElement): boolean => !!node.dataset.msTag;
  const node = app.contextMenuHitTest(marked);
  if (node) {
    return node.dataset.msTag ?? null;
  }
  const focused =
    document.activeElement?.closest<HTMLElement>('[data-ms-current]');
  const row = catalog.row(catalog.indexOf(focused?.dataset.msCurrent ?? ''));
  return row ? (row.kind === 'name' ? row.newest.tag : row.tag) : null;
}

/** How the frameworks of BentoML load what they have saved; their modules all have a `load_model`. */
const FRAMEWORKS: Record<string, string> = {
  sklearn: 'import joblib\n\nmodel = joblib.load(path / "saved_model.pkl")',
  xgboost:
    'import xgboost\n\nmodel = xgboost.Booster()\nmodel.load_model(path / "saved_model.ubj")',
  lightgbm:
    'import lightgbm\n\nmodel = lightgbm.Booster(model_file=str(path / "saved_model.txt"))',
  catboost:
    'from catboost import CatBoost\n\nmodel = CatBoost().load_model(str(path / "saved_model.cbm"))',
  keras: 'import keras\n\nmodel = keras.models.load_model(path)',
  tensorflow:
    'import tensorflow as tf\n\nmodel = tf.saved_model.load(str(path))',
  pytorch:
    'import torch\n\nmodel = torch.load(path / "saved_model.pt", weights_only=False)',
  torchscript:
    'import torch\n\nmodel = torch.jit.load(path / "saved_model.pt")',
  transformers:
    'from transformers import AutoModel\n\nmodel = AutoModel.from_pretrained(path)',
  diffusers:
    'from diffusers import DiffusionPipeline\n\nmodel = DiffusionPipeline.from_pretrained(path)',
  onnx: 'import onnxruntime\n\nmodel = onnxruntime.InferenceSession(path / "saved_model.onnx")',
  mlflow:
    'import mlflow\n\nmodel = mlflow.pyfunc.load_model(str(path / "mlflow_model"))'
};

/**
 * Code that loads a model in a notebook.
 *
 * @param local Whether the local store has it; else it is pulled first.
 */
export function codeFor(tag: string, module: string, local: boolean): string {
  const verb = local ? 'get' : 'pull';
  const load = FRAMEWORKS[module.split('.').pop() ?? ''];
  return [
    `from modelsync_jupyter import ${verb}`,
    '',
    `path = ${verb}("${tag}").path`,
    ...(load ? [load] : ['sorted(path.rglob("*"))'])
  ].join('\n');
}

/**
 * A folder as the file browser names it: relative to the server's root.
 *
 * @returns null where it is outside of that.
 */
export function browserPath(folder: string, root: string): string | null {
  const base = root.replace(/\/+$/, '');
  const path = folder.replace(/\\/g, '/');
  return path.startsWith(`${base}/`) ? path.slice(base.length + 1) : null;
}
