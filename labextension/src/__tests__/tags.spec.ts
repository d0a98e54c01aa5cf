import { flatten } from '../format';
import { nameOf, parseLabels, suggestName, versionOf } from '../tags';
import { browserPath, codeFor } from '../target';

it('splits a tag at its first colon', () => {
  expect(nameOf('iris:v1')).toBe('iris');
  expect(versionOf('iris:v1')).toBe('v1');
});

it.each([
  ['', {}],
  ['stage=prod', { stage: 'prod' }],
  [' a = 1 ,, b=x=y, c', { a: '1', b: 'x=y', c: '' }]
])('reads the labels %j', (text, labels) => {
  expect(parseLabels(text)).toEqual(labels);
});

it.each([
  ['work/My Model.joblib', 'my-model'],
  ['data/iris_v2/', 'iris_v2'],
  ['.hidden', 'hidden'],
  ['Ünïcode name', 'n-code-name']
])('suggests a name for %s', (path, name) => {
  expect(suggestName(path)).toBe(name);
});

it('writes code that loads the model', () => {
  expect(codeFor('iris:v1')).toBe(
    'from modelsync_jupyter import load\n\nmodel = load("iris:v1")'
  );
});

it.each([
  ['/home/ana/bentoml/models/iris/v1', '/home/ana', 'bentoml/models/iris/v1'],
  ['/home/ana/x', '/home/ana/', 'x'],
  ['/srv/models/x', '/home/ana', null],
  ['/home/anabel/x', '/home/ana', null]
])('finds %s below %s', (folder, root, path) => {
  expect(browserPath(folder, root)).toBe(path);
});

it('flattens nested values', () => {
  expect(flatten({ a: { b: [1, 'x'] }, c: null })).toEqual({
    'a.b.0': '1',
    'a.b.1': 'x',
    c: 'null'
  });
});
