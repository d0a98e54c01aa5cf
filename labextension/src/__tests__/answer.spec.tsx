import { Signal } from '@lumino/signaling';
import { act, renderHook } from '@testing-library/react';

import { useFreshAnswer } from '../components/answer';
import type { SidebarModel } from '../model';
import { settle } from './server';

/** A model that says which tags were changed. */
class Model {
  readonly touchedTag = new Signal<this, string>(this);
}

it('an answer stays until there is another, and one that comes late is dropped', async () => {
  const model = new Model();
  const asked: { answer: (text: string) => void; fail: () => void }[] = [];
  const ask = (): Promise<string> =>
    new Promise((answer, fail) => asked.push({ answer, fail }));
  const { result, unmount } = renderHook(() =>
    useFreshAnswer(model as unknown as SidebarModel, 'iris', ask)
  );
  const seen = async (
    happen: () => void
  ): Promise<[string | null, string | undefined]> => {
    await act(async () => {
      happen();
      await settle();
    });
    return [result.current.value, result.current.error?.code];
  };
  expect(await seen(() => model.touchedTag.emit('iris:v1'))).toEqual([
    null,
    undefined
  ]);
  expect(await seen(() => asked[1]?.answer('second'))).toEqual([
    'second',
    undefined
  ]);
  expect(await seen(() => asked[0]?.answer('first'))).toEqual([
    'second',
    undefined
  ]);
  await seen(() => model.touchedTag.emit('other:v1'));
  expect(asked).toHaveLength(2);
  await seen(() => result.current.again());
  expect(await seen(() => asked[2]?.fail())).toEqual(['second', 'unexpected']);
  await seen(() => result.current.again());
  expect(await seen(() => asked[3]?.answer('fourth'))).toEqual([
    'fourth',
    undefined
  ]);
  unmount();
  model.touchedTag.emit('iris:v2');
  expect(asked).toHaveLength(4);
});
