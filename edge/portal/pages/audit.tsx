import { withNames } from '../../../core/audit/names.ts';
import type { AuditExportStanding, AuditPage } from '../../../core/audit/audit-page.ts';
import { type AuditEntry, AuditKind } from '../../../core/audit/audit.ts';
import { SessionId } from '../../../core/ids.ts';
import { ExportLine, ExportTrouble } from '../components/export-standing.tsx';
import { Cell, Empty, NoticeBox, Pager, Row, Table, to } from '../components/parts.tsx';
import { Mono, Text, Time } from '../components/text.tsx';
import { SINCE } from './sessions.tsx';

interface AuditFilters {
  actor: string;
  kind: string;
  since: string;
}

interface AuditPageProps {
  page: AuditPage;
  filters: AuditFilters;
  cursor: string | undefined;
  /** undefined: it cannot be told just now. */
  standing: AuditExportStanding | undefined;
  /** What checking the chain found, when it was asked for. */
  checked?: { entries: number; whole: boolean; brokenAt?: number } | undefined;
}

export const AuditLogPage = ({ page, filters, cursor, standing, checked }: AuditPageProps) => (
  <>
    <div class="section-head">
      <h1>Audit log</h1>
      <form method="post" action="/audit/check">
        <button type="submit" class="button button-quiet">
          Check the chain
        </button>
      </form>
    </div>
    <p class="lead">
      What was done to Gatehouse and with it. Append-only; each entry carries the hash of the one before.
    </p>
    <ExportTrouble standing={standing} />
    <ExportLine standing={standing} />
    {checked === undefined ? null : checked.whole ? (
      <NoticeBox kind="good">
        The chain holds: {checked.entries.toLocaleString('en')} entries, none changed, taken out or put in between.
      </NoticeBox>
    ) : (
      <NoticeBox kind="error">
        <strong>The chain does not hold</strong> at entry {checked.brokenAt ?? 'unknown'}. The{' '}
        {checked.entries.toLocaleString('en')} entries before it are proven. Tell whoever runs Gatehouse.
      </NoticeBox>
    )}
    <search aria-label="Filter the audit log">
      <form method="get" action="/audit" class="filters">
        <div class="field">
          <label for="actor">Actor</label>
          <input id="actor" name="actor" value={filters.actor} maxlength={254} autocomplete="off" />
        </div>
        <div class="field">
          <label for="kind">What</label>
          <select id="kind" name="kind">
            <option value="">anything</option>
            {AuditKind.options.map((kind) => (
              <option value={kind} {...(filters.kind === kind ? { selected: true } : {})}>
                {kind}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="since">When</label>
          <select id="since" name="since">
            <option value="">any time</option>
            {SINCE.map(({ value, words }) => (
              <option value={value} {...(filters.since === value ? { selected: true } : {})}>
                {words}
              </option>
            ))}
          </select>
        </div>
        <div class="filters-end">
          <button type="submit" class="button">
            Show
          </button>
          {filters.actor || filters.kind || filters.since ? <a href="/audit">Clear</a> : null}
        </div>
      </form>
    </search>
    {page.entries.length === 0 ? (
      <Empty title="No entry matches">
        <p>
          Loosen a filter, or <a href="/audit">show all</a>.
        </p>
      </Empty>
    ) : (
      <Table
        caption="Audit entries, newest first"
        columns={['No.', 'When', 'What', 'Actor', 'Object', 'Details', 'Digest']}
      >
        {page.entries.map((entry) => (
          <Entry entry={withNames(entry, page.names)} />
        ))}
      </Table>
    )}
    <Pager path="/audit" query={{ ...filters }} cursor={cursor} next={page.cursor} />
  </>
);

const Entry = ({ entry }: { entry: AuditEntry }) => (
  <Row>
    <Cell label="No." class="cell-number">
      {entry.sequence}
    </Cell>
    <Cell label="When">
      <Time iso={entry.at} />
    </Cell>
    <Cell label="What" class="cell-kind">
      {entry.kind.split('.').flatMap((word, at) => (at === 0 ? [word] : ['.', <wbr />, word]))}
    </Cell>
    <Cell label="Actor" class="cell-person">
      <Text value={entry.actor} />
    </Cell>
    <Cell label="Object">
      {SessionId.safeParse(entry.object).success ? (
        <a href={to('sessions', entry.object)}>
          <Mono value={entry.object} cut />
        </a>
      ) : (
        <Mono value={entry.object} cut />
      )}
    </Cell>
    <Cell label="Details" class={Object.keys(entry.details).length === 0 ? 'cell-none' : 'cell-details'}>
      {Object.entries(entry.details).map(([name, value]) => (
        <span class="detail">
          <span class="dim">{name}</span> <Text value={String(value)} />
        </span>
      ))}
    </Cell>
    <Cell label="Digest">
      <Mono value={entry.digest.slice(0, 12)} />
    </Cell>
  </Row>
);
