// The actions of a session, as a list. A live session's last page refreshes itself and is followed by
// the next one when it is full.

import type { ActionEntry, ActionPage } from '../../../core/catalogue.ts';
import { commandSettings } from '../../../core/replay/command-words.ts';
import { accessWords, partialWords } from '../../../core/replay/file-words.ts';
import { showBytes, took } from '../../../core/text/amounts.ts';
import { answered } from '../format.ts';
import { address } from './parts.tsx';
import { StatementBody, StatementFailure } from './statement-detail.tsx';
import { Offset, Text } from './text.tsx';
import { VerdictBadge } from './verdict.tsx';

interface ActionsProps {
  page: ActionPage;
  /** The session's own path. */
  path: string;
  cursor: string | undefined;
  live: boolean;
}

export const Actions = ({ page, path, cursor, live }: ActionsProps) => {
  const fragment = (from: string | undefined) => address(`${path}/statements`, { cursor: from, fragment: '1' });
  return (
    <div
      class="statements"
      {...(live && page.cursor === undefined ? { 'data-live': fragment(cursor), 'data-live-every': '3000' } : {})}
    >
      {page.actions.some(({ kind, detail }) => kind === 'command' && 'form' in detail && detail.form === 'typed') ? (
        <p class="dim">Lines typed are reconstructed from the terminal: an aid, not evidence.</p>
      ) : null}
      <ol class="statement-list">
        {page.actions.map((action) => (
          <Action action={action} path={path} live={live} />
        ))}
      </ol>
      {live && page.cursor !== undefined ? (
        <div class="statements" data-live={fragment(page.cursor)} data-live-every="1000" />
      ) : null}
    </div>
  );
};

const NOUNS: Readonly<Record<ActionEntry['kind'], string>> = {
  statement: 'Statement',
  command: 'Command',
  exchange: 'Exchange',
  file: 'File',
};

const Action = ({ action, path, live }: { action: ActionEntry; path: string; live: boolean }) => {
  const id = `${action.kind}-${action.action}`;
  // No player has exchanges, and none a place for a file.
  const jump = action.kind === 'statement' || action.kind === 'command' ? { 'data-jump': String(action.action) } : {};
  const size = 'bytes' in action.detail ? action.detail.bytes : undefined;
  return (
    <li id={id} class={hasFailed(action) ? 'statement statement-failed' : 'statement'}>
      <div class="statement-head">
        <a href={`#${id}`} class="statement-number" {...jump}>
          <span class="unseen-label">{NOUNS[action.kind]} </span>
          {action.action}
        </a>
        <Offset us={action.timeUs} />
        <span class="statement-answer">
          {answerOf(action).map((word) => (
            <span>
              <Text value={word} />
            </span>
          ))}
          {size === undefined || size < 65_536 ? null : <span>{showBytes(size)}</span>}
          {action.durationUs === undefined ? null : <span>{took(action.durationUs)}</span>}
          {action.outcome === undefined ? <span class="dim">{stateOf(action, live)}</span> : null}
        </span>
      </div>
      <Body action={action} path={path} />
      {action.verdict ? <VerdictBadge verdict={action.verdict} /> : null}
      {action.kind === 'statement' ? <StatementFailure detail={action.detail} /> : null}
    </li>
  );
};

const Body = ({ action, path }: { action: ActionEntry; path: string }) => {
  switch (action.kind) {
    case 'statement':
      return <StatementBody detail={action.detail} />;
    case 'command':
      return <CommandBody title={action.title} detail={action.detail} />;
    case 'exchange':
      return <Line text={`${action.detail.method} ${action.detail.url}`} />;
    case 'file':
      return <FileBody {...action} path={path} />;
  }
};

const CommandBody = ({ title, detail }: Pick<Extract<ActionEntry, { kind: 'command' }>, 'title' | 'detail'>) => {
  const settings = commandSettings(detail).join(' ');
  return (
    <>
      <Line text={detail.command === '' ? title : detail.command} />
      {settings === '' ? null : (
        <p class="dim">
          With <Text value={settings} />
        </p>
      )}
      {detail.message === undefined ? null : (
        <p class="dim">
          <Text value={detail.message} />
        </p>
      )}
    </>
  );
};

/** Larger ones are for the command line. */
const MAX_DOWNLOAD_BYTES = 100 * 1024 * 1024;

const FileBody = ({ action, lane, detail, path }: Extract<ActionEntry, { kind: 'file' }> & { path: string }) => (
  <>
    <Line text={accessWords(detail)} />
    {(detail.transfers ?? []).map(({ direction, size, sha256, partial }) => (
      <p class="dim">
        {`${direction}ed ${showBytes(size)}${partialWords(partial)}`}
        {sha256 === undefined ? null : (
          <>
            {', SHA-256 '}
            <code class="mono">{sha256}</code>
          </>
        )}
        {/* Of a database, on lane 0, it is in packets of its own. */}
        {sha256 !== undefined && lane > 0 && size <= MAX_DOWNLOAD_BYTES && detail.transfers?.length === 1 ? (
          <>
            {' '}
            <a href={address(`${path}/export`, { format: 'file', file: String(action) })}>Download it</a>
          </>
        ) : null}
      </p>
    ))}
  </>
);

const Line = ({ text }: { text: string }) => (
  <pre class="sql" dir="ltr">
    <code>
      <Text value={text} />
    </code>
  </pre>
);

function answerOf(action: ActionEntry): readonly string[] {
  if (action.kind === 'statement') {
    const { tags = [], rows, suspended } = action.detail;
    return [...answered(tags, rows), ...(suspended ? ['more not fetched'] : [])];
  }
  return action.outcome === undefined ? [] : [action.outcome];
}

function hasFailed(action: ActionEntry): boolean {
  switch (action.kind) {
    case 'statement':
      return action.detail.error !== undefined;
    case 'command':
      return action.detail.signal !== undefined || (action.detail.exit ?? 0) !== 0;
    case 'exchange':
      return action.outcome !== undefined && (action.detail.status ?? 500) >= 500;
    case 'file':
      return action.detail.error !== undefined;
  }
}

const NEVER_SENT: ReadonlySet<string> = new Set(['refused', 'denied', 'expired', 'withdrawn', 'failed']);

function stateOf({ verdict }: ActionEntry, live: boolean): string {
  if (verdict && NEVER_SENT.has(verdict.outcome)) return 'not sent';
  if (verdict?.outcome === 'held') return live ? 'held' : 'held, and never decided';
  return live ? 'running' : 'no answer recorded';
}
