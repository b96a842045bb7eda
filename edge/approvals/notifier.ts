// How people hear of a request: Slack, Teams, a webhook, all behind one interface. The outbox
// (outbox.ts) calls them, one notice at a time for each, and keeps a notice until it was delivered.

import type { Approval } from '../../core/approval/approval.ts';
import type { ApprovalChange } from '../../core/approval/transition.ts';

/** What happened. `asked` and `glass_broken` begin a request, the rest are its changes. */
export type NoticeKind = 'asked' | 'glass_broken' | Exclude<ApprovalChange, 'warned'> | 'expiring';

export interface Notice {
  /** Of this notice and of every try to deliver it: `req_...-3`. */
  readonly id: string;
  readonly kind: NoticeKind;
  /** ISO 8601 UTC. */
  readonly at: string;
  /** As it stood then. */
  readonly approval: Approval;
}

export interface NoticeContext {
  /** As it stands now: a message that is shown once and updated should show this. */
  readonly current: Approval;
  /** Of the request in the portal. */
  readonly link: string;
  /** What this notifier asked to keep for this request. */
  readonly memory: string | undefined;
}

export type NoticeDelivery =
  /** Also for a notice that this notifier has no use for. `memory`: kept for the next one. */
  | { readonly kind: 'delivered'; readonly memory?: string }
  /** Worth trying again, not before `afterMs` where the other side said so. `reason`: snake_case, safe to log. */
  | { readonly kind: 'failed'; readonly reason: string; readonly afterMs?: number };

export interface Notifier {
  readonly name: 'slack' | 'teams' | 'webhook';
  /** Never throws for what the other side does. At least once: an answer that was lost makes a second try. */
  deliver(notice: Notice, context: NoticeContext): Promise<NoticeDelivery>;
}
