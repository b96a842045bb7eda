// Plays a session's conversation in the terminal, with its real pauses.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { ReplayEvent } from '../../core/catalogue.ts';
import { SessionId } from '../../core/ids.ts';
import { PROTOCOLS, type ReplayKind } from '../../core/protocols.ts';
import { byStatement } from '../../core/replay/by-statement.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import type { Output } from '../output.ts';
import { renderStatements } from '../replay/statements.ts';
import { jsonLine } from '../terminal-text.ts';

/** Longer pauses are cut to this, unless --full-pauses: nobody watches a lunch break. */
const LONGEST_PAUSE_MS = 3_000;
/** One event: at most 100 rows. Guards against an answer without a line's end. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

const RENDERERS: Readonly<Record<ReplayKind, (event: ReplayEvent, output: Output) => string>> = {
  statements: renderStatements,
};

interface Options {
  readonly speed: string;
  readonly wait: boolean;
  readonly fullPauses?: boolean;
}

export function addReplay(command: Command, cli: Cli): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .option('--speed <N>', 'times as fast: 0.5, 2, 10', '1')
    .option('--no-wait', 'print it at once')
    .option('--full-pauses', `keep pauses longer than ${LONGEST_PAUSE_MS / 1_000} s`)
    .action(async (text: string, options: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const speed = Number(options.speed);
      if (!(speed > 0 && speed <= 1_000))
        throw usage(`--speed ${options.speed}: expected a number above 0, at most 1000`);
      const { client, output } = await cli.open(command);
      let lastUs = 0;
      let render: (typeof RENDERERS)[ReplayKind] | undefined;
      const received = events(client.stream(`/sessions/${id}/replay`));
      // Programs get them in the order of time.
      for await (const event of output.json ? received : byStatement(received)) {
        if (event.kind === 'opened') render = RENDERERS[PROTOCOLS[event.session.protocol].replay];
        if (!render) throw unexpected();
        const pauseMs = Math.max(0, event.timeUs - lastUs) / 1_000 / speed;
        lastUs = Math.max(lastUs, event.timeUs);
        if (options.wait) await sleep(options.fullPauses ? pauseMs : Math.min(pauseMs, LONGEST_PAUSE_MS));
        // One object a line: a stream has no end to indent towards.
        await output.write(`${output.json ? jsonLine(event) : render(event, output)}\n`);
        if (event.kind === 'damaged')
          throw new Failure(1, 'recording_damaged', `the recording is damaged: ${event.message}`);
      }
    });
}

async function* events(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReplayEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const whole = rest.split('\n');
    rest = whole.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw unexpected();
    for (const text of whole) if (text !== '') yield parse(text);
  }
  if (rest.trim() !== '') yield parse(rest);
}

function parse(text: string): ReplayEvent {
  try {
    return ReplayEvent.parse(JSON.parse(text));
  } catch {
    throw unexpected();
  }
}

const unexpected = (): Failure => new Failure(3, 'unexpected_answer', 'the replay has a shape that is not known here');
