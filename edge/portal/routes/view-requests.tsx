// Asking to watch a session, and for its originals.

import { Hono } from 'hono';
import { RecordingAsk } from '../../../core/api.ts';
import type { RecordingKind } from '../../../core/approval/approval.ts';
import type { SessionId } from '../../../core/ids.ts';
import { to } from '../components/parts.tsx';
import type { PortalDeps } from '../deps.ts';
import { forSession, show, showFault, type Visit } from '../page.tsx';
import { ViewRequestPage } from '../pages/view-request.tsx';

export function viewRequestPages(deps: PortalDeps): Hono {
  const app = new Hono();
  app.post(
    '/sessions/:id/view',
    forSession(deps, (visit, id) => ask(visit, id, 'view')),
  );
  app.post(
    '/sessions/:id/unlock',
    forSession(deps, (visit, id) => ask(visit, id, 'unlock')),
  );
  app.get(
    '/sessions/:id/unlock',
    forSession(deps, (visit, id) => showViewRequest(visit, id, 'unlock')),
  );
  app.get('/sessions/:id/view', (c) => c.redirect(to('sessions', c.req.param('id')), 303));
  return app;
}

/** In place of a session that one has to ask for. */
export async function showViewRequest(
  visit: Visit,
  id: SessionId,
  kind: RecordingKind,
  again?: { readonly reason: string; readonly problem: string },
): Promise<Response> {
  const terms = await visit.deps.gatehouse.recordingTerms(visit.me.identity, id, kind);
  if (!terms.ok) return showFault(visit, terms.error);
  const { email, resource } = terms.value.session;
  const page = <ViewRequestPage terms={terms.value} kind={kind} now={visit.deps.now()} {...again} />;
  return show(visit, `${email} on ${resource}`, page, again ? { status: 400 } : {});
}

async function ask(visit: Visit, id: SessionId, kind: RecordingKind): Promise<Response> {
  const form = await visit.c.req.parseBody();
  const reason = typeof form.reason === 'string' ? form.reason.trim() : '';
  const minutes = typeof form.minutes === 'string' && form.minutes !== '' ? Number(form.minutes) : undefined;
  const wanted = RecordingAsk.safeParse({ reason, ...(minutes !== undefined && { seconds: minutes * 60 }) });
  if (!wanted.success)
    return showViewRequest(visit, id, kind, { reason, problem: 'Say why, in 1000 characters, and for how long.' });
  const asked = await visit.deps.gatehouse.askForRecording(visit.me.identity, id, kind, wanted.data);
  if (asked.ok) return visit.c.redirect(to('requests', asked.value.request.id), 303);
  if (asked.error.reason !== 'bad_request') return showFault(visit, asked.error);
  return showViewRequest(visit, id, kind, { reason, problem: asked.error.message });
}
