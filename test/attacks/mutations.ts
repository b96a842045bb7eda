// Ways to write the same statement otherwise, and to hide it in another. No mutant may get a milder
// verdict than what it was made from.

import { scanSync } from 'libpg-query';

/** Numbers that decide, from a property test: the same ones give the same mutant. */
export type Choices = (below: number) => number;

const GAPS = [
  '',
  '',
  ' ',
  '\n',
  '\t\r\n\f',
  ' /**/ ',
  ' /* drop /* nested */ -- */ ',
  " /* ' */ ",
  ' -- $$ "\n',
  ' /* $x$ */ ',
];

/** Other gaps, other case, other quotes between the very tokens that PostgreSQL's scanner finds. */
export function respell(text: string, choose: Choices): string {
  const { tokens } = scanSync(text);
  let out = '';
  let from = 0;
  for (const token of tokens) {
    const gap = text.slice(from, token.start);
    out +=
      (from > 0 && gap === '' ? '' : gap || ' ') +
      (from > 0 && touches(text, token.start) ? '' : (GAPS[choose(GAPS.length)] ?? ''));
    out += respellToken(text.slice(token.start, token.end), token.tokenName, choose);
    from = token.end;
  }
  return out + text.slice(from);
}

/** A letter or a sign that would grow together with, or part from, the token before it. */
const touches = (text: string, at: number): boolean =>
  /[\w$"'&]/.test(text[at - 1] ?? ' ') && /[\w$"'&]/.test(text[at] ?? ' ');

function respellToken(token: string, name: string, choose: Choices): string {
  if (/^[a-z_]+$/i.test(token)) {
    if (name === 'IDENT' && /^[a-z_]+$/.test(token) && choose(2) === 0)
      return choose(2) === 0
        ? `"${token}"`
        : `U&"${[...token].map((c) => `\\00${c.charCodeAt(0).toString(16)}`).join('')}"`;
    return [...token].map((c) => (choose(2) === 0 ? c.toUpperCase() : c.toLowerCase())).join('');
  }
  const plain = /^'([^'\\$]*)'$/.exec(token);
  if (name === 'SCONST' && plain) {
    const tag = ['', 'a', 'drop', '_1'][choose(6)];
    return tag === undefined ? token : `$${tag}$${plain[1]}$${tag}$`;
  }
  return token;
}

export interface Wrapper {
  readonly name: string;
  /** Kinds of statement that can stand there. */
  readonly around: ReadonlySet<string> | undefined;
  wrap(statement: string): string;
}

const QUERY = new Set(['select', 'insert', 'update', 'delete', 'merge']);
const SELECT = new Set(['select']);

export const WRAPPERS: readonly Wrapper[] = [
  { name: 'as it is', around: undefined, wrap: (statement) => statement },
  { name: 'second', around: undefined, wrap: (statement) => `select 1; ${statement}` },
  { name: 'first', around: undefined, wrap: (statement) => `${statement}\n; select 1` },
  { name: 'in a transaction', around: undefined, wrap: (statement) => `begin; ${statement}\n; commit` },
  { name: 'after comments', around: undefined, wrap: (statement) => `/* select */ -- x\n;; ${statement}` },
  { name: 'explained', around: QUERY, wrap: (statement) => `explain (costs off, analyze) ${statement}` },
  { name: 'prepared', around: QUERY, wrap: (statement) => `prepare p as ${statement}` },
  { name: 'prepared and executed', around: QUERY, wrap: (statement) => `prepare p as ${statement}\n; execute p` },
  { name: 'in a CTE', around: QUERY, wrap: (statement) => `with w as (${statement}\n) select 1` },
  {
    name: 'in a CTE of a CTE',
    around: QUERY,
    wrap: (statement) => `with w as (with v as (${statement}\n) select 1) select 1`,
  },
  { name: 'in an insert', around: SELECT, wrap: (statement) => `insert into public.log ${statement}` },
  { name: 'in FROM', around: SELECT, wrap: (statement) => `select * from (${statement}\n) q` },
  { name: 'in WHERE', around: SELECT, wrap: (statement) => `select 1 where exists (${statement}\n)` },
  { name: 'in a union', around: SELECT, wrap: (statement) => `(select 1) union (${statement}\n)` },
  { name: 'in a cursor', around: SELECT, wrap: (statement) => `declare c cursor for ${statement}` },
  { name: 'in COPY', around: QUERY, wrap: (statement) => `copy (${statement}\n) to stdout` },
  { name: 'in CREATE TABLE AS', around: SELECT, wrap: (statement) => `create table public.x as ${statement}` },
  { name: 'in a view', around: SELECT, wrap: (statement) => `create view public.v as ${statement}` },
  {
    name: 'in a rule',
    around: QUERY,
    wrap: (statement) => `create rule r as on insert to public.x do also ${statement}`,
  },
  {
    name: 'in a function body',
    around: QUERY,
    wrap: (statement) => `create function f() returns int begin atomic ${statement}\n; end`,
  },
];
