/** Replies of the real server extension; the Python tests hold it to them. */
export function fixture<T extends object>(name: string): T {
  return jest.requireActual<T>(`../../../tests/fixtures/${name}.json`);
}
