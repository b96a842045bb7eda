// What a target says in words (ErrorResponse, NoticeResponse, NotificationResponse, ParameterStatus) may
// quote the data that masks hide: `Key (email)=(a@b.c) already exists`, and `select email::int` would
// read a column one error at a time. With column rules, what is quoted must be known from elsewhere.

import type { Masks } from '../../../../core/masking/masks.ts';
import { HEADER_BYTES } from '../wire/framing.ts';
import { holds, holdsSetting, holdsValue, type Letters } from './client-words.ts';

export interface MessageContext {
  readonly masks: Masks;
  /** Whether the statement may read a table with masked columns. Unknown counts as yes. */
  readonly mayTouch: boolean;
  /** Code of the database's own may be at work that `mayTouch` does not speak of. */
  readonly otherCode: boolean;
  /** A setting may have been given what a rule hides, by this statement or one before it. */
  readonly settingsFilled: boolean;
  /** What the client sent: what it says itself is no secret to it. */
  readonly statement: string;
  /** Of the client's encoding. */
  readonly letters: Letters;
}

const WITHHELD = '[withheld]';
const NOTHING = Buffer.alloc(0);

/** Severity, code, routine and the names of things: never data. */
const PLAIN_FIELDS = 'SVCPpFLR';
const NAME_FIELDS = 'stcdn';

/**
 * Source files that pass on words of a function's author (RAISE, under any code) or of another server: all procedural
 * languages, which begin with `pl`, and not the server's own planner and cache of plans, which do so too.
 */
const WORDED_ELSEWHERE = /^(?:pl(?!an(?:agg|cache|cat|main|ner)\.c$)|dblink|connection\.c|deparse\.c|postgres_fdw|xml)/;

/** Contexts that the server gives where no code of a database's own is at work. Of another language: none. */
const SERVERS_CONTEXT =
  /^(?:(?:(?:COPY |JSON data|unnamed portal|portal |while (?:scanning|vacuuming|cleaning up|truncating) ).*)?(?:\n|$))*$/;

/**
 * Source files of the server whose notices (NOTICE, INFO, WARNING; not the debug levels, which print trees and plans) are
 * made of its own words, names of objects and counts, in all versions from 14 to 18: commands on definitions, dependencies,
 * VACUUM, ANALYZE, REINDEX, CLUSTER. Not here: what quotes rows (copyfrom.c, copyfromparse.c), settings (guc.c) or payloads.
 */
const REPORTING_FILES = new Set([
  ...['aclchk.c', 'dependency.c', 'heap.c', 'index.c', 'namespace.c', 'objectaddress.c', 'pg_shdepend.c', 'storage.c'],
  ...['alter.c', 'amcmds.c', 'collationcmds.c', 'conversioncmds.c', 'createas.c', 'dbcommands.c', 'dropcmds.c'],
  ...['event_trigger.c', 'extension.c', 'foreigncmds.c', 'functioncmds.c', 'indexcmds.c', 'opclasscmds.c'],
  ...['operatorcmds.c', 'policy.c', 'proclang.c', 'publicationcmds.c', 'schemacmds.c', 'statscmds.c', 'tablecmds.c'],
  ...['tablespace.c', 'trigger.c', 'typecmds.c', 'user.c', 'view.c', 'parse_utilcmd.c', 'xact.c'],
  ...['analyze.c', 'cluster.c', 'vacuum.c', 'vacuumlazy.c', 'vacuumparallel.c'],
]);
const REPORTS = new Set(['NOTICE', 'INFO', 'WARNING']);

/**
 * Source files of the server whose errors are about names in the statement's own text (a table or column that is not there,
 * with the one that was meant) or about objects that hang on one that is dropped. Called by nothing that runs.
 */
const NAMING_FILES = new Set(['parse_relation.c', 'dependency.c']);

/** Errors whose message is made of names and words of the server alone, besides what it quotes. */
const SERVER_WORDED = /^(?:0A|08|2[1-9B-F]|2D|3[0-9BDF]|4[0-4]|5[3-8]|F0|HV|XX|01[0-9]0[1-9]|02)/;

