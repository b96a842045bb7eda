// Plays a session in the terminal, with its real pauses.

import type { Command } from 'commander';
import type { z } from 'zod';
import { ReplayEvent, type SessionEntry } from '../../core/catalogue.ts';
import { SessionId } from '../../core/ids.ts';
import { PROTOCOLS, type ReplayKind } from '../../core/protocols.ts';
import { byStatement } from '../../core/replay/by-statement.ts';
import { IDLE_US } from '../../core/replay/idle.ts';
import { TerminalEvent } from '../../core/replay/terminal.ts';
import { checked, type Cli, wholeNumber } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { fromMoment, runningWords } from '../replay/from-moment.ts';
import { listMarkers } from '../replay/markers.ts';
import { idleWords, type PlayOptions, Pace } from '../replay/pace.ts';
import { renderStatements } from '../replay/statements.ts';
import { ReplayReach } from '../replay/reach.ts';
import { showTerminal } from '../replay/terminal.ts';
import type { Output } from '../output.ts';
import { jsonLine } from '../terminal-text.ts';

/** One event: at most 100 rows. Guards against an answer without a line's end. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

/** Plays what follows `opened`, which it is given too. Stops where the viewer does. `reach`: told how far the recording goes. */
type Player = (
  lines: AsyncGenerator<string>,
  options: PlayOptions,
  output: Output,
  cli: Cli,
  reach: ReplayReach,
) => Promise<void>;

const PLAYERS: Readonly<Record<ReplayKind, Player>> = {
  async statements(lines, options, output, _cli, reach) {
    if (options.lane !== undefined) throw usage('--lane is for sessions of terminals');
    const pace = new Pace(options);
    const { fromUs } = options;
    const received = fromMoment(parsed(lines, ReplayEvent, reach), fromUs);
    // Programs get them in the order of time.
    for await (const event of output.json ? received : byStatement(received)) {
      if (output.json && event.kind === 'opened' && event.timeUs < fromUs) continue;
      const leftOutUs = await pace.until(event.timeUs);
      // One object a line: a stream has no end to indent towards.
      if (output.json) await output.write(`${jsonLine(event)}\n`);
      else
        await output.write(
          `${idleWords(leftOutUs, output)}${began(event, fromUs, output)}${renderStatements(event, output)}\n`,
        );
      refuseDamage(event);
    }
  },
  terminal: (lines, options, output, cli, reach) =>
    showTerminal(parsed(lines, TerminalEvent, reach), options, output, cli.terminal),
};

function began(event: ReplayEvent, fromUs: number, output: Output): string {
  const words = runningWords(event, fromUs);
  return words === '' ? '' : `${output.style('dim', words)}\n`;
}

interface Options {
  readonly speed: string;
  readonly wait: boolean;
  readonly idle: string;
  readonly fullPauses?: boolean;
  readonly at: string;
  readonly markers?: boolean;
  readonly lane?: string;
}

export function addReplay(command: Command, cli: Cli): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .option('--speed <N>', 'times as fast: 0.5, 2, 10', '1')
    .option('--no-wait', 'print it at once')
    .option('--idle <SECONDS>', 'shorten longer silences to this', String(IDLE_US / 1e6))
    .option('--full-pauses', 'keep every silence')
    .option('--at <MOMENT>', 'play from there on, with what ran then: 90 (seconds), 1:30, 2:03:30', '0')
    .option('--markers', 'list what happened and when, and play nothing')
    .option('--lane <N>', 'of several terminals, the one to play (default: the first)')
    .action(async (text: string, options: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const speed = Number(options.speed);
      if (!(speed > 0 && speed <= 1_000))
        throw usage(`--speed ${options.speed}: expected a number above 0, at most 1000`);
      const idleS = Number(options.idle);
      if (!(idleS >= 0)) throw usage(`--idle ${options.idle}: expected a number of seconds`);
      const fromUs = readMoment(options.at);
      if (fromUs === undefined) throw usage(`--at ${options.at}: expected seconds, or a time such as 1:30 or 2:03:30`);
      const play: PlayOptions = {
        speed,
        wait: options.wait,
        idleUs: options.fullPauses ? Number.POSITIVE_INFINITY : idleS * 1e6,
        fromUs,
        lane: options.lane === undefined ? undefined : wholeNumber(options.lane, '--lane', 0, 999_999_999),
      };
      const { client, output } = await cli.open(command);
      if (options.markers) {
        const lines = linesOf(client.stream(`/sessions/${id}/replay?part=outline`));
        const first = await lines.next();
        if (first.done) return;
        const session = sessionOf(first.value);
        const { replay, noun } = PROTOCOLS[session.protocol];
        const reach = new ReplayReach(options.at, fromUs, session);
        const events: AsyncIterable<ReplayEvent | TerminalEvent> =
          replay === 'terminal' ? parsed(lines, TerminalEvent, reach) : parsed(lines, ReplayEvent, reach);
        await listMarkers(events, noun, fromUs, output);
        reach.end();
        return;
      }
      const lines = linesOf(client.stream(`/sessions/${id}/replay`));
      const first = await lines.next();
      if (first.done) return;
      const session = sessionOf(first.value);
      const reach = new ReplayReach(options.at, fromUs, session);
      await PLAYERS[PROTOCOLS[session.protocol].replay](withFirst(first.value, lines), play, output, cli, reach);
      reach.end();
    });
}

/** `90`, `1:30`, `2:03:30.5`, in microseconds. */
function readMoment(text: string): number | undefined {
  if (!/^(?:\d{1,9}|(?:\d{1,6}:)?\d{1,2}:\d{2})(?:\.\d{1,6})?$/.test(text)) return undefined;
  return Math.round(text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1e6);
}

function sessionOf(line: string): SessionEntry {
  const event = parse(line, ReplayEvent);
  if (event.kind !== 'opened') throw unexpected();
  return event.session;
}

async function* withFirst(first: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const whole = rest.split('\n');
    rest = whole.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw unexpected();
    for (const text of whole) if (text !== '') yield text;
  }
  if (rest.trim() !== '') yield rest;
}

async function* parsed<T extends { readonly timeUs: number }>(
  lines: AsyncIterable<string>,
  schema: z.ZodType<T>,
  reach: ReplayReach,
): AsyncGenerator<T> {
  for await (const line of lines) {
    const event = parse(line, schema);
    reach.sees(event.timeUs);
    yield event;
  }
  reach.sawAll = true;
}

function parse<S extends z.ZodType>(text: string, schema: S): z.output<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw unexpected();
  }
}

function refuseDamage(event: { readonly kind: string; readonly message?: string }): void {
  if (event.kind === 'damaged')
    throw new Failure(1, 'recording_damaged', `the recording is damaged: ${event.message ?? ''}`);
}

const unexpected = (): Failure => new Failure(3, 'unexpected_answer', 'the replay has a shape that is not known here');
