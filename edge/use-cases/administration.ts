// Running Gatehouse: connectors, the policy, the audit log.

import { parseAuditPieceName } from '../../core/audit/audit-archive.ts';
import { ok } from '../../core/result.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { describeMistake, parsePolicy } from '../../core/policy/parse.ts';
import type { Identity } from '../../core/identity.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import { iso } from '../clock.ts';
import { hashToken, newToken } from '../keys.ts';
import type { UnreadAudit } from '../ports/audit.ts';
import { HOLDS_NAME_MS, JOIN_TOKEN_MS } from '../storage/connectors.ts';
import { archiveBound, checkedPolicy, longestRetainMs, surroundingsOf } from './checked-policy.ts';
import { fault, note, noteLook, type UseCaseDeps } from './deps.ts';
import { policyEffects, rulesGone } from './policy-effects.ts';
import { standingsOf } from './fleet/replicas.ts';
import { policyInForce, standingOf } from './standing.ts';

type AdministrationUseCases = Pick<
  Gatehouse,
  | 'connectors'
  | 'createJoinToken'
  | 'joinTokenUse'
  | 'setConnectorSite'
  | 'policy'
  | 'applyPolicy'
  | 'policyEffects'
  | 'audit'
  | 'verifyAudit'
  | 'auditExport'
  | 'auditPieces'
  | 'auditPiece'
>;

export function administrationUseCases(deps: UseCaseDeps): AdministrationUseCases {
  return {
    async connectors(who) {
      const standing = await standingOf(deps, who);
      const all = standing.ok && (standing.value.administrator || standing.value.auditor);
      const stored = await deps.directory.connectors();
      // Whoever is linked was seen within minutes. A fleet leaves many behind that never come back.
      const since = iso(deps.clock.now() - HOLDS_NAME_MS);
      const lately = stored.filter(
        ({ lastSeenAt, revoked }) => !revoked && lastSeenAt !== undefined && lastSeenAt > since,
      );
      const standings = await standingsOf(
        deps,
        lately.map(({ id }) => id),
      );
      return ok(
        stored.map(({ keysTold: _, principal, rotationBy, revoked, ...connector }) => {
          const there = standings.get(connector.id);
          return {
            ...connector,
            online: there !== undefined,
            standing:
              there === undefined ? ('away' as const) : there.draining ? ('draining' as const) : ('linked' as const),
            ...(there && { lastSeenAt: iso(there.heardMs) }),
            ...(there?.status && { status: there.status }),
            ...(revoked && { revoked: all ? revoked : { at: revoked.at } }),
            ...(all && principal !== undefined && { principal }),
            ...(all && rotationBy !== undefined && { rotationBy }),
          };
        }),
      );
    },

    async setConnectorSite(who, id, site) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator) return fault('forbidden', 'Only administrators move connectors to sites.');
      const connector = await deps.directory.connector(id);
      if (!connector) return fault('not_found', 'There is no such connector.');
      await note(deps, {
        kind: 'connector.site_set',
        actor: who.email,
        object: connector.name,
        details: {
          connector: id,
          ...(site !== undefined && { site }),
          ...(connector.site && { before: connector.site }),
        },
      });
      await deps.directory.setSite(id, site);
      // It announces what it has as the site's.
      await deps.links.unlink(id, 'its site was changed');
      return ok({ site: site ?? null });
    },

    async createJoinToken(who, site) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator) return fault('forbidden', 'Only administrators invite connectors.');
      const token = newToken('gjt', deps.clock.random);
      const expires = deps.clock.now() + JOIN_TOKEN_MS;
      await note(deps, {
        kind: 'connector.invited',
        actor: who.email,
        object: 'connector',
        details: { expiresAt: iso(expires), ...(site !== undefined && { site }) },
      });
      const id = await hashToken(token);
      await deps.directory.invite(id, who.email, expires, site);
      return ok({ token: token.reveal(), id, expiresAt: iso(expires), ...(site !== undefined && { site }) });
    },

    async joinTokenUse(who, id) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator) return fault('forbidden', 'Only administrators invite connectors.');
      const use = await deps.directory.joinTokenUse(id);
      return use ? ok(use) : fault('not_found', 'There is no such join token, or it expired unused: make another.');
    },

    async policy(who) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator && !standing.value.auditor) {
        return fault('forbidden', 'Only administrators and auditors read the policy.');
      }
      const policy = await policyInForce(deps);
      if (!policy.ok) return policy;
      return ok(await checkedPolicy(deps, policy.value, await archiveBound(deps)));
    },

    async applyPolicy(who, text, { after, stepDown = false } = {}) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator) return fault('forbidden', 'Only administrators apply policies.');
      const bound = await archiveBound(deps);
      const parsed = parsePolicy(text, surroundingsOf(deps, bound));
      if (!parsed.ok) return fault('bad_request', parsed.error.slice(0, 20).map(describeMistake).join('\n'));
      if (bound === 'unknown' && longestRetainMs(parsed.value) > longestRetainMs(standing.value.policy)) {
        return fault('unavailable', RETAIN_UNKNOWN);
      }
      const { version } = standing.value;
      if (after !== undefined && after !== version) return fault('conflict', APPLIED_MEANWHILE);
      const keeps = await keepsAdministrators(deps, who, parsed.value, stepDown);
      if (!keeps.ok) return keeps;
      const gone = rulesGone(standing.value.policy, parsed.value);
      const effects = await policyEffects(deps, standing.value.policy, parsed.value);
      await note(deps, {
        kind: 'policy.applied',
        actor: who.email,
        object: 'policy',
        details: {
          version: version + 1,
          ...(stepDown && { stepDown }),
          sessionsEnded: effects.flatMap(({ ends }) => ends).length,
          grantsEnded: effects.filter(({ opens }) => !opens).length,
        },
      });
      const applied = await deps.directory.applyPolicy(text, who.email, version);
      if (!applied) return fault('conflict', APPLIED_MEANWHILE);
      const connectors = await deps.directory.connectors();
      // A link that this does not reach notices by itself (objects/connector-link.ts).
      await Promise.allSettled(connectors.map(({ id }) => deps.links.policyApplied(id, applied.version)));
      return ok({ ...(await checkedPolicy(deps, applied, bound)), effects, rulesGone: gone });
    },

    async policyEffects(who, text) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.administrator) return fault('forbidden', 'Only administrators apply policies.');
      const parsed = parsePolicy(text, surroundingsOf(deps, await archiveBound(deps)));
      if (!parsed.ok) return fault('bad_request', parsed.error.slice(0, 20).map(describeMistake).join('\n'));
      const { policy } = standing.value;
      return ok({
        effects: await policyEffects(deps, policy, parsed.value),
        rulesGone: rulesGone(policy, parsed.value),
      });
    },

    async audit(who, query) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor) return fault('forbidden', 'Only auditors read the audit log.');
      const details = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
      // Pages of one reading are one look.
      const { cursor: _cursor, limit: _limit, ...shown } = details;
      await noteLook(
        deps,
        { kind: 'audit.viewed', actor: who.email, object: 'audit', details },
        JSON.stringify(['entries', shown]),
      );
      const { unread, ...page } = await deps.audit.list(query);
      // What was found before is shown; the cursor goes on with what cannot be read.
      return unread !== undefined && page.entries.length === 0 ? fault('unavailable', UNREAD[unread]) : ok(page);
    },

    async verifyAudit(who) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor) return fault('forbidden', 'Only auditors read the audit log.');
      await noteAuditPart(deps, who, 'chain');
      const report = await deps.audit.verify();
      return ok(
        report.whole
          ? { entries: report.entries, whole: true }
          : { entries: report.entries, whole: false, brokenAt: report.brokenAt },
      );
    },

    async auditExport(who) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor && !standing.value.administrator) {
        return fault('forbidden', 'Only auditors and administrators see how the audit log is exported.');
      }
      return ok(await deps.audit.exportStanding());
    },

    async auditPieces(who, after) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor) return fault('forbidden', 'Only auditors read the audit log.');
      await noteAuditPart(deps, who, 'pieces');
      const page = await deps.auditArchive.pieces(after);
      return page.ok ? page : fault(page.error === 'bad_request' ? 'bad_request' : 'unavailable', AWAY);
    },

    async auditPiece(who, name) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor) return fault('forbidden', 'Only auditors read the audit log.');
      if (!parseAuditPieceName(name)) return fault('not_found', 'There is no such piece.');
      await noteAuditPart(deps, who, 'pieces');
      const piece = await deps.auditArchive.piece(name);
      if (piece.ok) return piece;
      return piece.error === 'not_found' ? fault('not_found', 'There is no such piece.') : fault('unavailable', AWAY);
    },
  };
}

