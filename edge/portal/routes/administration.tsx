// Audit log, policy and connectors.

import { Hono } from 'hono';
import { EndingReason } from '../../../core/api.ts';
import { JoinTokenRequest } from '../../../core/fleet/fleet-member.ts';
import { ConnectorId } from '../../../core/ids.ts';
import type { UseCaseFault } from '../../gatehouse.ts';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, showFault, showFragment, signedIn, type Visit } from '../page.tsx';
import { AuditLogPage } from '../pages/audit.tsx';
import { AddConnectorPage, JoiningStatus } from '../pages/connectors/add.tsx';
import { RevokeConnectorPage } from '../pages/connectors/keys.tsx';
import { ConnectorsPage } from '../pages/connectors/list.tsx';
import { PolicyPage } from '../pages/policy.tsx';
import { sinceOf } from './sessions.tsx';

const ENTRIES_A_PAGE = 100;
const NO_CONNECTOR: UseCaseFault = { reason: 'not_found', message: 'There is no such connector.' };

export function administrationPages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  const showAudit = async (visit: Visit, checked?: { entries: number; whole: boolean; brokenAt?: number }) => {
    const read = (name: string) => (visit.c.req.query(name) ?? '').trim().slice(0, 300);
    const filters = { actor: read('actor'), kind: read('kind'), since: read('since') };
    const cursor = visit.c.req.query('cursor') || undefined;
    const since = sinceOf(filters.since, deps.now());
    const answer = await gatehouse.audit(visit.me.identity, {
      ...(filters.actor === '' ? {} : { actor: filters.actor }),
      ...(filters.kind === '' ? {} : { kind: filters.kind }),
      ...(since === undefined ? {} : { since }),
      ...(cursor === undefined ? {} : { cursor }),
      limit: ENTRIES_A_PAGE,
    });
    return showAnswer(visit, answer, (page) =>
      show(
        visit,
        'Audit log',
        <AuditLogPage page={page} filters={filters} cursor={cursor} standing={page.export} checked={checked} />,
      ),
    );
  };

  app.get(
    '/audit',
    signedIn(deps, async (visit) => showAudit(visit)),
  );

  // A POST, since walking the whole log is work that a link or a prefetch should not start.
  app.post(
    '/audit/check',
    signedIn(deps, async (visit) => {
      const answer = await gatehouse.verifyAudit(visit.me.identity);
      return answer.ok ? showAudit(visit, answer.value) : showFault(visit, answer.error);
    }),
  );
  app.get('/audit/check', (c) => c.redirect('/audit', 303));

  app.get(
    '/policy',
    signedIn(deps, async (visit) =>
      showAnswer(visit, await gatehouse.policy(visit.me.identity), (policy) =>
        show(visit, 'Policy', <PolicyPage policy={policy} administrator={visit.me.administrator} />),
      ),
    ),
  );

  app.get(
    '/connectors',
    signedIn(deps, async (visit) => {
      const { identity, administrator } = visit.me;
      const [connectors, resources] = await Promise.all([
        gatehouse.connectors(identity),
        gatehouse.resources(identity),
      ]);
      if (!connectors.ok) return showFault(visit, connectors.error);
      return show(
        visit,
        'Connectors',
        <ConnectorsPage
          connectors={connectors.value}
          resources={resources.ok ? resources.value : []}
          administrator={administrator}
        />,
      );
    }),
  );

  app.post(
    '/connectors/join-token',
    signedIn(deps, async (visit) => {
      const { site } = await visit.c.req.parseBody();
      const wanted = JoinTokenRequest.safeParse({
        site: typeof site === 'string' ? site.trim() || undefined : undefined,
      });
      if (!wanted.success)
        return showFault(visit, {
          reason: 'bad_request',
          message: 'A site is written in lower-case letters, digits and dashes, at most 63.',
        });
      const made = await gatehouse.createJoinToken(visit.me.identity, wanted.data.site);
      return showAnswer(visit, made, (invited) =>
        show(visit, 'Add a connector', <AddConnectorPage {...invited} edge={new URL(visit.c.req.url).origin} />),
      );
    }),
  );

  app.get(
    '/connectors/join-tokens/:id',
    signedIn(deps, async (visit) => {
      const { identity } = visit.me;
      const id = visit.c.req.param('id') ?? '';
      const use = await gatehouse.joinTokenUse(identity, id);
      if (!use.ok && use.error.reason !== 'not_found') return showFault(visit, use.error);
      const [connectors, resources] = await Promise.all([
        gatehouse.connectors(identity),
        gatehouse.resources(identity),
      ]);
      const connector = connectors.ok
        ? connectors.value.find((it) => use.ok && it.id === use.value.connector)
        : undefined;
      const own = resources.ok ? resources.value.filter((it) => it.connector.id === connector?.id) : [];
      return showFragment(
        visit,
        <JoiningStatus id={id} use={use.ok ? use.value : 'expired'} connector={connector} resources={own} />,
      );
    }),
  );

  const askToRevoke = async (visit: Visit, id: string, again?: { reason: string; problem: string }) => {
    const connector = ConnectorId.safeParse(id);
    if (!connector.success) return showFault(visit, NO_CONNECTOR);
    return showAnswer(visit, await gatehouse.connectorToRevoke(visit.me.identity, connector.data), (found) =>
      show(
        visit,
        'Revoke a connector',
        <RevokeConnectorPage {...found} {...again} />,
        again === undefined ? {} : { status: 400 },
      ),
    );
  };

  app.get(
    '/connectors/:id/revoke',
    signedIn(deps, (visit) => askToRevoke(visit, visit.c.req.param('id') ?? '')),
  );

  app.post(
    '/connectors/:id/revoke',
    signedIn(deps, async (visit) => {
      const id = visit.c.req.param('id') ?? '';
      const { reason: text } = await visit.c.req.parseBody();
      const given = typeof text === 'string' ? text : '';
      const reason = EndingReason.safeParse(given);
      if (!reason.success) {
        const problem = 'Say why in one line of at most 500 characters.';
        return askToRevoke(visit, id, { reason: given, problem });
      }
      const connector = ConnectorId.safeParse(id);
      if (!connector.success) return showFault(visit, NO_CONNECTOR);
      const revoked = await gatehouse.revokeConnector(visit.me.identity, connector.data, reason.data);
      return showAnswer(visit, revoked, () => visit.c.redirect('/connectors', 303));
    }),
  );

  // Reloaded: the token is shown once.
  app.get('/connectors/join-token', (c) => c.redirect('/connectors', 303));

  return app;
}
