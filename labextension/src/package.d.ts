declare module '*/package.json' {
  const about: { version: string };
  export default about;
}
