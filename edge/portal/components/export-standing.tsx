// Whether the audit log gets out of the edge and into the object store.

import type { AuditExportStanding } from '../../../core/audit/audit-page.ts';
import { count } from '../../../core/text/amounts.ts';
import { NoticeBox } from './parts.tsx';
import { Text, Time } from './text.tsx';

const REASONS: Readonly<Record<string, string>> = {
  unavailable: 'the object store, or the functions in front of it, do not answer',
  refused: 'the functions do not understand it; they may be of an older build',
  contradiction: 'something else is stored under its name, and stays',
  log_changed: 'the log is not what it was when it was made ready for export',
};

const NOT_FREED: Readonly<Record<string, string>> = {
  unavailable: 'the object store, or the functions in front of it, do not answer',
  missing: 'a piece is not there any more',
  differs: 'a piece is not what was exported',
  unlocked: 'a piece could be deleted there: it has no lock, or its lock is over',
};

/** Nothing while it works, or while nobody had to be told yet. */
export const ExportTrouble = ({ standing }: { standing: AuditExportStanding | undefined }) =>
  standing?.failing && (standing.failing.tries >= 3 || standing.failing.reason !== 'unavailable') ? (
    <NoticeBox kind="error">
      <strong>The audit log is not exported</strong> since <Time iso={standing.failing.since} />:{' '}
      <Text value={REASONS[standing.failing.reason] ?? standing.failing.reason} />.{' '}
      {count(standing.waiting, 'entry', 'entries')} wait. Nothing is lost, and it is tried again; the runbook says what
      to look at (“Audit export”).
    </NoticeBox>
  ) : standing?.notFreed && (standing.notFreed.tries >= 3 || standing.notFreed.reason !== 'unavailable') ? (
    <NoticeBox kind="error">
      <strong>Exported months of the audit log stay in the edge</strong> since <Time iso={standing.notFreed.since} />:{' '}
      <Text value={NOT_FREED[standing.notFreed.reason] ?? standing.notFreed.reason} />. Nothing is lost, and it is tried
      again; the runbook says what to look at (“Audit export”).
    </NoticeBox>
  ) : null;

export const ExportLine = ({ standing }: { standing: AuditExportStanding | undefined }) =>
  standing === undefined ? null : (
    <p class="dim">
      {standing.exportedThrough === 0
        ? 'Nothing is in the object store yet.'
        : `In the object store: entries 1 to ${standing.exportedThrough.toLocaleString('en')}.`}{' '}
      {standing.waiting === 0 || standing.failing
        ? ''
        : `${count(standing.waiting, 'entry waits', 'entries wait')} for the next piece, a minute at most. `}
      {standing.freed === undefined
        ? ''
        : `Entries 1 to ${standing.freed.through.toLocaleString('en')} are read from there. `}
      Prove both with <code>gatehouse audit verify</code>.
    </p>
  );