/** Fields: byte code, text NUL; then NUL. Undefined: nothing changes. */
export function maskErrorFields(body: Buffer, context: MessageContext): Buffer | undefined {
  const { letters } = context;
  const fields: { code: number; text: Buffer }[] = [];
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const stop = body.indexOf(0, at + 1);
    if (stop < 0) throw new Error('fields are malformed');
    fields.push({ code: body[at] as number, text: body.subarray(at + 1, stop) });
    at = stop + 1;
  }
  const text = (code: string): string | undefined =>
    letters.decode(fields.find((field) => field.code === code.charCodeAt(0))?.text ?? NOTHING) || undefined;
  const serverWorded = SERVER_WORDED.test(text('C') ?? '') && !WORDED_ELSEWHERE.test(text('F') ?? 'pl');
  // Code that no statement names (a domain's check, a trigger's) may have read anything; the context tells of it, or its query.
  const ownCode =
    WORDED_ELSEWHERE.test(text('F') ?? 'pl') || !SERVERS_CONTEXT.test(text('W') ?? '') || text('q') !== undefined;
  const guarded = context.masks.columnRules.length > 0 && (context.mayTouch || (ownCode && context.otherCode));
  const reports = REPORTS.has(text('V') ?? '') && REPORTING_FILES.has(text('F') ?? '');
  const report = !ownCode && (reports || NAMING_FILES.has(text('F') ?? ''));
  const known = serverWorded ? [...NAME_FIELDS].flatMap((code) => text(code) ?? []) : [];
  // With a place in the client's own text it is about what stands there.
  const looksUp = text('P') === undefined;
  let changed = false;
  const masked = fields.map(({ code, text: value }) => {
    const letter = String.fromCharCode(code);
    if (PLAIN_FIELDS.includes(letter) || (serverWorded && NAME_FIELDS.includes(letter))) return { code, text: value };
    const was = letters.decode(value);
    let put = was;
    if (guarded && !report)
      put = serverWorded ? guardServer(letter, was, known, looksUp, context) : guardOther(letter, was, context);
    put = context.masks.maskString(put);
    if (put === was) return { code, text: value };
    changed = true;
    return { code, text: letters.encode(put.replaceAll('\0', '')) };
  });
  if (!changed) return undefined;
  context.masks.report({ kind: 'mask.withheld', reason: 'message_quotes_data' });
  return Buffer.concat([
    ...masked.flatMap(({ code, text: value }) => [Buffer.from([code]), value, Buffer.from([0])]),
    Buffer.from([0]),
  ]);
}

