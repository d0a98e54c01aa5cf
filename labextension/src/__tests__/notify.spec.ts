import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import type { SidebarModel } from '../model';
import { tellEnds } from '../notify';
import type { IOutcome, IRecord, ITransfers } from '../wire';
import { fixture } from './fixtures';

const trans = nullTranslator.load('');
const [record] = fixture<ITransfers>('transfers').transfers as [IRecord];

/** What is said when a transfer ends. */
function said(change: Partial<IRecord>, visible = true): string[] {
  const source = {};
  const ended = new Signal<object, IRecord>(source);
  const model = { visible, transfers: { ended } } as unknown as SidebarModel;
  const options = { notifications: true, notifyAfterSeconds: 10 };
  tellEnds(model, trans, () => options, jest.fn());
  const before = Notification.manager.count;
  ended.emit({ ...record, started: 1, ended: 2, ...change });
  const added = Notification.manager.count - before;
  return Notification.manager.notifications
    .slice(0, added)
    .map(each => each.message);
}

const outcome = { path: '/home/ana/iris-v1.tar' } as IOutcome;

it('a short push says nothing, and a short export says where it is', () => {
  const end = { tag: 'iris:v1', state: 'succeeded' as const, outcome };
  expect(said({ ...end, direction: 'push' })).toEqual([]);
  expect(said({ ...end, direction: 'export' })).toEqual([
    'Exported iris:v1 to iris-v1.tar in 1 s.'
  ]);
});

it('a failure that nobody sees says whole what happened, and what to do', () => {
  const error = {
    code: 'unavailable',
    message:
      'The connection to the registry at 127.0.0.1:34863 broke: connection reset by peer.',
    hint: 'Check the network and the address, then try again.',
    step: { verb: 'retry', text: '', args: {} }
  };
  const end = { tag: 'churn_gbm:v2', state: 'failed' as const, error };
  expect(said({ ...end, direction: 'push' }, false)).toEqual([
    'Push of churn_gbm:v2 failed. The connection to the registry at 127.0.0.1:34863 broke. ' +
      'Check the network and the address you signed in to.'
  ]);
  expect(said({ ...end, direction: 'push' })).toEqual([]);
});
