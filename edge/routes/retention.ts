// /retention, /holds, /purges, /sessions/{session}/retention

import { createRoute, z } from '@hono/zod-openapi';
import { HoldId, HoldSearchId, SessionId } from '../../core/ids.ts';
import { Email } from '../../core/identity.ts';
import { HoldSearch, LegalHold, PlacedHold } from '../../core/retention/hold.ts';
import { RetentionOverview } from '../../core/retention/overview.ts';
import {
  BecauseOf,
  EarlyPurge,
  ErasedPerson,
  ErasePerson,
  HoldList,
  LeftSessions,
  OrderedPurges,
  OrderPurges,
  PlaceHold,
  PurgePage,
  PurgeReport,
  SearchForHold,
  SessionRetention,
} from '../../core/retention/purge.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, jsonBody, whoAsks } from './api.ts';

const OneHold = z.object({ hold: HoldId });
const OneSession = z.object({ session: SessionId });

export function retentionRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/retention',
      summary: 'How long each rule has recordings kept, holds, and what comes up (auditors, administrators)',
      responses: jsonAnswer(RetentionOverview, 'Classes in the order of the policy, days with the oldest first'),
    }),
    async (c) => answer(c, await gatehouse.retentionOverview(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/holds',
      summary: 'Legal holds, with how far the objects of their sessions are held (auditors, administrators)',
      responses: jsonAnswer(HoldList, 'Newest first, lifted ones too'),
    }),
    async (c) => answer(c, await gatehouse.holds(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/holds',
      summary: 'Place a legal hold (auditors, administrators)',
      request: { body: jsonBody(PlaceHold) },
      responses: jsonAnswer(PlacedHold, 'In force: nothing that it covers is purged; `now`: what it holds so far'),
    }),
    async (c) => {
      const { scope, reason } = c.req.valid('json');
      return answer(c, await gatehouse.placeHold(whoAsks(c), scope, reason));
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/holds/{hold}',
      summary: 'A legal hold, with every session that it names (auditors, administrators)',
      request: { params: OneHold },
      responses: jsonAnswer(LegalHold, 'As it was placed'),
    }),
    async (c) => answer(c, await gatehouse.hold(whoAsks(c), c.req.valid('param').hold)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/holds/searches',
      summary: 'Search for sessions to hold; holds nothing yet (auditors)',
      description:
        'Each call reads some pages. Go on with it until it is `done`, look at the count, and place a hold whose scope names the search within a day. The query is in the audit log before it is answered.',
      request: { body: jsonBody(SearchForHold) },
      responses: jsonAnswer(HoldSearch, 'How many sessions it has found so far'),
    }),
    async (c) => answer(c, await gatehouse.searchForHold(whoAsks(c), c.req.valid('json').query)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/holds/searches/{search}',
      summary: 'Go on with a search for sessions to hold (its own auditor)',
      request: { params: z.object({ search: HoldSearchId }) },
      responses: jsonAnswer(HoldSearch, 'How many sessions it has found so far'),
    }),
    async (c) => answer(c, await gatehouse.goOnWithHoldSearch(whoAsks(c), c.req.valid('param').search)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/holds/{hold}/lift',
      summary: 'Lift a legal hold: it takes two people (auditors, administrators)',
      request: { params: OneHold, body: jsonBody(BecauseOf) },
      responses: jsonAnswer(LegalHold, 'With `lifting` it waits for another; with `lifted` it is over'),
    }),
    async (c) => answer(c, await gatehouse.liftHold(whoAsks(c), c.req.valid('param').hold, c.req.valid('json').reason)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{session}/retention',
      summary: 'What keeps a session, and from when on it can be purged (auditors, administrators)',
      request: { params: OneSession },
      responses: jsonAnswer(SessionRetention, 'As its recording and its store say'),
    }),
    async (c) => answer(c, await gatehouse.sessionRetention(whoAsks(c), c.req.valid('param').session)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/sessions/{session}/purge',
      summary: 'Purge a session before its time: it takes two people (auditors, administrators)',
      description: 'Refused with the date when it becomes possible where a lock cannot be passed, and under a hold.',
      request: { params: OneSession, body: jsonBody(BecauseOf) },
      responses: jsonAnswer(EarlyPurge, 'Whether it waits for another person, or is ordered'),
    }),
    async (c) =>
      answer(c, await gatehouse.purgeEarly(whoAsks(c), c.req.valid('param').session, c.req.valid('json').reason)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/erasures',
      summary: 'Erase a person from the audit log: it takes two people (auditors, administrators)',
      description:
        'Entries keep a pseudonym that nobody can resolve any more. Refused under a hold on them, and while recordings of them are stored.',
      request: { body: jsonBody(ErasePerson) },
      responses: jsonAnswer(ErasedPerson, 'Whether it waits for another person, or is done'),
    }),
    async (c) => {
      const { email, reason } = c.req.valid('json');
      return answer(c, await gatehouse.erasePerson(whoAsks(c), email, reason));
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/purges',
      summary: 'Purges under way, what cannot be purged, and the last run (auditors, administrators)',
      request: { query: z.object({ after: SessionId.optional() }) },
      responses: jsonAnswer(PurgePage, 'By session id'),
    }),
    async (c) => answer(c, await gatehouse.purges(whoAsks(c), c.req.valid('query').after)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/purges/report',
      summary: 'What a run of the purge would do now; changes nothing (auditors, administrators)',
      request: { query: z.object({ session: SessionId.optional() }) },
      responses: jsonAnswer(PurgeReport, 'A dry run'),
    }),
    async (c) => answer(c, await gatehouse.purgeReport(whoAsks(c), c.req.valid('query').session)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/purges/left',
      summary: "A person's sessions that are not purged, by the edge's own record (auditors, administrators)",
      request: { query: z.object({ email: Email, after: SessionId.optional() }) },
      responses: jsonAnswer(LeftSessions, 'The oldest first, some thousands at a time'),
    }),
    async (c) => {
      const { email, after } = c.req.valid('query');
      return answer(c, await gatehouse.sessionsLeft(whoAsks(c), email, after));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/purges/order',
      summary: 'Order what is due now, and not with the next look (auditors, administrators)',
      request: { body: jsonBody(OrderPurges) },
      responses: jsonAnswer(OrderedPurges, "What was ordered; the purge's next run deletes it"),
    }),
    async (c) => answer(c, await gatehouse.orderDuePurges(whoAsks(c), c.req.valid('json').session)),
  );
}