/** A function's author may have put anything anywhere: what the client did not write itself goes. */
function guardOther(letter: string, text: string, { statement }: MessageContext): string {
  if (letter === 'W')
    return text
      .split('\n')
      .map((line) => (/^PL\/pgSQL function [^"]{1,200} line \d+ at [\w ]+$/.test(line) ? line : WITHHELD))
      .join('\n');
  return holds(statement, text) ? text : WITHHELD;
}

/** `Key (a, b)=(1, 2) already exists.` keeps its names, and values that the client wrote. Anything else of a detail that could hold data goes. */
function guardServer(
  letter: string,
  text: string,
  known: readonly string[],
  looksUp: boolean,
  { statement }: MessageContext,
): string {
  if (letter === 'q') return holds(statement, text) ? text : WITHHELD;
  if (letter === 'D') {
    const key =
      /^(Key \([^)]*\)=)\(([\s\S]*)\)( (?:already exists|is not present in table "[^"]*"|is still referenced from table "[^"]*")\.?)/.exec(
        text,
      );
    const shows = (values = '') => values.split(', ').every((value) => holdsValue(statement, value));
    if (key) return shows(key[2]) ? text : `${key[1]}(${WITHHELD})${key[3]}`;
    // What is there already is somebody else's.
    const two = /^(Key (\([^)]*\))=)\(([\s\S]*)\)( conflicts with existing key) \2=\(([\s\S]*)\)\.$/.exec(text);
    if (two) return shows(two[3]) && shows(two[5]) ? text : `${two[1]}(${WITHHELD})${two[4]}`;
    return /^A field with precision \d+, scale \d+ must round to an absolute value less than [\d^]+\.$/.test(text)
      ? text
      : WITHHELD;
  }
  if (letter === 'W')
    return text
      .split('\n')
      .map((line) => withoutQuotes(cutWhere(line), known, statement))
      .join('\n');
  return withoutQuotes(looksUp ? withoutNames(text, statement) : text, known, statement);
}

/** `COPY t, line 1, column c: "value"` and `JSON data, line 1: {...` up to the colon. */
const cutWhere = (line: string): string =>
  /^(?:COPY |JSON data|unnamed portal|portal )/.test(line) ? line.replace(/: [\s\S]*$/, `: ${WITHHELD}`) : line;

const QUOTES = /["'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb`]/;
/** What the server itself writes between two names. Anything else there may be a value with quotes in it. */
const BETWEEN_NAMES =
  /^(?: of relation | of table | on table | on relation | in schema | for relation | of type | for type | and | or | to | with | in | on | for |, |\.| is of type | but expression is of type | violates (?:unique|check|not-null|foreign key|exclusion) constraint | on table \S+ violates foreign key constraint | must appear in the GROUP BY clause or be used in an aggregate function| violates foreign key constraint | but | must be | because other objects depend on it| does not exist in )$/;

/** Quoted text stays where it names what the error is about, or where the client wrote the very same; else all behind the first quote goes. */
function withoutQuotes(text: string, known: readonly string[], statement: string): string {
  const first = text.search(QUOTES);
  if (first < 0) return withoutNumbers(withoutTail(text, statement), statement);
  const pieces = text.slice(first + 1).split(QUOTES);
  const behind = pieces.pop() ?? '';
  const inner = text.slice(first + 1, text.length - behind.length - 1);
  const begin = withoutNumbers(text.slice(0, first), statement);
  // Quotes in what stands behind a colon without them are a part of it.
  const opened = withoutTail(text.slice(0, first).trimEnd(), statement);
  if (opened.endsWith(WITHHELD)) return withoutNumbers(opened, statement);
  const quoted = text.slice(first, text.length - behind.length);
  const rest = withoutNumbers(behind, statement);
  if (pieces.length > 0 && holds(statement, inner)) return `${begin}${quoted}${rest}`;
  const harmless =
    pieces.length % 2 === 1 &&
    pieces.every((piece, index) =>
      index % 2 === 1 ? BETWEEN_NAMES.test(piece) : known.includes(piece) || holds(statement, piece),
    );
  return harmless ? `${begin}${quoted}${rest}` : `${begin}"${WITHHELD}"`;
}

const QUOTED = new RegExp(`${QUOTES.source}[\\s\\S]*?${QUOTES.source}`, 'g');
/** Of a text that is read while a statement runs (a cast to `regprocedure`, `pg_get_object_address`, `to_ascii`), as a name that is not there. */
const NAMELESS =
  /^([\s\S]*?)( (?:does not exist|is not unique|is ambiguous|already exists|is not a valid encoding name|is not an? (?:[a-z-]+ )?(?:aggregate|domain|enum|function|index|member|operator|procedure|sequence|table|type|view))\b)/;

/** `function a@b.c(integer) does not exist`: names without quotes stay where the client wrote them, and types. */
function withoutNames(text: string, statement: string): string {
  const [, about, fault] = NAMELESS.exec(text.replace(QUOTED, (quoted) => '_'.repeat(quoted.length))) ?? [];
  if (about === undefined) return text;
  const names = about.split(/[\s(),]+/).filter((name) => /[^_]/.test(name) && !KIND_OR_TYPE.test(name));
  return names.every((name) => holds(statement, name)) ? text : `${WITHHELD}${fault}`;
}

/** A word of the server's in front of a name, or of a type's name. */
const KIND_OR_TYPE =
  /^(?:access|aggregate|attribute|cast|class|collation|column|configuration|constraint|conversion|cursor|data|database|default|dictionary|domain|encoding|event|extension|family|for|foreign|foreign-data|from|function|in|index|language|large|mapping|materialized|method|named|namespace|object|of|on|operator|option|origin|parameter|parser|policy|portal|prepared|procedure|publication|relation|replication|role|routine|rule|savepoint|schema|search|sequence|server|slot|statement|statistics|subscription|table|tablesample|tablespace|template|text|the|to|transaction|transform|trigger|type|user|view|wrapper|value|with|\*|-|integer|bigint|smallint|numeric|real|double|precision|character|varying|name|unknown|record|boolean|bytea|uuid|jsonb?|xml|oid|inet|date|interval|time|timestamp|without|zone|any\w*)(?:\[\])?$/;

const TYPE =
  '(?:integer|bigint|smallint|numeric|real|double precision|text|character(?: varying)?|name|unknown|record|boolean|bytea|uuid|jsonb?|xml|oid|inet|date|interval|time(?:stamp)?(?: with(?:out)? time zone)?)(?:\\[\\])?';
/** Tails that the server words by itself, and operands by their types. */
const PLAIN_TAIL = new RegExp(
  `^(?:(?:${TYPE} )?[-+*/<>=~!@#%^&|\`?]{1,8} ${TYPE}|(?:parentheses|brackets|braces) \\S{2} not balanced|quantifier operand invalid|invalid (?:escape \\\\ sequence|character range|character class|backreference number|repetition count\\(s\\)|embedded option))$`,
);

/** `setval: value 5000 is out of bounds for sequence "a" (1..100)`: a function's name, and what is behind is the server's. */
const OF_SEQUENCES = /^(?:setval|nextval): (?:value|reached) /;

/** `improper relation name (too many dotted names): a.b.c.d.e`: not everything is in quotes. */
function withoutTail(text: string, statement: string): string {
  if (OF_SEQUENCES.test(text)) return text;
  const at = text.indexOf(': ');
  const tail = at < 0 ? '' : text.slice(at + 2);
  return tail === '' || PLAIN_TAIL.test(tail) || holds(statement, tail) ? text : `${text.slice(0, at)}: ${WITHHELD}`;
}

/** `value 5000 is out of bounds`: a number that the client did not write. `0xf0 0x73` are bytes of a text. */
const withoutNumbers = (text: string, statement: string): string =>
  text.replace(/0x[\da-f]+|\d+/gi, (number) => (!/^0x/i.test(number) && statement.includes(number) ? number : '***'));

/** int32 process id | channel NUL payload NUL. Any session may send anything: with column rules the payload goes. */
export function maskNotification(body: Buffer, { masks, letters }: MessageContext): Buffer | undefined {
  const channelEnd = body.indexOf(0, 4);
  const payloadEnd = channelEnd < 0 ? -1 : body.indexOf(0, channelEnd + 1);
  if (payloadEnd < 0) throw new Error('notification is malformed');
  const payload = letters.decode(body.subarray(channelEnd + 1, payloadEnd));
  const put = masks.columnRules.length > 0 && payload !== '' ? WITHHELD : masks.maskString(payload);
  if (put === payload) return undefined;
  if (masks.columnRules.length > 0) masks.report({ kind: 'mask.withheld', reason: 'message_quotes_data' });
  return Buffer.concat([body.subarray(0, channelEnd + 1), letters.encode(put), NUL]);
}

const NUL = Buffer.alloc(1);
/** Settings of free text: a statement can put data there (set_config) and the target reports it. */
const FREE_SETTINGS = new Set(['application_name', 'search_path', 'TimeZone', 'session_authorization']);

/** One that is known, or a distance such as `<+03>-03`. Any text can be a zone's name: `<text>0`. */
function isZone(value: string): boolean {
  if (/^(?:<[+-]\d\d(?::?\d\d)?>)?[+-]?\d{1,2}(?::\d\d){0,2}$/.test(value)) return true;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '';
  } catch {
    return value === 'localtime' || value === 'posixrules' || value === 'Factory';
  }
}

/** name NUL value NUL. `withheld`: the setting holds what may not be shown. */
export function maskParameterStatus(
  body: Buffer,
  { masks, mayTouch, settingsFilled, statement, letters }: MessageContext,
): { readonly put: Buffer; readonly withheld: boolean } | undefined {
  const nameEnd = body.indexOf(0);
  const name = body.toString('latin1', 0, Math.max(0, nameEnd));
  if (nameEnd < 0 || !FREE_SETTINGS.has(name)) return undefined;
  const value = letters.decode(body.subarray(nameEnd + 1, body.length - 1));
  // A role's or a database's own setting is reported without a statement, at the login too.
  const odd = name === 'TimeZone' && !isZone(value);
  const guarded = masks.columnRules.length > 0 && (mayTouch || settingsFilled || odd) && value !== '';
  const withheld = guarded && !holdsSetting(statement, name, value);
  const put = withheld ? WITHHELD : masks.maskString(value);
  if (put === value) return undefined;
  if (withheld) masks.report({ kind: 'mask.withheld', reason: 'message_quotes_data' });
  return { put: Buffer.concat([body.subarray(0, nameEnd + 1), letters.encode(put), NUL]), withheld };
}

/** In place of an ErrorResponse or a NoticeResponse. */
export function withheldWords(type: number): Buffer {
  const severity = type === 0x45 ? 'ERROR' : 'NOTICE';
  const body = Buffer.from(`S${severity}\0V${severity}\0C${type === 0x45 ? 'XX000' : '00000'}\0M${WITHHELD}\0\0`);
  const head = Buffer.alloc(HEADER_BYTES);
  head[0] = type;
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
