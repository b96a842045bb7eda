// One request, from the asking to its end: its state, its alarm, and the notices about it that are not
// delivered yet. What may happen is core/approval; who may do it is asked of the policy by the caller.
//
// A change is written to the audit log first (law 7), then stored together with its notices. How a
// held statement stands is told to its connector, until that has heard it or is away: it asks again
// when it comes back.

import { DurableObject } from 'cloudflare:workers';
import { Approval as ApprovalDocument, isHeld, isOver } from '../../core/approval/approval.ts';
import { type ApprovalChange, type ApprovalEvent, nextTickMs, transition } from '../../core/approval/transition.ts';
import type { AuditEvent } from '../../core/audit/audit.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Notifier, NoticeKind } from '../approvals/notifier.ts';
import { createNotifiers } from '../approvals/notifiers.ts';
import { NoticeOutbox, OUTBOX_SCHEMA } from '../approvals/outbox.ts';
import type { Env } from '../env.ts';
import type { ActFault, ApprovalPort, ResponsePlace } from '../ports/approval.ts';
import type { Serves } from '../ports/object.ts';
import { parseSettings } from '../settings.ts';
import { auditEventsOf } from '../approvals/audit-events.ts';
import { holdStanding } from '../approvals/hold-standing.ts';
import { REQUEST_KEPT_MS } from '../storage/requests.ts';
import { remote } from './rpc.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS approval (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    document TEXT NOT NULL,
    listed INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS to_tell (only_one INTEGER PRIMARY KEY CHECK (only_one = 1));
