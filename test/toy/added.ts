// What adding a protocol changes outside its own folder: a row and a line. Made by register.ts on the way into tests, to
// the files as they are.

interface Change {
  readonly from: string;
  readonly to: string;
}

const CHANGES: ReadonlyMap<string, readonly Change[]> = new Map(
  Object.entries<readonly Change[]>({
    '../../core/protocols.ts': [
      { from: "z.enum(['postgres'", to: "z.enum(['echo', 'postgres'" },
      {
        from: 'const ROWS = {',
        to: "const ROWS = { echo: { title: 'Echo', replay: 'statements', sections: ['commands'], masks: [], noun: SECTIONS.commands },",
      },
    ],
    '../../connector/registry.ts': [
      { from: 'const modules = {', to: 'const modules = { echo,' },
      { from: 'import { postgres }', to: "import { echo } from '../test/toy/echo/index.ts'; import { postgres }" },
    ],
  }).map(([path, changes]) => [new URL(path, import.meta.url).href, changes]),
);

/** The source of the module at `url`, as it is with the protocol added; undefined: it is as it was. */
export function withEcho(url: string, source: string): string | undefined {
  return CHANGES.get(url)?.reduce((text, { from, to }) => {
    if (!text.includes(from)) throw new Error(`${url} has no ${from}`);
    return text.replace(from, to);
  }, source);
}
