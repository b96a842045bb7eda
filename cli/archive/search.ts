import type { Command } from 'commander';
import { SearchPage, type SearchHit } from '../../core/search/page.ts';
import { queryHint } from '../../core/search/parse.ts';
import { query } from '../api-client.ts';
import { type Cli, wholeNumber } from '../cli.ts';
import { usage } from '../failure.ts';
import { type Output, time } from '../output.ts';
import { line } from '../terminal-text.ts';
import { INCOMPLETE } from './incomplete.ts';

export function addSearch(command: Command, cli: Cli): void {
  command
    // `-word` is a part of the query.
    .allowUnknownOption()
    .argument('<QUERY...>', 'words, "phrases", prefix*, -not, or, and fields such as user:alice rows:>1000 since:2h')
    .option('--cursor <TEXT>', 'go on where the last page ended')
    .option('--limit <N>', 'hits a page, 1 to 100', '20')
    .action(async (words: string[], options: { cursor?: string; limit: string }, command: Command) => {
      const option = words.find((word) => /^--./.test(word));
      if (option !== undefined) throw usage(`unknown option '${option}' (to search for it, write it without dashes)`);
      const search = query({
        q: words.join(' '),
        cursor: options.cursor,
        limit: wholeNumber(options.limit, '--limit', 1, 100),
      });
      const { client, output } = await cli.open(command);
      const page = await client.get(`/search${search}`, SearchPage);
      await output.answer(page, () => {
        const none = page.cursor ? 'None among those that were looked through.' : 'Nothing that you may view.';
        const text = page.hits.length === 0 ? none : page.hits.map((hit) => shown(hit, output)).join('\n\n');
        const hint = options.cursor === undefined ? queryHint(words.join(' '), Date.now()) : undefined;
        return [
          text,
          ...(hint === undefined ? [] : ['', `Hint: ${hint}`]),
          ...(page.incomplete ? ['', INCOMPLETE] : []),
          ...(page.cursor ? ['', `More: --cursor ${page.cursor}`] : []),
        ].join('\n');
      });
    });
}

/** Where, by whom, and what with the words that were asked for set off. */
function shown(hit: SearchHit, output: Output): string {
  const { session, at, moment, email, resource, kind, outcome, verdict, snippet } = hit;
  const head = [time(at), email, resource, kind, verdict ?? '', outcome ?? ''].filter((each) => each !== '').map(line);
  let done = 0;
  let text = '';
  for (const [from, to] of hit.marks) {
    text += line(snippet.slice(done, from)) + output.style('bold', line(snippet.slice(from, to)));
    done = to;
  }
  return `${head.join('  ')}\n  ${text}${line(snippet.slice(done))}\n  ${session} at ${moment.toFixed(3)} s`;
}
