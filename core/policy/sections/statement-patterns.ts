// The patterns of statement rules: what an author writes, and whether an act fits it.
//
//   drop                     a kind of statement
//   drop table               a narrower one
//   write                    a class: read, write, schema, privilege, session, opaque
//   delete on hr.salaries    a kind or class (or *) on tables; * within names stands for any text
//   delete without where     rows that no condition chooses
//   set role postgres        a role; any when none is named
//   set search_path          a setting
//   function lo_*            a function that is called
//   role postgres            whatever names the role
//
// A name that a statement leaves open (no schema written, a setting computed) fits a pattern that
// stops, and never one that lets pass: both err on the side of stopping.

import { err, ok, type Result } from '../../result.ts';
import { type Act, type RelationName, STATEMENT_CLASSES } from '../../sql/statement.ts';
import { VERBS } from '../../sql/vocabulary.ts';
import { nearestWord } from '../nearest.ts';
import { fits, glob } from './glob.ts';

interface NamePattern {
  readonly text: string;
  /** Between double quotes: means exactly this. */
  readonly exact: boolean;
  /** What stands between its stars, as written and in lower case. */
  readonly parts: readonly string[];
  readonly folded: readonly string[];
}

const namePattern = (text: string, exact: boolean): NamePattern => ({
  text,
  exact,
  parts: text.split('*'),
  folded: text.toLowerCase().split('*'),
});

export interface Pattern {
  /** As written, for messages. */
  readonly text: string;
  readonly by: 'any' | 'verb' | 'class' | 'role';
  readonly word: string;
  readonly relation?: { readonly schema?: NamePattern; readonly name: NamePattern };
  readonly function?: { readonly schema?: NamePattern; readonly name: NamePattern };
  readonly withoutWhere?: true;
  readonly role?: string;
  readonly setting?: string;
}

const CLASSES: ReadonlySet<string> = new Set(STATEMENT_CLASSES);
const NAME = /^\s*("(?:[^"]|"")+"|[\p{L}\p{N}_$*]+)(?:\s*\.\s*("(?:[^"]|"")+"|[\p{L}\p{N}_$*]+))?\s*$/u;
const WITHOUT_WHERE = new Set(['delete', 'update', 'merge', 'write', '*']);
const MAX_IDENTIFIER_BYTES = 63;
/** Two quoted names and the words around them. */
const MAX_PATTERN_CHARACTERS = 300;

/** The pattern, or what is wrong with it in words for its author. */
export function parsePattern(text: string): Result<Pattern, string> {
  // Words of the pattern may be in any case and spacing; names are kept as they are.
  let rest = text.trim().replace(/\s+/g, ' ');
  if (rest === '') return err('is empty');
  if (rest.length > MAX_PATTERN_CHARACTERS) return err(`is longer than ${MAX_PATTERN_CHARACTERS} characters`);
  const withoutWhere = / without where$/i.test(rest) || / without where on /i.test(rest);
  if (withoutWhere) rest = rest.replace(/ without where( on |$)/i, '$1').trimEnd();
  const named = /^(function|role) (.+)$/i.exec(rest);
  if (named && !withoutWhere) return named[1]?.toLowerCase() === 'role' ? roleOf(text, named) : functionOf(text, named);
  const on = /^(.*?) on (.+)$/i.exec(rest);
  const words = (on?.[1] ?? rest).toLowerCase();
  const relation = on ? parseName(on[2] ?? '') : undefined;
  if (relation && !relation.ok) return relation;
  const more = {
    text: rest,
    ...(relation && { relation: relation.value }),
    ...(withoutWhere && { withoutWhere: true as const }),
  };
  if (withoutWhere && !WITHOUT_WHERE.has(words)) return err('only delete, update and merge can be "without where"');
  if (words === '*') return ok({ ...more, text, by: 'any', word: '*' });
  if (words === 'function' || words === 'role') return err(`${words} needs a name, such as "${words} pg_read_file"`);
  if (VERBS.has(words)) return ok({ ...more, text, by: 'verb', word: words });
  if (CLASSES.has(words)) return ok({ ...more, text, by: 'class', word: words });
  return setterOf(text, rest, on !== null || withoutWhere) ?? err(unknownWord(words));
}

function roleOf(text: string, [, , name = '']: RegExpExecArray): Result<Pattern, string> {
  const role = parseName(name);
  if (!role.ok) return role;
  if (role.value.schema) return err('a role has no schema');
  return ok({ text, by: 'role', word: 'role', role: role.value.name.text });
}

function functionOf(text: string, [, , name = '']: RegExpExecArray): Result<Pattern, string> {
  const called = parseName(name.replace(/\(\s*\)$/, ''));
  return called.ok ? ok({ text, by: 'verb', word: 'function', function: called.value }) : called;
}

