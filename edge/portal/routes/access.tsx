// Overview, asking for access, grants.

import { type Context, Hono } from 'hono';
import { AccessRequest, type ListedGrant, type ListedResource } from '../../../core/api.ts';
import { GrantId } from '../../../core/ids.ts';
import { lackingIn, signInFactsOf } from '../../../core/policy/conditions/sign-in.ts';
import type { UseCaseFault } from '../../gatehouse.ts';
import { SIGN_IN_PATH } from '../../paths.ts';
import { to } from '../components/parts.tsx';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, showFault, signedIn, type Visit } from '../page.tsx';
import { LiveGrantPage } from '../pages/approvals.tsx';
import { GrantsPage, RevokePage } from '../pages/grants.tsx';
import { OverviewPage } from '../pages/overview.tsx';
import { AlreadyIssuedPage, IssuedPage, type RequestForm, RequestPage } from '../pages/request.tsx';

const LAST_SESSIONS = 5;

export function accessPages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  app.get(
    '/',
    signedIn(deps, async (visit) => {
      const { identity, administrator, auditor } = visit.me;
      const [resources, grants, sessions, standing, holds, waiting] = await Promise.all([
        gatehouse.resources(identity),
        gatehouse.grants(identity),
        gatehouse.sessions(identity, { ...(auditor ? {} : { email: identity.email }), limit: LAST_SESSIONS }),
        administrator || auditor ? gatehouse.auditExport(identity) : undefined,
        auditor ? gatehouse.holds(identity) : undefined,
        auditor ? gatehouse.approvals(identity, 'open') : undefined,
      ]);
      if (!resources.ok) return showFault(visit, resources.error);
      if (!grants.ok) return showFault(visit, grants.error);
      return show(
        visit,
        'Overview',
        <OverviewPage
          name={identity.name}
          resources={resources.value}
          grants={grants.value.filter((grant) => grant.email === identity.email && grant.state === 'active')}
          sessions={sessions.ok ? sessions.value.sessions : undefined}
          auditExport={standing?.ok ? standing.value : undefined}
          audits={
            auditor
              ? {
                  holds: holds?.ok ? holds.value.holds.filter(({ lifted }) => !lifted).length : undefined,
                  waiting: waiting?.ok ? waiting.value.length : undefined,
                }
              : undefined
          }
          now={deps.now()}
        />,
      );
    }),
  );

  app.get(
    '/request/:resource',
    signedIn(deps, async (visit) => {
      const resource = await findResource(visit);
      if (!resource) return showFault(visit, UNKNOWN_RESOURCE);
      if (!resource.mayAsk) return showFault(visit, noRuleFor(resource));
      const again = stepUpFor(visit, resource);
      if (again) return showFault(visit, again);
      const form = {
        reason: '',
        seconds: '',
        task: visit.c.req.query('task') ?? '',
        trace: visit.c.req.query('trace') ?? '',
        breakGlass: false,
      };
      return show(
        visit,
        `Access to ${resource.name}`,
        <RequestPage resource={resource} form={form} now={deps.now()} />,
      );
    }),
  );

  // The answer holds the secret, so it is this response and no other: never an address, never
  // cached. Sending the same form again (reload, back) must not issue a second grant. The form
  // carries the time it was made; a grant of this person for the same resource and reason that is
  // younger than the form is the form's own answer.
  app.post(
    '/request/:resource',
    signedIn(deps, async (visit) => {
      const { identity } = visit.me;
      const resource = await findResource(visit);
      if (!resource) return showFault(visit, UNKNOWN_RESOURCE);
      const body = await visit.c.req.parseBody();
      const form: RequestForm = {
        reason: field(body.reason).trim(),
        seconds: field(body.seconds),
        task: field(body.task).trim(),
        trace: field(body.trace).trim(),
        breakGlass: field(body.breakGlass) === 'yes',
      };
      const formAgain = (problem: string, status: 400 | 403 | 409 | 503) =>
        show(
          visit,
          `Access to ${resource.name}`,
          <RequestPage resource={resource} form={form} now={deps.now()} problem={problem} />,
          { status },
        );
      const made = /^\d{1,15}$/.test(field(body.made)) ? Number(body.made) : undefined;
      if (made === undefined) return formAgain('This form was not complete. Please send it again.', 400);
      const request = AccessRequest.safeParse({
        resource: resource.name,
        reason: form.reason,
        ...(form.seconds === '' ? {} : { seconds: Number(form.seconds) }),
        ...(form.task === '' ? {} : { task: form.task }),
        ...(form.trace === '' ? {} : { trace: form.trace }),
        ...(form.breakGlass ? { breakGlass: true } : {}),
      });
      if (!request.success) return formAgain('Something is too long or not a choice. Check the fields below.', 400);

      const grants = await gatehouse.grants(identity);
      if (!grants.ok) return showFault(visit, grants.error);
      const before = grants.value.find(
        (grant) =>
          grant.email === identity.email &&
          grant.resource === resource.name &&
          grant.reason === form.reason &&
          Date.parse(grant.from) >= made,
      );
      if (before) {
        return show(visit, 'Already answered', <AlreadyIssuedPage resource={resource.name} until={before.until} />);
      }
      const answer = await gatehouse.requestAccess(identity, request.data);
      if (!answer.ok) {
        const { reason, message } = answer.error;
        if (reason === 'step_up_needed') return showFault(visit, answer.error);
        return formAgain(message, reason === 'unavailable' ? 503 : reason === 'bad_request' ? 400 : 403);
      }
      if ('grant' in answer.value) {
        return show(
          visit,
          `Access to ${resource.name}`,
          <IssuedPage issued={answer.value} resource={resource} now={deps.now()} />,
        );
      }
      if ('request' in answer.value) return visit.c.redirect(to('requests', answer.value.request.id), 303);
      const { live } = answer.value;
      return show(visit, 'Access', <LiveGrantPage live={live} breaking={form.breakGlass} />);
    }),
  );

  app.get(
    '/grants',
    signedIn(deps, async (visit) => {
      const { me, c } = visit;
      return showAnswer(visit, await gatehouse.grants(me.identity), (grants) =>
        show(
          visit,
          'Grants',
          <GrantsPage
            grants={grants}
            all={me.administrator || me.auditor}
            email={me.identity.email}
            mayRevokeAll={me.administrator}
            revoked={c.req.query('revoked') !== undefined}
            now={deps.now()}
          />,
        ),
      );
    }),
  );

  app.get(
    '/grants/:id/revoke',
    signedIn(deps, async (visit) => {
      const grant = await findGrant(visit);
      if (!grant) return showFault(visit, UNKNOWN_GRANT);
      if (grant.state !== 'active') {
        return showFault(visit, { reason: 'conflict', message: 'This grant has already ended.' });
      }
      return show(visit, 'Revoke', <RevokePage grant={grant} email={visit.me.identity.email} />);
    }),
  );

  app.post(
    '/grants/:id/revoke',
    signedIn(deps, async (visit) => {
      const id = GrantId.safeParse(visit.c.req.param('id'));
      if (!id.success) return showFault(visit, UNKNOWN_GRANT);
      const body = await visit.c.req.parseBody();
      const answer = await gatehouse.revokeGrant(visit.me.identity, id.data, field(body.reason).trim().slice(0, 500));
      return showAnswer(visit, answer, () => visit.c.redirect('/grants?revoked', 303));
    }),
  );

  return app;
}

