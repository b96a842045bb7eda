// Facts as entries of the catalogue: what an action began as, and what came of it. A listed action is
// for reading, not evidence: what is cut here stands in the recording.

import type { ActionEntry, ActionVerdict } from '../../core/catalogue.ts';
import type { StatementFinished, StatementStarted } from '../../core/recording/facts/database.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import type { FileAccessed } from '../../core/recording/facts/file.ts';
import { errorName } from '../../core/replay/error-name.ts';
import { endWords } from '../../core/replay/command-words.ts';
import { accessWords, failureWords } from '../../core/replay/file-words.ts';
import { showBytes } from '../../core/text/amounts.ts';
import { cutText } from '../../core/text/cut-text.ts';
import type { ActionEnd } from './action-ends.ts';
import { verdictOf } from './verdicts.ts';

const MAX_ACTION_BYTES = 64 * 1024;
const FULL = { text: 16 * 1024, parameters: 100, value: 1000 };
/** At most 48 KiB even when JSON writes each character as six. */
const SHORT = { text: 4000, parameters: 20, value: 200 };
const MAX_SETTINGS = 40;
const MAX_TITLE = 120;
const MAX_OUTCOME = 100;
const MAX_TAGS = 50;
const MAX_ERROR_TEXT = 2000;
const MAX_DECIDERS = 20;

/** undefined: no action begins with it. */
export function beginningOf(timeUs: number, lane: number, fact: Fact): ActionEntry | undefined {
  const at = { lane, timeUs };
  switch (fact.kind) {
    case 'statement.started':
      return statementOf(at, fact);
    case 'command.started': {
      const { action, form, command, commandBytes, environment, terminal } = fact;
      const text = cutText(command, SHORT.text);
      const whole = commandBytes ?? (text.length < command.length ? Buffer.byteLength(command) : undefined);
      const detail = {
        ...{ form, command: text, ...(whole !== undefined && { commandBytes: whole }) },
        ...(environment && { environment: environment.slice(0, MAX_SETTINGS).map((one) => cutText(one, SHORT.value)) }),
        ...(terminal && { terminal: { type: cutText(terminal.type, SHORT.value) } }),
      };
      return { action, ...at, kind: 'command', title: titleOf(command || form), detail };
    }
    case 'command.typed': {
      const { action, line } = fact;
      const detail = { form: 'typed' as const, command: cutText(line, SHORT.text) };
      // How long it took nobody knows, and what came of a hold may be told much later.
      return { action, ...at, kind: 'command', title: titleOf(line), outcome: 'typed', detail };
    }
    case 'exchange.started': {
      const { action, method, url, urlBytes } = fact;
      const text = cutText(url, SHORT.text);
      const whole = urlBytes ?? (text.length < url.length ? Buffer.byteLength(url) : undefined);
      const detail = { method: cutText(method, 40), url: text, ...(whole !== undefined && { urlBytes: whole }) };
      return { action, ...at, kind: 'exchange', title: titleOf(`${method} ${url}`), detail };
    }
    case 'file.accessed':
      return accessOf(at, fact);
    default:
      return undefined;
  }
}

/** undefined: it tells of no action what came of it. */
export function endOf(fact: Fact): ActionEnd | undefined {
  switch (fact.kind) {
    case 'statement.finished':
      return endOfStatement(fact);
    case 'command.finished': {
      const { action, exit, signal, coreDumped, message, durationUs } = fact;
      const outcome = endWords({ exit, signal, coreDumped }) ?? 'unknown';
      const detail = {
        ...(exit !== undefined && { exit }),
        ...(signal !== undefined && { signal: cutText(signal, 40) }),
        ...(coreDumped && { coreDumped }),
        ...(message !== undefined && { message: cutText(message, MAX_ERROR_TEXT) }),
      };
      return { action, end: { kind: 'command', durationUs, outcome: cutText(outcome, MAX_OUTCOME), detail } };
    }
    case 'exchange.finished': {
      const { action, status, bytes, durationUs } = fact;
      const outcome = status === undefined ? 'no response' : String(status);
      const detail = { bytes, ...(status !== undefined && { status }) };
      return { action, end: { kind: 'exchange', durationUs, outcome, detail } };
    }
    case 'file.transferred': {
      const { action, direction, size, sha256, partial, durationUs = 0 } = fact;
      const transfer = { direction, size, ...(sha256 !== undefined && { sha256 }), ...(partial && { partial }) };
      const outcome = `${direction} ${showBytes(size)}`;
      return { action, end: { kind: 'file', durationUs, outcome, detail: { transfers: [transfer] } } };
    }
    default: {
      const judged = verdictOf(fact);
      return judged && { action: judged.action, verdict: cutVerdict(judged.verdict) };
    }
  }
}

