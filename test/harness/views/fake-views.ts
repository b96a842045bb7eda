// The part of the fake Gatehouse that is about watching by an approval: sessions of `needing` take one, and
// whoever has none asks.

import { newId, type IdSource, type SessionId } from '../../../core/ids.ts';
import type { SessionEntry } from '../../../core/catalogue.ts';
import type { Identity } from '../../../core/identity.ts';
import { err, ok } from '../../../core/result.ts';
import { type ListedShare, shareNameOf } from '../../../core/sharing/share.ts';
import type { Gatehouse, UseCaseFault } from '../../../edge/gatehouse.ts';
import type { FakeApprovals } from '../fake-approvals.ts';

type Part = Pick<
  Gatehouse,
  'askForRecording' | 'recordingTerms' | 'originals' | 'makeShare' | 'shares' | 'revokeShare' | 'openShare'
>;

interface FakeViews extends Part {
  /** Sessions whose rule asks for an approval. */
  readonly needing: Set<SessionId>;
  /** Those of links that were opened. */
  readonly tokens: readonly string[];
  /** Why this person may not watch it now. */
  kept(who: Identity, session: SessionEntry): UseCaseFault | undefined;
}

export function fakeViews(
  requests: FakeApprovals,
  ids: IdSource,
  find: (id: SessionId) => SessionEntry | undefined,
): FakeViews {
  const needing = new Set<SessionId>();
  const links: ListedShare[] = [];
  const tokens: string[] = [];
  const of = (who: Identity, id: SessionId, kind: 'view' | 'unlock', state: 'pending' | 'approved') =>
    [...requests.requests.values()].find(
      ({ subject, requester, ...rest }) =>
        rest.state === state &&
        (state === 'pending' || Date.parse(rest.workUntil ?? '') > ids.now()) &&
        requester.email === who.email &&
        subject.kind === kind &&
        subject.session === id,
    );
  const NOT_FOUND = { reason: 'not_found', message: 'There is no such session among those you may see.' } as const;
  return {
    needing,
    tokens,
    kept: (who, { id, email }) =>
      needing.has(id) && email !== who.email && !of(who, id, 'view', 'approved')
        ? { reason: 'approval_needed', message: 'Somebody has to agree before you watch this session.' }
        : undefined,
    async askForRecording(who, id, kind, { reason, seconds = 3600 }) {
      const entry = find(id);
      if (!entry) return err(NOT_FOUND);
      if (reason.trim() === '') return err({ reason: 'bad_request', message: 'Say why: whoever decides reads it.' });
      const before = of(who, id, kind, 'pending') ?? of(who, id, kind, 'approved');
      const subject = { kind, resource: entry.resource, reason, labels: {}, session: id, owner: entry.email };
      const { id: request, state } =
        before ??
        requests.ask(who, entry.resource, reason, {
          ...{ id: newId('req', ids), subject, workMs: seconds * 1000, needed: kind === 'unlock' ? 2 : 1 },
        });
      return ok({ request: { id: request, state, link: `/requests/${request}` } });
    },
    originals: async () => err(NOT_FOUND),
    async makeShare(who, session, { seconds = 7 * 86_400, with: names }) {
      if (!names) return err({ reason: 'denied', message: 'Under rule demo a link is for people who are named.' });
      const madeAt = new Date(ids.now()).toISOString();
      const share: ListedShare = {
        ...{ id: newId('shr', ids), session, by: who.email, with: names.map(shareNameOf), madeAt },
        ...{ until: new Date(ids.now() + seconds * 1000).toISOString(), state: 'open', opened: 0 },
      };
      links.unshift(share);
      return ok({ share, link: `https://gatehouse.example.com/shared#gsl_${'k7'.repeat(26)}` });
    },
    shares: async () => ok({ shares: [...links] }),
    async revokeShare(who, id) {
      const share = links.find((each) => each.id === id);
      if (!share) return err(NOT_FOUND);
      Object.assign(share, { state: 'revoked', revoked: { at: share.madeAt, by: who.email } });
      return ok(share);
    },
    async openShare(_who, token) {
      tokens.push(token.reveal());
      const session = links[0]?.session;
      return session ? ok({ session, moment: 3 }) : err(NOT_FOUND);
    },
    async recordingTerms(who, id, kind) {
      const entry = find(id);
      if (!entry) return err(NOT_FOUND);
      const waiting = of(who, id, kind, 'pending');
      const approved = of(who, id, kind, 'approved');
      return ok({
        session: entry,
        from: ['security', 'user:carol@example.com'],
        count: kind === 'unlock' ? 2 : 1,
        longestSeconds: 3600,
        decideWithinSeconds: 1800,
        ...(waiting && { waiting: { id: waiting.id, link: `/requests/${waiting.id}` } }),
        ...(approved && { approved: { id: approved.id, until: approved.workUntil ?? '' } }),
      });
    },
  };
}
