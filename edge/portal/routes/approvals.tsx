// The inbox and a request's own page.

import { Hono } from 'hono';
import { ApprovalDecision, type ListedApproval } from '../../../core/api.ts';
import { MAX_COMMENT_CHARACTERS } from '../../../core/approval/approval.ts';
import { RequestId } from '../../../core/ids.ts';
import type { Result } from '../../../core/result.ts';
import type { UseCaseFault } from '../../gatehouse.ts';
import { HeldActionDetail } from '../components/held-action.tsx';
import { to } from '../components/parts.tsx';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, showFault, showFragment, signedIn, type Visit } from '../page.tsx';
import {
  ApprovalActions,
  ApprovalFacts,
  ApprovalPage,
  ApprovalsList,
  ApprovalsPage,
  ApprovalStatus,
} from '../pages/approvals.tsx';
import { IssuedPage } from '../pages/request.tsx';

const PAST_SHOWN = 50;
const UNKNOWN = { reason: 'not_found', message: 'There is no such request among those you may see.' } as const;

export function approvalPages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  app.get(
    '/approvals',
    signedIn(deps, async (visit) => {
      const { identity } = visit.me;
      const isFragment = visit.c.req.query('fragment') === 'list';
      return showAnswer(visit, await gatehouse.inbox(identity, { past: !isFragment }), ({ open, past }) =>
        isFragment
          ? showFragment(visit, <ApprovalsList approvals={open} now={deps.now()} />)
          : show(
              visit,
              'Approvals',
              <ApprovalsPage approvals={open} past={past.slice(0, PAST_SHOWN)} now={deps.now()} />,
            ),
      );
    }),
  );

  app.get(
    '/requests/:id',
    signedIn(deps, async (visit) =>
      showAnswer(visit, await find(visit), (approval) => {
        const { c } = visit;
        if (c.req.query('fragment') !== 'status') return showRequest(visit, approval);
        const status = <ApprovalStatus approval={approval} now={deps.now()} />;
        // What one can do changes with the state; until it does, a comment half typed stays.
        const changed = c.req.query('seen') !== approval.state;
        return showFragment(
          visit,
          changed ? (
            <>
              {status}
              <ApprovalFacts approval={approval} />
              {approval.held ? <HeldActionDetail held={approval.held} waits={approval.state === 'pending'} /> : null}
              <ApprovalActions approval={approval} />
            </>
          ) : (
            status
          ),
        );
      }),
    ),
  );

  app.post(
    '/requests/:id/decision',
    signedIn(deps, async (visit) => {
      const found = await find(visit);
      if (!found.ok) return showFault(visit, found.error);
      const form = await visit.c.req.parseBody();
      const comment = text(form.comment);
      const decision = ApprovalDecision.safeParse({ decision: form.decision, comment });
      if (!decision.success)
        return showRequest(visit, found.value, comment, 'Say approve or deny, in 1000 characters.');
      const { identity } = visit.me;
      const answer = await gatehouse.decideApproval(identity, found.value.id, decision.data, 'portal');
      return after(visit, found.value, answer, comment);
    }),
  );

  app.post(
    '/requests/:id/review',
    signedIn(deps, async (visit) => {
      const found = await find(visit);
      if (!found.ok) return showFault(visit, found.error);
      const comment = text((await visit.c.req.parseBody()).comment);
      const answer = await gatehouse.reviewBreakGlass(visit.me.identity, found.value.id, comment);
      return after(visit, found.value, answer, comment);
    }),
  );

  app.post(
    '/requests/:id/withdraw',
    signedIn(deps, async (visit) => {
      const found = await find(visit);
      if (!found.ok) return showFault(visit, found.error);
      return after(visit, found.value, await gatehouse.withdrawRequest(visit.me.identity, found.value.id));
    }),
  );

  // As with /request/:resource: the secret is in this response and in no other.
  app.post(
    '/requests/:id/claim',
    signedIn(deps, async (visit) => {
      const found = await find(visit);
      if (!found.ok) return showFault(visit, found.error);
      const { identity } = visit.me;
      const resources = await gatehouse.resources(identity);
      const resource = resources.ok && resources.value.find(({ name }) => name === found.value.resource);
      if (!resource) return showFault(visit, { reason: 'not_found', message: 'No connector announces it any more.' });
      const issued = await gatehouse.claimRequest(identity, found.value.id);
      if (!issued.ok) return after(visit, found.value, issued);
      return show(
        visit,
        `Access to ${resource.name}`,
        <IssuedPage issued={issued.value} resource={resource} now={deps.now()} />,
      );
    }),
  );

  // Where signing in again leads back to after a form.
  app.get('/requests/:id/:act', (c) => c.redirect(to('requests', c.req.param('id')), 303));

  return app;
}

async function find({ c, deps, me }: Visit): Promise<Result<ListedApproval, UseCaseFault>> {
  const id = RequestId.safeParse(c.req.param('id'));
  return id.success ? deps.gatehouse.approval(me.identity, id.data) : { ok: false, error: UNKNOWN };
}

function showRequest(visit: Visit, approval: ListedApproval, comment = '', problem?: string) {
  return show(
    visit,
    `Request for ${approval.resource}`,
    <ApprovalPage approval={approval} now={visit.deps.now()} comment={comment} problem={problem} />,
    problem === undefined ? {} : { status: 400 },
  );
}

/** To the request's page, so that a reload sends nothing again; or the form once more with what was wrong. */
async function after(
  visit: Visit,
  approval: ListedApproval,
  answer: Result<unknown, UseCaseFault>,
  comment = '',
): Promise<Response> {
  if (answer.ok) return visit.c.redirect(to('requests', approval.id), 303);
  if (answer.error.reason !== 'bad_request') return showFault(visit, answer.error);
  return showRequest(visit, approval, comment, answer.error.message);
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value.trim().slice(0, MAX_COMMENT_CHARACTERS) : '';