/** A proof reads piece by piece: one look. */
const noteAuditPart = (deps: UseCaseDeps, who: Identity, part: 'chain' | 'pieces'): Promise<void> =>
  noteLook(deps, { kind: 'audit.viewed', actor: who.email, object: 'audit', details: { part } }, part);

const UNREAD: Readonly<Record<UnreadAudit, string>> = {
  unavailable: 'These entries are in the object store, which does not answer. Try again.',
  missing:
    'A piece of the audit log is not in the object store any more. Tell whoever runs Gatehouse (runbook, "Audit export").',
  differs:
    'A piece of the audit log in the object store is not what was exported, so it is not shown. Tell whoever runs Gatehouse (runbook, "Audit export").',
};

const AWAY = 'The object store of the audit log does not answer. Try again.';

const RETAIN_UNKNOWN =
  'The archive does not answer, so nobody can tell whether it keeps recordings for as long as a `retain` of this policy asks. Apply it with no longer one than the policy in force has, or try again.';

const APPLIED_MEANWHILE = 'Somebody else applied a policy meanwhile. Read it and try again.';

/** Nobody is locked out by mistake: whoever applies it stays an administrator, or says otherwise and leaves another. */
async function keepsAdministrators(
  deps: UseCaseDeps,
  who: Identity,
  policy: PolicyDocument,
  stepDown: boolean,
): Answer<undefined> {
  if (isAmong(policy, policy.administrators, who)) return ok(undefined);
  if (!stepDown) {
    return fault(
      'denied',
      'Under this policy you would not be an administrator any more. Keep yourself among `administrators`, or say that you step down (`stepDown`).',
    );
  }
  if (await deps.directory.knowsAnyAmong({ groups: policy.groups }, policy.administrators)) return ok(undefined);
  return fault(
    'denied',
    'Nobody who has signed in within 30 days would be an administrator under this policy. Have the next one sign in first.',
  );
}
