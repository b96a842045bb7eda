// Settings in the start-up packet: `role=postgres`, `options=-c search_path=hr`. They are as good as SET, so
// rules stop them as they stop SET. Nobody can be asked yet, so what would be held is refused.

import { createJudge } from '../../../../core/policy/sections/judge.ts';
import { NOTHING_KNOWN, type StatementRules } from '../../../../core/policy/sections/statements.ts';
import { CONFORMING } from '../../../../core/sql/postgres/postgres.ts';
import { readStatements } from './parser.ts';

/** What drivers send of themselves: about how values are written, and how long things may take. No rule on `set` means these. */
const HARMLESS = new Set([
  ...['application_name', 'fallback_application_name', 'client_encoding', 'datestyle', 'intervalstyle', 'timezone'],
  ...['extra_float_digits', 'bytea_output', 'statement_timeout', 'lock_timeout', 'transaction_timeout', 'geqo'],
  ...['idle_in_transaction_session_timeout', 'idle_session_timeout', 'standard_conforming_strings', 'jit'],
]);
const MAX_JUDGE_BYTES = 64 * 1024;

type StartUpSettings = readonly (readonly [name: string, value: string])[];

/** As the server will take them; undefined: `options` holds a switch that is not known here. */
export function settingsOf(parameters: ReadonlyMap<string, string>): StartUpSettings | undefined {
  const settings: [string, string][] = [];
  for (const [name, value] of parameters) {
    if (name !== 'options') {
      settings.push([name.toLowerCase(), value]);
      continue;
    }
    const words = splitOptions(value);
    for (let at = 0; at < words.length; at++) {
      const word = words[at] ?? '';
      const given = word === '-c' ? words[++at] : /^-(?:c|-)(.+)$/s.exec(word)?.[1];
      const set = /^([^=]+)=(.*)$/s.exec(given ?? '');
      if (!set) return undefined;
      // ParseLongOption takes dashes for underscores.
      settings.push([(set[1] ?? '').replaceAll('-', '_').toLowerCase(), set[2] ?? '']);
    }
  }
  return settings;
}

/** pg_split_opts: words between white space; a backslash takes what follows it as it is. */
const splitOptions = (options: string): string[] =>
  (options.match(/(?:\\[\s\S]|[^\s\\])+/g) ?? []).map((word) => word.replace(/\\([\s\S])/g, '$1'));

/** Why the session cannot begin, as a sentence; undefined: nothing stops it. */
export function refuseSettings(
  parameters: ReadonlyMap<string, string>,
  rules: StatementRules | undefined,
  rule: string,
): string | undefined {
  if (!rules || parameters.size === 0) return undefined;
  const settings = settingsOf(parameters);
  if (!settings) return `Rule ${rule} lets "options" hold settings alone: options='-c name=value'.`;
  const judge = createJudge({ summarize: readStatements, usual: CONFORMING, maxBytes: MAX_JUDGE_BYTES }).under(rules);
  for (const [name, value] of settings) {
    if (HARMLESS.has(name)) continue;
    const text = `set "${name.replaceAll('"', '""')}" to '${value.replaceAll("'", "''")}'`;
    const { decision } = judge.decide(text, { ...NOTHING_KNOWN, settings: CONFORMING });
    if (decision.verdict === 'block' || decision.verdict === 'hold')
      return `Rule ${rule} stops a setting of the start-up packet: ${decision.why}. Connect without it.`;
  }
  return undefined;
}
