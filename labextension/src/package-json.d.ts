/** The bundler puts the version in; see `version` in package.json. */
declare module '*/package.json' {
  export const version: string;
}

declare module '*.svg' {
  const source: string;
  export default source;
}
