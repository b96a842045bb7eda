// One lane of a terminal session as an asciicast: what its person saw, with the real timing, and markers for commands
// and for what the policy did. It is not made harmless: a player shows it on a terminal of its own.

import { z } from 'zod';
import type { CastVersion } from '../../core/replay/exports.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
import { playedSize } from '../../core/replay/emulator.ts';
import { endWords, commandSettings, signalWords } from '../../core/replay/command-words.ts';
import { accessWords, failureWords, partialWords } from '../../core/replay/file-words.ts';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import { CastWriter } from './cast.ts';

const CastLane = z.object({
  number: z.number(),
  label: z.string(),
  /** Undefined: it ran without a terminal. */
  size: z.object({ columns: z.number(), rows: z.number() }).optional(),
  /** `LANG=C`, with TERM. */
  settings: z.array(z.string()),
});
type CastLane = z.infer<typeof CastLane>;

/** An error is why there is none. */
export const FoundCastLane = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: CastLane }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

const KeptSearch = z.object({
  labels: z.array(z.tuple([z.number(), z.string()])),
  shown: z.array(z.number()),
  settings: z.array(z.tuple([z.number(), z.array(z.string())])),
});
const KeptCast = z.object({
  lastUs: z.number(),
  others: z.array(z.number()),
  own: z.number().optional(),
  exit: z.number().optional(),
  timeUs: z.number(),
  sized: z.boolean(),
});

/** Reads as far as it must. An error says what lanes there are. */
export async function findCastLane(
  events: AsyncIterable<TerminalEvent>,
  wanted: number | undefined,
  at: Checkpoints = NO_CHECKPOINTS,
): Promise<Result<CastLane, string>> {
  const saved = at.saved('lanes', KeptSearch);
  const labels = new Map<number, string>(saved?.labels);
  const shown = new Set<number>(saved?.shown);
  const settings = new Map<number, string[]>(saved?.settings);
  const placeOf = (number: number) => ({
    number,
    label: labels.get(number) ?? '',
    settings: settings.get(number) ?? [],
  });
  at.keep('lanes', KeptSearch, () => ({
    ...{ labels: [...labels], shown: [...shown], settings: [...settings] },
  }));
  for await (const event of events) {
    if (event.kind === 'lane') labels.set(event.lane, event.label);
    if (event.kind === 'command' && !settings.has(event.lane)) settings.set(event.lane, [...commandSettings(event)]);
    if (event.kind !== 'output' && event.kind !== 'resize') continue;
    shown.add(event.lane);
    if (wanted !== undefined && event.lane !== wanted) continue;
    const lane = placeOf(event.lane);
    if (event.kind === 'resize') return ok({ ...lane, size: { columns: event.columns, rows: event.rows } });
    if (wanted !== undefined) return ok(lane);
  }
  const [first] = shown;
  if (wanted === undefined && first !== undefined) return ok(placeOf(first));
  if (first === undefined) return err('the session has no terminal and no output of a command; NDJSON has all of it');
  const lanes = [...shown].map((lane) => `${lane} (${labels.get(lane) ?? 'no name'})`);
  return err(`lane ${wanted} has no terminal and no output of a command; these have: ${lanes.join(', ')}`);
}

export async function* exportTerminalCast(
  session: SessionEntry,
  events: AsyncIterable<TerminalEvent>,
  { number, label, size, settings }: CastLane,
  version: CastVersion,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  const saved = at.saved('cast', KeptCast);
  const cast = new CastWriter(version, saved?.lastUs);
  const { columns, rows } = playedSize(size ?? { columns: 0, rows: 0 });
  const title = `${session.email} on ${session.resource}, ${session.id}, lane ${number}${label === '' ? '' : `: ${label}`}`;
  const others = new Set<number>(saved?.others);
  /** The lane's own command is its first. */
  let own = saved?.own;
  let exit = saved?.exit;
  let timeUs = saved?.timeUs ?? 0;
  let sized = saved?.sized ?? false;
  if (!saved) yield cast.header(session, columns, rows, title, settings);
  at.keep('cast', KeptCast, () => ({
    ...{ lastUs: cast.lastUs, others: [...others], timeUs, sized },
    ...(own !== undefined && { own }),
    ...(exit !== undefined && { exit }),
  }));
  for await (const event of events) {
    if (event.kind === 'damaged') {
      yield cast.damage(event.timeUs, event.message);
      return;
    }
    if (!('lane' in event)) continue;
    if (event.kind === 'resize' && event.lane !== number) others.add(event.lane);
    if (event.lane !== number) continue;
    timeUs = event.timeUs;
    if (event.kind === 'resize') {
      const now = playedSize(event);
      if (sized) yield cast.event(timeUs, 'r', `${now.columns}x${now.rows}`);
      sized = true;
    }
    if (event.kind === 'output')
      yield cast.event(timeUs, 'o', size ? event.text : event.text.replace(/\r?\n/g, '\r\n'));
    if (event.kind === 'input') yield cast.event(timeUs, 'i', event.text);
    if (event.kind === 'command') own ??= event.action;
    if (event.kind === 'finished' && event.action === own) exit = event.exit;
    const words = markerOf(event);
    if (words !== undefined) yield cast.marker(timeUs, words);
  }
  if (others.size > 0) yield cast.marker(timeUs, `other terminals of this session: lanes ${[...others].join(', ')}`);
  // Version 3 has no word for a signal; its marker says it.
  if (exit !== undefined) yield cast.event(timeUs, 'x', String(exit));
}

/** Begins with a number or with a word of ours, whatever was recorded. */
function markerOf(event: TerminalEvent): string | undefined {
  switch (event.kind) {
    case 'command':
      return `${event.action}: ${event.command || event.form}`;
    case 'finished':
      return event.signal === undefined ? undefined : `${event.action}: ended by ${endWords(event)}`;
    case 'typed':
      return `${event.action}: typed: ${event.line}`;
    case 'signal':
      return `${event.action}: client sends ${signalWords(event)}`;
    case 'access':
      return `${event.action}: ${[accessWords(event), failureWords(event) ?? []].flat().join(': ')}`;
    case 'file':
      return `${event.action}: ${event.direction} ${event.path}, ${event.size} bytes${partialWords(event.partial)}`;
    case 'notice':
      return `${event.severity}: ${event.message}`;
    default:
      return undefined;
  }
}
