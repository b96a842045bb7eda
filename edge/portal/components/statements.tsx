// The statements of a session, as a list. A live session's last page refreshes itself and is
// followed by the next one when it is full.

import type { ActionEntry, ActionPage } from '../../../core/catalogue.ts';
import { answered, bytes, took } from '../format.ts';
import { address } from './parts.tsx';
import { Offset, Sql, Text } from './text.tsx';
import { Verdict } from './verdict.tsx';

interface StatementsProps {
  page: ActionPage;
  /** The session's own path. */
  path: string;
  cursor: string | undefined;
  live: boolean;
}

export const Statements = ({ page, path, cursor, live }: StatementsProps) => {
  const fragment = (from: string | undefined) => address(`${path}/statements`, { cursor: from, fragment: '1' });
  return (
    <div
      class="statements"
      {...(live && page.cursor === undefined ? { 'data-live': fragment(cursor), 'data-live-every': '3000' } : {})}
    >
      <ol class="statement-list">
        {page.actions.map((action) => (
          <Statement action={action} live={live} />
        ))}
      </ol>
      {live && page.cursor !== undefined ? (
        <div class="statements" data-live={fragment(page.cursor)} data-live-every="1000" />
      ) : null}
    </div>
  );
};

const Statement = ({ action, live }: { action: ActionEntry; live: boolean }) => {
  const done = action.tags !== undefined || action.error !== undefined;
  return (
    <li id={`statement-${action.statement}`} class={action.error ? 'statement statement-failed' : 'statement'}>
      <div class="statement-head">
        <a href={`#statement-${action.statement}`} class="statement-number" data-jump={String(action.statement)}>
          <span class="unseen-label">Statement </span>
          {action.statement}
        </a>
        <Offset us={action.timeUs} />
        <span class="statement-answer">
          {answered(action.tags ?? [], action.rows).map((word) => (
            <span>
              <Text value={word} />
            </span>
          ))}
          {action.bytes === undefined || action.bytes < 65_536 ? null : <span>{bytes(action.bytes)}</span>}
          {action.durationUs === undefined ? null : <span>{took(action.durationUs)}</span>}
          {done ? null : <span class="dim">{stateOf(action, live)}</span>}
        </span>
      </div>
      <Sql text={action.text} />
      {action.textBytes === undefined ? null : (
        <p class="rows-more dim">Cut here; all {bytes(action.textBytes)} are in the recording (NDJSON download).</p>
      )}
      {action.parameters && action.parameters.length > 0 ? (
        <dl class="parameters">
          {action.parameters.map((parameter, index) => (
            <div>
              <dt>${index + 1}</dt>
              <dd>
                {parameter.value === null ? (
                  <span class="null">NULL</span>
                ) : (
                  <code>
                    <Text value={parameter.value} />
                  </code>
                )}
                {parameter.bytes === undefined ? null : <span class="dim"> cut, {bytes(parameter.bytes)} in all</span>}
              </dd>
            </div>
          ))}
        </dl>
      ) : null}
      {action.verdict ? <Verdict verdict={action.verdict} /> : null}
      {action.error ? (
        <p class="statement-error">
          <strong>
            <Text value={action.error.severity} />
          </strong>{' '}
          <code>
            <Text value={action.error.code} />
          </code>{' '}
          <Text value={action.error.message} />
        </p>
      ) : null}
    </li>
  );
};

const NEVER_SENT: ReadonlySet<string> = new Set(['refused', 'denied', 'expired', 'withdrawn', 'failed']);

function stateOf({ verdict }: ActionEntry, live: boolean): string {
  if (verdict && NEVER_SENT.has(verdict.outcome)) return 'not sent';
  if (verdict?.outcome === 'held') return live ? 'held' : 'held, and never decided';
  return live ? 'running' : 'no answer recorded';
}