`;

/** Claiming is the connector's own act. */
const DECIDED: ReadonlySet<ApprovalDocument['state']> = new Set(['approved', 'denied', 'withdrawn', 'expired']);

/** After a failure of ours: the audit log or the directory did not answer. */
const TRY_AGAIN_MS = 5_000;
/** As long as the directory lists it; then nothing of the object is left. */
const KEPT_MS = REQUEST_KEPT_MS;

export class Approval extends DurableObject<Env> implements Serves<ApprovalPort> {
  readonly #sql: SqlStorage;
  readonly #outbox: NoticeOutbox;
  #notifiers: readonly Notifier[] | undefined;
  /** Writing elsewhere is asynchronous, so acts queue here: each begins from what the last one left. */
  #last: Promise<unknown> = Promise.resolve();
  #delivering = false;
  /** Its tables are no more. */
  #isForgotten = false;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA + OUTBOX_SCHEMA);
    this.#outbox = new NoticeOutbox(this.#sql);
  }

  async open(approval: ApprovalDocument, kind: 'asked' | 'glass_broken'): Promise<void> {
    if (this.#read()) return;
    this.#store(approval, [kind]);
    await this.#schedule();
  }

  read(): ApprovalDocument | undefined {
    const approval = this.#read();
    if (!approval) return undefined;
    const due = transition(approval, { kind: 'tick' }, Date.now());
    return due.ok ? due.value.approval : approval;
  }

  clickedInSlack(place: ResponsePlace): void {
    if (!this.#read()) return;
    const memory = this.#outbox.memory('slack');
    if (memory === undefined || !('ts' in JSON.parse(memory))) this.#outbox.remember('slack', JSON.stringify(place));
  }

  act(event: ApprovalEvent): Promise<Result<ApprovalDocument, ActFault>> {
    return this.#queue(() => this.#act(event));
  }

  override async alarm(): Promise<void> {
    const approval = this.#read();
    if (approval && keptUntilMs(approval) <= Date.now()) {
      this.#isForgotten = true;
      await this.ctx.storage.deleteAll();
      return;
    }
    try {
      await this.act({ kind: 'tick' });
      await this.#queue(() => this.#list());
      await this.#queue(() => this.#tell());
      await this.#deliver();
    } catch (error) {
      console.error(`a request's alarm failed: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    await this.#schedule(Date.now() + 100);
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #act(event: ApprovalEvent): Promise<Result<ApprovalDocument, ActFault>> {
    const before = this.#read();
    if (!before) return err('unknown');
    // What is due comes first and is written for itself.
    if (event.kind !== 'tick') {
      const ticked = await this.#apply(before, { kind: 'tick' });
      if (!ticked.ok) return ticked;
      return this.#apply(ticked.value, event);
    }
    return this.#apply(before, event);
  }

  async #apply(before: ApprovalDocument, event: ApprovalEvent): Promise<Result<ApprovalDocument, ActFault>> {
    const result = transition(before, event, Date.now());
    if (!result.ok) return result;
    const { approval, changes } = result.value;
    if (changes.length === 0) return ok(approval);
    try {
      await this.#audit(auditEventsOf(approval, changes, event));
    } catch {
      await this.ctx.storage.setAlarm(Date.now() + TRY_AGAIN_MS);
      return err('unwritten');
    }
    this.#store(
      approval,
      changes.flatMap((change) => noticeOf(change, changes)),
    );
    await this.#list();
    await this.#tell();
    await this.#schedule();
    return ok(approval);
  }

  #read(): ApprovalDocument | undefined {
    if (this.#isForgotten) return undefined;
    const row = this.#sql.exec('SELECT document FROM approval').toArray()[0];
    return row && ApprovalDocument.parse(JSON.parse(String(row.document)));
  }

  #store(approval: ApprovalDocument, kinds: readonly NoticeKind[]): void {
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(
        'INSERT OR REPLACE INTO approval (only_one, document, listed) VALUES (1, ?, 0)',
        JSON.stringify(approval),
      );
      for (const kind of kinds) this.#outbox.add(this.#notify(), kind, approval, now);
      if (isHeld(approval.subject) && DECIDED.has(approval.state))
        this.#sql.exec('INSERT OR IGNORE INTO to_tell (only_one) VALUES (1)');
    });
  }

  /** Into the directory's list, from within the queue: a list must not go back. A failure is made good by the alarm. */
  async #list(): Promise<void> {
    const row = this.#sql.exec('SELECT document, listed FROM approval').toArray()[0];
    if (!row || row.listed === 1) return;
    try {
      await remote(this.env.DIRECTORY).listRequest(ApprovalDocument.parse(JSON.parse(String(row.document))));
      this.#sql.exec('UPDATE approval SET listed = 1 WHERE document = ?', row.document ?? null);
    } catch {
      console.error('a request could not be listed; the alarm tries again');
    }
  }

  /** How a held action stands, to its connector. A failure of ours is made good by the alarm. */
  async #tell(): Promise<void> {
    const approval = this.#read();
    if (!approval || !isHeld(approval.subject) || !this.#hasToTell()) return;
    try {
      const connector = await remote(this.env.GRANTS).connectorOf(approval.subject.session);
      if (connector)
        await remote(this.env.CONNECTOR_LINK, connector).push({
          kind: 'hold.decided',
          ...holdStanding(approval),
        });
      this.#sql.exec('DELETE FROM to_tell');
    } catch {
      console.error('a decision could not be pushed to its connector; the alarm tries again');
    }
  }

  #hasToTell(): boolean {
    return this.#sql.exec('SELECT 1 FROM to_tell').toArray().length > 0;
  }

  async #deliver(): Promise<void> {
    const approval = this.#read();
    if (!approval || this.#delivering) return;
    this.#delivering = true;
    try {
      const link = `${parseSettings(this.env).PUBLIC_URL}/requests/${approval.id}`;
      const current = () => this.read() ?? approval;
      const givenUp = await this.#outbox.deliver(this.#notify(), { current, link }, () => Date.now());
      for (const { notifier, kind, reason } of givenUp) {
        await this.#audit([
          {
            kind: 'notice.failed',
            actor: 'gatehouse',
            object: approval.id,
            details: { notifier, notice: kind, reason },
          },
        ]);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #notify(): readonly Notifier[] {
    this.#notifiers ??= createNotifiers(parseSettings(this.env), () => Date.now());
    return this.#notifiers;
  }

  async #audit(events: readonly AuditEvent[]): Promise<void> {
    await remote(this.env.AUDIT_LOG).appendAll([...events]);
  }

  /** The alarm goes to whatever is next, and not before `earliest`. */
  async #schedule(earliest = 0): Promise<void> {
    const approval = this.#read();
    const row = approval && this.#sql.exec('SELECT listed FROM approval').toArray()[0];
    if (!approval || !row) return;
    const kept = keptUntilMs(approval);
    const due = [
      nextTickMs(approval),
      Number.isFinite(kept) ? kept : undefined,
      this.#outbox.nextMs(),
      row.listed === 1 && !this.#hasToTell() ? undefined : Date.now() + TRY_AGAIN_MS,
    ].filter((at) => at !== undefined);
    if (due.length > 0) await this.ctx.storage.setAlarm(Math.max(Math.min(...due), earliest));
  }
}

/** Of one that is over, and of a break-glass once somebody has looked at it. */
function keptUntilMs({ state, breakGlass, workUntil, decideBy }: ApprovalDocument): number {
  const isDone = isOver(state) && (!breakGlass || breakGlass.review !== undefined);
  return isDone ? Date.parse(workUntil ?? decideBy) + KEPT_MS : Number.POSITIVE_INFINITY;
}

function noticeOf(change: ApprovalChange, changes: readonly ApprovalChange[]): NoticeKind[] {
  if (change === 'warned') return ['expiring'];
  // The vote that decides says so itself.
  return change === 'voted' && changes.includes('approved') ? [] : [change];
}
