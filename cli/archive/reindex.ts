// `gatehouse reindex`: catalogue and search index, made again from the object store. The functions do it; this waits and tells.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Reindex, ReindexStanding } from '../../core/search/reindex.ts';
import type { Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { time } from '../output.ts';
import { line } from '../terminal-text.ts';

interface Options {
  readonly drop?: boolean;
  readonly status?: boolean;
}

const ASKED_EVERY_MS = 2_000;

export function addReindex(command: Command, cli: Cli): void {
  command
    .option('--drop', 'take away what there is first; until it is done answers lack what is not made yet')
    .option('--status', 'say how far it is, and begin nothing')
    .action(async ({ drop = false, status = false }: Options, command: Command) => {
      if (drop && status) throw usage('--status begins nothing: leave out --drop');
      const { client, output } = await cli.open(command);
      const ask = async () => (await client.get('/reindex', ReindexStanding)).reindex;
      if (status) {
        const last = await ask();
        return output.answer({ ...(last && { reindex: last }) }, () => (last ? words(last) : 'There never was one.'));
      }
      let now = (await client.post('/reindex', { drop }, ReindexStanding)).reindex;
      if (!now) throw new Failure(3, 'unexpected_answer', 'Gatehouse did not say what it began');
      if (now.drop !== drop)
        output.note(`One ${now.drop ? 'with' : 'without'} --drop is under way already, and goes on.`);
      output.note('It goes on by itself: to leave it press Ctrl-C, and come back with gatehouse reindex --status.');
      const { startedAt } = now;
      let told = '';
      while (now.step !== 'done' && now.startedAt === startedAt) {
        if (words(now) !== told) output.note(words(now));
        told = words(now);
        await sleep(ASKED_EVERY_MS);
        now = (await ask()) ?? now;
      }
      const done = now;
      await output.answer({ reindex: done }, () => words(done));
      if (done.failed > 0)
        throw new Failure(
          1,
          'not_whole',
          `${done.failed} objects could not be indexed: gatehouse verify says what is wrong with their sessions`,
        );
    });
}

function words({ step, drop, startedAt, at, dropped, sessions, objects, failed, failures }: Reindex): string {
  const indexed = `${sessions} sessions of ${objects} objects`;
  const missed = failed === 0 ? '' : `; ${failed} objects could not be indexed`;
  switch (step) {
    case 'dropping':
      return `Taking away what there is: ${dropped} rows.`;
    case 'indexing':
      return `Indexing: ${indexed}${missed}.`;
    case 'folding':
      return `Folding into the search index: ${indexed}${missed}.`;
    case 'done':
      return [
        `Made again${drop ? ' from nothing' : ''}, from ${time(startedAt)} to ${time(at)}: ${indexed}${missed}.`,
        ...failures.map((key) => `  ${line(key)}`),
      ].join('\n');
  }
}