const UNKNOWN_RESOURCE = { reason: 'not_found', message: 'No connector announces a resource of this name.' } as const;
const UNKNOWN_GRANT = { reason: 'not_found', message: 'There is no such grant among those you may see.' } as const;

const noRuleFor = (resource: ListedResource) =>
  ({
    reason: 'denied',
    message: `No rule gives you access to ${resource.name}. Ask an administrator to add one.`,
  }) as const;

/** What the use case would say once the form was filled in. */
function stepUpFor({ me, deps }: Visit, { terms }: ListedResource): UseCaseFault | undefined {
  if (!terms?.signIn) return undefined;
  const { acr, amr, maxAge, words } = terms.signIn;
  const required = { acr, amr, maxAge: maxAge === undefined ? undefined : maxAge * 1_000 };
  if (lackingIn(required, signInFactsOf(me.identity, deps.now())).length === 0) return undefined;
  const { rule } = terms;
  const message = `Rule ${rule} asks for ${words}. Sign in again that way; you come back here.`;
  return { reason: 'step_up_needed', message, signInAgain: { rule, link: SIGN_IN_PATH } };
}

const field = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Reads both the address's name and what is announced; undefined also when the list does not answer. */
async function findResource({ c, deps, me }: Visit): Promise<ListedResource | undefined> {
  const answer = await deps.gatehouse.resources(me.identity);
  return answer.ok ? answer.value.find((resource) => resource.name === nameOf(c)) : undefined;
}

const nameOf = (c: Context): string => c.req.param('resource') ?? '';

async function findGrant({ c, deps, me }: Visit): Promise<ListedGrant | undefined> {
  const answer = await deps.gatehouse.grants(me.identity);
  return answer.ok ? answer.value.find((grant) => grant.id === c.req.param('id')) : undefined;
}
