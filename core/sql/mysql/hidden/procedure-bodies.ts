// Whether a procedure may show a masked column, by its body: it is clear where nothing in it names one, stands for all
// columns, or is code that is not seen. Whoever calls it gets what it says then as it is.

import { MysqlFault } from '../faults.ts';
import type { MysqlTextSettings } from '../settings.ts';
import { namesEngineSetting } from './engines.ts';
import { type HiddenNames, holdsSamples, mayName, takesAll } from './hidden-names.ts';
import { tokensOf, type Token } from './text-tokens.ts';

/** By these it does what no name in its body tells. */
const UNSEEN: ReadonlySet<string> = new Set([
  ...['prepare', 'execute', 'immediate', 'load', 'alter', 'rename', 'create', 'get', 'show', 'analyse', 'explain'],
  ...['outfile', 'dumpfile'],
]);
/** DECLARE ... HANDLER is none of the statement HANDLER. */
const DECLARES_HANDLER: ReadonlySet<string> = new Set(['continue', 'exit', 'undo']);

interface ReadBody {
  readonly clear: boolean;
  /** Names of procedures that it calls, in lower case. */
  readonly calls: readonly string[];
}

export function readProcedureBody(
  body: string,
  settings: MysqlTextSettings,
  names: Pick<HiddenNames, 'column' | 'code'>,
): ReadBody {
  const unseen: ReadBody = { clear: false, calls: [] };
  if (body === '' || settings.otherGrammar !== false) return unseen;
  try {
    const tokens = tokensOf(body, settings);
    const isUnseen = (token: Token, at: number): boolean =>
      (UNSEEN.has(token.word) && !isTemporary(tokens, at)) ||
      // Tables that are made later would be of that engine.
      namesEngineSetting(body, token) ||
      (token.word === 'handler' && !DECLARES_HANDLER.has(tokens[at - 1]?.word ?? '')) ||
      (token.name !== undefined && (mayName(token.name, names) || names.code(token.name) || holdsSamples(token.name)));
    if (takesAll(withoutDefinitions(tokens)) || tokens.some(isUnseen)) return unseen;
    const calls = tokens.flatMap(({ word }, at) => (word === 'call' ? [nameBehind(tokens, at)] : []));
    return { clear: true, calls };
  } catch (error) {
    if (!(error instanceof MysqlFault)) throw error;
    return unseen;
  }
}

/** CREATE and DROP [TEMPORARY] TABLE; both words are reserved, so that no table has their name. */
const withoutDefinitions = (tokens: readonly Token[]): readonly Token[] =>
  tokens.filter(({ word }, at) => {
    const before = tokens[at - 1]?.word === 'temporary' ? at - 2 : at - 1;
    return word !== 'table' || !['create', 'drop'].includes(tokens[before]?.word ?? '');
  });

/** CREATE TEMPORARY TABLE: what is put in it is named. */
const isTemporary = (tokens: readonly Token[], at: number): boolean =>
  tokens[at]?.word === 'create' && tokens[at + 1]?.word === 'temporary';

/** CALL p, CALL s.p: the last of it. */
function nameBehind(tokens: readonly Token[], at: number): string {
  let last = at + 1;
  while (tokens[last + 1]?.word === '.') last += 2;
  return tokens[last]?.name?.toLowerCase() ?? '';
}
