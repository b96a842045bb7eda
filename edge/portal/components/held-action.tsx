// A statement that waits for a decision: what will go on if somebody says yes, and what hangs on it.

import type { ListedApproval } from '../../../core/api.ts';
import { count } from '../format.ts';
import { Chip, Notice, to } from './parts.tsx';
import { Mono, Sql, Text } from './text.tsx';

type Held = NonNullable<ListedApproval['statement']>;

/** What core/approval.ts keeps of a text at most. */
const KEPT_CHARACTERS = 20_000;

export const HeldStatement = ({ statement, waits }: { statement: Held; waits: boolean }) => (
  <section class="held" aria-labelledby="statement">
    <h2 id="statement">Statement</h2>
    {statement.inTransaction && waits ? (
      <Notice kind="warning">
        <strong>It waits inside an open transaction.</strong> What that transaction has locked stays locked until
        somebody decides, and others may wait for it.
      </Notice>
    ) : null}
    <Sql text={statement.text} />
    {statement.text.length >= KEPT_CHARACTERS ? (
      <p class="dim">Cut here: it is longer than what is shown. The digest is over the whole.</p>
    ) : null}
    <Parameters values={statement.parameters} />
    <dl class="facts facts-small">
      <div>
        <dt>Tables</dt>
        <dd>
          {statement.tables.length === 0 ? (
            <span class="dim">none that could be read from it</span>
          ) : (
            statement.tables.map((table) => (
              <code class="table-name">
                <Text value={table} />
              </code>
            ))
          )}
        </dd>
      </div>
      <div>
        <dt>Held because</dt>
        <dd>
          {statement.pattern === undefined ? (
            'it could not be read with certainty'
          ) : (
            <>
              it fits <code>{statement.pattern}</code>
            </>
          )}
        </dd>
      </div>
      {statement.estimate ? (
        <div>
          <dt>Estimate</dt>
          <dd>
            about {count(Math.round(statement.estimate.rows), 'row')}, cost{' '}
            {Math.round(statement.estimate.cost).toLocaleString('en')}
            <span class="dim"> (the target's planner; it was not run)</span>
          </dd>
        </div>
      ) : null}
      <div>
        <dt>Session</dt>
        <dd>
          <a href={to('sessions', statement.session)}>
            <Mono value={statement.session} />
          </a>
          {statement.inTransaction ? ', in a transaction' : ''}
        </dd>
      </div>
      <div>
        <dt>SHA-256 of what will be sent</dt>
        <dd>
          <Mono value={statement.digest} />
        </dd>
      </div>
    </dl>
    <p class="dim">
      Shown as it is recorded: what the rule masks is masked here too. What goes on is exactly what the digest is over,
      its parameters included.
    </p>
  </section>
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
export const HeldBrief = ({ statement }: { statement: Held }) => (
  <>
    <div class="brief">
      <Sql text={briefOf(statement.text)} />
    </div>
    <div class="chips">
      {statement.tables.slice(0, 4).map((table) => (
        <Chip name="table" value={table} />
      ))}
      {statement.inTransaction ? <span class="badge badge-held">In a transaction</span> : null}
    </div>
  </>
);

const BRIEF_CHARACTERS = 240;

function briefOf(text: string): string {
  const lines = text.split('\n', 5).slice(0, 4).join('\n');
  const cut = lines.length > BRIEF_CHARACTERS ? lines.slice(0, BRIEF_CHARACTERS) : lines;
  return cut.length < text.length ? `${cut.trimEnd()} …` : cut;
}
