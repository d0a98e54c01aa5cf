import { differences, flatten, sameFiles } from '../diff';
import { group, nameOf, parseLabels, suggestName, versionOf } from '../tags';
import { browserPath, codeFor } from '../target';
import type { ILocalDetails, ILocalModel, IPage } from '../wire';
import { fixture } from './fixtures';

describe('group', () => {
  const { items } = fixture<IPage<ILocalModel>>('local');

  it('sorts names, and versions newest first', () => {
    const groups = group([...items].reverse());
    const names = groups.map(each => each.name);
    expect(names).toEqual([...names].sort());
    const iris = groups.find(each => each.name === 'iris');
    expect(iris?.versions.map(each => each.tag)).toEqual([
      'iris:v3',
      'iris:v2',
      'iris:v1'
    ]);
  });

  it('loses nothing', () => {
    const count = group(items).flatMap(each => each.versions).length;
    expect(count).toBe(items.length);
  });
});

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
  expect(codeFor({ side: 'local', tag: 'iris:v1' })).toBe(
    'from modelsync_jupyter import get\n\nmodel = get("iris:v1")'
  );
  expect(codeFor({ side: 'remote', tag: 'iris:v1' })).toContain(
    'model = pull("iris:v1")'
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

describe('differences', () => {
  const left = fixture<ILocalDetails>('local_model');

  it('are none between equals', () => {
    expect(differences(left, left)).toEqual([]);
  });

  it('name what changed, came and went', () => {
    const right = {
      ...left,
      labels: { team: 'nlp' },
      metadata: { ...left.metadata, accuracy: 0.98 },
      files: left.files.filter(file => file.path !== 'model.pkl')
    };
    expect(differences(left, right)).toEqual([
      { key: 'labels.stage', left: 'production', right: undefined },
      { key: 'labels.team', left: undefined, right: 'nlp' },
      { key: 'metadata.accuracy', left: '0.97', right: '0.98' },
      { key: 'model.pkl', left: '✓', right: undefined }
    ]);
  });

  it('of contents are told by content digests alone', () => {
    const other = (digest: string | null): ILocalDetails => ({
      ...left,
      digest
    });
    expect(sameFiles(left, other(left.digest))).toBe(true);
    expect(sameFiles(left, other('blake3:0'))).toBe(false);
    expect(sameFiles(left, other(null))).toBeNull();
  });

  it('flatten nested values', () => {
    expect(flatten({ a: { b: [1, 'x'] }, c: null })).toEqual({
      'a.b.0': '1',
      'a.b.1': 'x',
      c: 'null'
    });
  });
});
