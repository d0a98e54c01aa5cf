import { cutMiddle } from '../components/middle';

/** Letters of one width. */
const widthOf = (from: number, to: number): number => to - from;
const cut = (text: string, room: number): string =>
  cutMiddle(text, 8, room, widthOf);

describe('a text without room is cut in its middle', () => {
  it.each([
    ['customer-lifetime-value-europe', 20, 'customer…value-europe'],
    ['ocr-layout-large', 14, 'ocr-la…ut-large'],
    ['customer-lifetime-value-europe', 5, '…urope']
  ])('%s in %d', (text, room, wanted) => expect(cut(text, room)).toBe(wanted));

  it('and a short one at its end', () =>
    expect(cut('0123456789', 7)).toBe('0123456…'));
});