/** All of it but for what goes over while a file is open. */
function accessOf(at: Place, fact: FileAccessed): ActionEntry {
  const { action, operation, path, to, flags, attributes, error, unanswered, durationUs } = fact;
  const failure = failureWords(fact);
  const detail = {
    operation,
    path: cutText(path, SHORT.text),
    ...(to !== undefined && { to: cutText(to, SHORT.text) }),
    ...(flags && { flags }),
    ...(attributes && { attributes }),
    ...(error && { error }),
    ...(unanswered && { unanswered }),
  };
  const goesOn = operation === 'open' && failure === undefined;
  const ended = goesOn ? {} : { durationUs, outcome: cutText(failure ?? 'done', MAX_OUTCOME) };
  return { action, ...at, kind: 'file', title: titleOf(accessWords(fact)), ...ended, detail };
}

/** One line, and not the whole of a long one. */
export const titleOf = (text: string): string => {
  const line = cutText(text, 4 * MAX_TITLE)
    .trim()
    .replace(/\s+/g, ' ');
  return line.length <= MAX_TITLE ? line : `${cutText(line, MAX_TITLE - 1)}…`;
};

type Place = Pick<ActionEntry, 'lane' | 'timeUs'>;

function statementOf(at: Place, fact: StatementStarted): ActionEntry {
  const full = cutStatement(at, fact, FULL);
  return Buffer.byteLength(JSON.stringify(full)) <= MAX_ACTION_BYTES ? full : cutStatement(at, fact, SHORT);
}

function cutStatement(at: Place, fact: StatementStarted, limit: typeof FULL): ActionEntry {
  const parameters = fact.parameters?.slice(0, limit.parameters).map((parameter) => {
    if (parameter.value === null || parameter.value.length <= limit.value) return parameter;
    const bytes = parameter.bytes ?? Buffer.byteLength(parameter.value);
    return { ...parameter, value: cutText(parameter.value, limit.value), bytes };
  });
  const text = cutText(fact.text, limit.text);
  const textBytes = fact.textBytes ?? (text.length < fact.text.length ? Buffer.byteLength(fact.text) : undefined);
  const detail = { text, ...(textBytes !== undefined && { textBytes }), ...(parameters && { parameters }) };
  return { action: fact.action, ...at, kind: 'statement', title: titleOf(fact.text), detail };
}

function endOfStatement(fact: StatementFinished): ActionEnd {
  const { action, rows, bytes, durationUs, error, suspended } = fact;
  const tags = fact.tags.slice(0, MAX_TAGS).map((tag) => cutText(tag, 100));
  const cut = error && {
    code: cutText(error.code, 20),
    severity: cutText(error.severity, 40),
    message: cutText(error.message, MAX_ERROR_TEXT),
    ...(error.detail !== undefined && { detail: cutText(error.detail, MAX_ERROR_TEXT) }),
    ...(error.hint !== undefined && { hint: cutText(error.hint, MAX_ERROR_TEXT) }),
    ...(error.context !== undefined && { context: cutText(error.context, MAX_ERROR_TEXT) }),
  };
  const outcome = suspended ? SUSPENDED : outcomeOf(tags, cut);
  const detail = { rows, bytes, tags, ...(cut && { error: cut }), ...(suspended && { suspended }) };
  return { action, end: { kind: 'statement', durationUs, outcome, detail } };
}

/** More rows could have been fetched. */
const SUSPENDED = 'rows left';

/** Of a statement: an error's code, else its command tags. */
export const outcomeOf = (
  tags: readonly string[],
  error: { readonly severity: string; readonly code: string } | undefined,
): string => cutText(error ? errorName(error) : tags.join(', '), MAX_OUTCOME);

const cutVerdict = (verdict: ActionVerdict): ActionVerdict => ({
  ...verdict,
  message: cutText(verdict.message, MAX_ERROR_TEXT),
  ...(verdict.by && { by: verdict.by.slice(0, MAX_DECIDERS) }),
});
