import { changeOf } from '../components/edit';

const text = (
  labels: Record<string, string>,
  description = ''
): Parameters<typeof changeOf>[0] => ({
  labels: Object.entries(labels).map(([key, value], id) => ({
    id,
    key,
    value
  })),
  description
});

it('only what was changed is sent', () => {
  const before = text({ stage: 'test', ' odd ': 'as, it=is ', old: '1' }, 'a');
  expect(changeOf(before, before)).toEqual({ labels: {}, remove: [] });
  expect(
    changeOf(
      before,
      text({ stage: 'prod', ' odd ': 'as, it=is ', ' new': ' 2 ', '': 'x' }, '')
    )
  ).toEqual({
    labels: { stage: 'prod', new: '2' },
    remove: ['old'],
    description: ''
  });
});
