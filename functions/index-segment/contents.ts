// What the catalogue keeps of one segment, made from its frames alone: the same segment always
// gives the same contents, which is what makes indexing idempotent.

import type { ActionEntry, ActionVerdict } from '../../core/catalogue.ts';
import type { Frame } from '../../core/recording/frame.ts';
import type { StatementFinished, StatementStarted } from '../../core/recording/facts/database.ts';
import { FACT_KINDS, Fact } from '../../core/recording/facts/fact.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { SessionCounts } from '../../core/recording/manifest.ts';
import { framesOf, type Segment } from '../../core/recording/segment.ts';
import { SessionTally } from '../../core/recording/tally.ts';
import { verdictOf } from '../replay/policy-notices.ts';

/** What became of a statement that began in an earlier segment: its verdict, its end, or both. */
export type ActionEnd = Omit<ActionEntry, 'timeUs' | 'text' | 'textBytes' | 'parameters'>;

export interface SegmentContents {
  /** From the session's first frame. A crash can leave a session without it; nothing lists that one but its manifest. */
  readonly opened: SessionOpened | undefined;
  /** Statements that began here, by number; with their end when that is here too. */
  readonly actions: readonly ActionEntry[];
  /** Verdicts on and ends of statements that began in an earlier segment. */
  readonly laterEnds: readonly ActionEnd[];
  readonly counts: SessionCounts;
}

export class ContentsDamage extends Error {}

// A listed action is for reading, not evidence: what is cut here stands in the recording.
const MAX_ACTION_BYTES = 64 * 1024;
const FULL = { text: 16 * 1024, parameters: 100, value: 1000 };
/** At most 48 KiB even when JSON writes each character as six. */
const SHORT = { text: 4000, parameters: 20, value: 200 };
const MAX_TAGS = 50;
const MAX_ERROR_TEXT = 2000;
const MAX_DECIDERS = 20;

/** Throws ContentsDamage or FrameDamage. */
export function readContents(segment: Segment): SegmentContents {
  let opened: SessionOpened | undefined;
  const started = new Map<number, ActionEntry>();
  const laterEnds = new Map<number, ActionEnd>();
  const tally = new SessionTally();
  const learn = (end: ActionEnd): void => {
    const action = started.get(end.statement);
    if (action) started.set(end.statement, withEnd(action, end));
    else laterEnds.set(end.statement, withEnd(laterEnds.get(end.statement) ?? end, end));
  };
  for (const frame of framesOf(segment)) {
    tally.addFrame(frame);
    if (frame.kind === 'bytes') continue;
    const fact = parseFact(frame);
    if (fact?.kind === 'session.opened') {
      if (frame.sequence !== 0) throw new ContentsDamage(`frame ${frame.sequence} opens the session again`);
      opened = fact;
    } else if (fact?.kind === 'statement.started') {
      started.set(fact.action, actionOf(frame.timeUs, fact));
    } else if (fact?.kind === 'statement.finished') {
      learn(endOf(fact));
    } else {
      const judged = fact && verdictOf(fact);
      if (judged) learn({ statement: judged.statement, verdict: cutVerdict(judged.verdict) });
    }
  }
  return {
    opened,
    actions: [...started.values()].sort(byStatement),
    laterEnds: [...laterEnds.values()].sort(byStatement),
    counts: tally.counts(),
  };
}

/** With what was learnt later. Who decided is told once, and stays when the refusal follows. */
export function withEnd<T extends ActionEnd>(action: T, { verdict, ...end }: ActionEnd): T {
  return { ...action, ...end, ...(verdict && { verdict: { ...action.verdict, ...verdict } }) };
}

/** undefined for a kind that this reader does not know: a newer connector's, and its bytes are recorded all the same. */
export function parseFact(frame: Frame): Fact | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame.body));
  } catch {
    throw new ContentsDamage(`frame ${frame.sequence} is not JSON`);
  }
  const parsed = Fact.safeParse(json);
  if (parsed.success) return parsed.data;
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  if (typeof kind === 'string' && !FACT_KINDS.has(kind)) return undefined;
  throw new ContentsDamage(`frame ${frame.sequence} is not a sound fact`);
}

const byStatement = (a: { statement: number }, b: { statement: number }): number => a.statement - b.statement;

function actionOf(timeUs: number, fact: StatementStarted): ActionEntry {
  const full = cutAction(timeUs, fact, FULL);
  return Buffer.byteLength(JSON.stringify(full)) <= MAX_ACTION_BYTES ? full : cutAction(timeUs, fact, SHORT);
}

function cutAction(timeUs: number, fact: StatementStarted, limit: typeof FULL): ActionEntry {
  const parameters = fact.parameters?.slice(0, limit.parameters).map((parameter) => {
    if (parameter.value === null || parameter.value.length <= limit.value) return parameter;
    const bytes = parameter.bytes ?? Buffer.byteLength(parameter.value);
    return { ...parameter, value: cut(parameter.value, limit.value), bytes };
  });
  const text = cut(fact.text, limit.text);
  const textBytes = fact.textBytes ?? (text.length < fact.text.length ? Buffer.byteLength(fact.text) : undefined);
  const entry = { statement: fact.action, timeUs, text, ...(textBytes !== undefined && { textBytes }) };
  return parameters ? { ...entry, parameters } : entry;
}

function endOf(fact: StatementFinished): ActionEnd {
  const { action: statement, rows, bytes, durationUs, error } = fact;
  const end = { statement, rows, bytes, durationUs, tags: fact.tags.slice(0, MAX_TAGS).map((tag) => cut(tag, 100)) };
  if (!error) return end;
  const { code, severity, message } = error;
  return {
    ...end,
    error: { code: cut(code, 20), severity: cut(severity, 40), message: cut(message, MAX_ERROR_TEXT) },
  };
}

const cutVerdict = (verdict: ActionVerdict): ActionVerdict => ({
  ...verdict,
  message: cut(verdict.message, MAX_ERROR_TEXT),
  ...(verdict.by && { by: verdict.by.slice(0, MAX_DECIDERS) }),
});

/** Never ends in half of a surrogate pair. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