/** `set role NAME`, `set session authorization NAME`, `set SETTING`, `reset SETTING`. */
function setterOf(text: string, rest: string, decorated: boolean): Result<Pattern, string> | undefined {
  const found = /^(set role|set session authorization|set|reset) (.+)$/i.exec(rest);
  if (!found || decorated) return undefined;
  const word = found[1]?.toLowerCase() ?? '';
  const name = parseName(found[2] ?? '');
  if (!name.ok) return name;
  if (word === 'set' || word === 'reset') {
    const setting = (found[2] ?? '').toLowerCase().replace(/[\s"]/g, '');
    if (setting === 'session' || setting === 'local') return err(`"${word} ${setting}" names no setting`);
    return ok({ text, by: 'verb', word, setting });
  }
  if (name.value.schema) return err('a role has no schema');
  return ok({ text, by: 'verb', word, role: name.value.name.text });
}

function parseName(text: string): Result<{ schema?: NamePattern; name: NamePattern }, string> {
  const found = NAME.exec(text);
  if (!found) return err(`"${text}" is no name: expected a table or schema.table, such as hr.salaries or hr.*`);
  const [first, second] = [found[1], found[2]].map((part) =>
    part === undefined
      ? undefined
      : part.startsWith('"')
        ? namePattern(part.slice(1, -1).replaceAll('""', '"'), true)
        : namePattern(part, false),
  );
  for (const part of [first, second]) {
    if (part && new TextEncoder().encode(part.text).length > MAX_IDENTIFIER_BYTES)
      return err(`"${part.text}" is longer than any name can be (${MAX_IDENTIFIER_BYTES} bytes)`);
  }
  if (!first) return err('is no name');
  return ok(second ? { schema: first, name: second } : { name: first });
}

function unknownWord(words: string): string {
  const vocabulary = [...VERBS, ...CLASSES, 'delete without where', 'update without where'];
  const near = nearestWord(words, vocabulary);
  return `"${words}" names no kind of statement${near ? `; did you mean "${near}"?` : ''}`;
}

// --- fitting ---

/** Schemas that a name without one may lead to, as the server has them now; undefined: any. */
export type SearchPath = readonly string[] | undefined;

/** Whether the pattern asks for a schema: then a name without one hangs on the search path. */
export const asksForSchema = (pattern: Pattern): boolean => pattern.relation?.schema !== undefined;

/** Whether an act is among what a block, hold or warn entry stops. */
export function stops(pattern: Pattern, act: Act, path?: SearchPath): boolean {
  if (pattern.by === 'role')
    return act.role === null || (typeof act.role === 'string' && sameFold(act.role, pattern.role));
  if (pattern.by === 'verb' && !act.verbs.includes(pattern.word) && !act.also?.includes(pattern.word)) return false;
  // BEGIN and FETCH are of the session, and not what an author means who stops `session`.
  if (pattern.by === 'class' && (act.class !== pattern.word || (act.free && act.class === 'session'))) return false;
  if (pattern.withoutWhere && !act.withoutWhere) return false;
  if (pattern.role !== undefined && act.role !== null && !sameFold(act.role ?? '', pattern.role)) return false;
  if (pattern.setting !== undefined && act.setting !== null && act.setting !== pattern.setting) return false;
  if (pattern.function) {
    const { schema, name } = pattern.function;
    if (!act.function || !fitsLoosely(name, act.function.name)) return false;
    if (schema && act.function.schema !== undefined && !fitsLoosely(schema, act.function.schema)) return false;
  }
  if (pattern.relation) {
    const { schema, name } = pattern.relation;
    if (!act.relation) return false;
    if (act.relation.name !== undefined && !fitsLoosely(name, act.relation.name)) return false;
    const schemas = schemasOf(act.relation, path);
    if (schema && schemas && !schemas.some((one) => fitsLoosely(schema, one))) return false;
  }
  return true;
}

/** Whether an entry of an allow list lets an act pass. */
export function letsPass(pattern: Pattern, act: Act, path?: SearchPath): boolean {
  if (pattern.by === 'role') return false;
  if (pattern.by === 'verb' && !act.verbs.includes(pattern.word)) return false;
  if (pattern.by === 'class' && act.class !== pattern.word) return false;
  if (pattern.withoutWhere && !act.withoutWhere) return false;
  if (pattern.role !== undefined && (typeof act.role !== 'string' || act.role !== pattern.role)) return false;
  if (pattern.setting !== undefined && act.setting !== pattern.setting) return false;
  if (pattern.function) {
    const { schema, name } = pattern.function;
    if (!act.function || !fitsStrictly(name, act.function.name)) return false;
    if (schema && (act.function.schema === undefined || !fitsStrictly(schema, act.function.schema))) return false;
  }
  if (pattern.relation) {
    const { schema, name } = pattern.relation;
    // `select 1` reads no table: who may read some may do that.
    if (!act.relation) return act.class === 'read' && act.verbs.includes('select');
    if (act.relation.name === undefined ? name.text !== '*' : !fitsStrictly(name, act.relation.name)) return false;
    const schemas = schemasOf(act.relation, path);
    if (schema && schema.text !== '*' && !schemas?.every((one) => fitsStrictly(schema, one))) return false;
  }
  return true;
}

/** Undefined: any. */
const schemasOf = ({ schema, implied }: RelationName, path: SearchPath): SearchPath => {
  if (schema !== undefined) return [schema];
  return path && implied !== undefined ? [implied, ...path] : path;
};

const sameFold = (a: string, b: string | undefined): boolean =>
  b !== undefined && glob(b.toLowerCase(), a.toLowerCase());

/** In any case, since single-byte databases fold more letters than this parser does. */
const fitsLoosely = (pattern: NamePattern, name: string): boolean =>
  pattern.exact ? pattern.text === name : fits(pattern.folded, name.toLowerCase());

/** As written, or folded as the server folds what is not quoted. */
const fitsStrictly = (pattern: NamePattern, name: string): boolean =>
  pattern.exact ? pattern.text === name : fits(pattern.parts, name) || fits(pattern.folded, name);
