// An action that waits for a decision: what will go on if somebody says yes, and what hangs on it.

import type { ListedApproval } from '../../../core/api.ts';
import { HELD, nounOf } from '../../../core/approval/held-action.ts';
import { cutText } from '../../../core/text/cut-text.ts';
import { capital } from '../../../core/text/capital.ts';
import { count } from '../../../core/text/amounts.ts';
import { Chip, NoticeBox, to } from './parts.tsx';
import { Mono, Sql, Text } from './text.tsx';

type Held = NonNullable<ListedApproval['held']>;

export const HeldActionDetail = ({ held, waits }: { held: Held; waits: boolean }) => (
  <section class="held" id="request-held" aria-labelledby="held">
    <h2 id="held">{capital(nounOf(held.kind).one)}</h2>
    {held.title === undefined ? null : (
      <p>
        <Text value={held.title} />
      </p>
    )}
    {held.inTransaction && waits ? (
      <NoticeBox kind="warning">
        <strong>It waits inside an open transaction.</strong> What that transaction has locked stays locked until
        somebody decides, and others may wait for it.
      </NoticeBox>
    ) : null}
    <Written held={held} text={held.text} />
    <Parameters values={held.parameters} />
    <dl class="facts facts-small">
      <div>
        <dt>{capital(HELD[held.kind].touches.many)}</dt>
        <dd>
          {held.touches.length === 0 ? (
            <span class="dim">none that could be read from it</span>
          ) : (
            held.touches.map((name) => (
              <code class="table-name">
                <Text value={name} />
              </code>
            ))
          )}
        </dd>
      </div>
      <div>
        <dt>Held because</dt>
        <dd>
          {held.pattern === undefined ? (
            'it could not be read with certainty'
          ) : (
            <>
              it fits <code>{held.pattern}</code>
            </>
          )}
        </dd>
      </div>
      {held.estimate ? (
        <div>
          <dt>Estimate</dt>
          <dd>
            about {count(Math.round(held.estimate.rows), 'row')}, cost{' '}
            {Math.round(held.estimate.cost).toLocaleString('en')}
            <span class="dim"> (the target's planner; it was not run)</span>
          </dd>
        </div>
      ) : null}
      <div>
        <dt>Session</dt>
        <dd>
          <a href={to('sessions', held.session)}>
            <Mono value={held.session} />
          </a>
          {held.inTransaction ? ', in a transaction' : ''}
        </dd>
      </div>
      <div>
        <dt>SHA-256 of what will be sent</dt>
        <dd>
          <Mono value={held.digest} />
        </dd>
      </div>
    </dl>
    <p class="dim">
      Shown as it is recorded: what the rule masks is masked here too. What goes on is exactly what the digest is over,
      its parameters included.
    </p>
  </section>
);

/** Coloured where it is SQL. */
const Written = ({ held, text }: { held: Held; text: string }) =>
  held.kind === 'statement' ? (
    <Sql text={text} />
  ) : (
    <pre class="sql" dir="ltr">
      <code>
        <Text value={text} />
      </code>
    </pre>
  );

const Parameters = ({ values }: { values: Held['parameters'] }) =>
  values.length === 0 ? null : (
    <dl class="parameters" aria-label="Bind parameters">
      {values.map((value, index) => (
        <div>
          <dt>${index + 1}</dt>
          <dd>
            {value === null ? (
              <span class="null">NULL</span>
            ) : (
              <code>
                <Text value={value} />
              </code>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );

/** In the inbox: enough to know it again. */
export const HeldBrief = ({ held }: { held: Held }) => (
  <>
    <div class="brief">
      <Written held={held} text={briefOf(held.text)} />
    </div>
    <div class="chips">
      {held.touches.slice(0, 4).map((name) => (
        <Chip name={HELD[held.kind].touches.one} value={name} />
      ))}
      {held.inTransaction ? <span class="badge badge-held">In a transaction</span> : null}
    </div>
  </>
);

const BRIEF_CHARACTERS = 240;
const LINE_CHARACTERS = 100;

/** For a row of a table. */
export function lineOf(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length <= LINE_CHARACTERS ? line : `${cutText(line, LINE_CHARACTERS - 1)}…`;
}

function briefOf(text: string): string {
  const lines = text.split('\n', 5).slice(0, 4).join('\n');
  const cut = cutText(lines, BRIEF_CHARACTERS);
  return cut.length < text.length ? `${cut.trimEnd()} …` : cut;
}
