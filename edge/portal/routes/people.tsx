// People, for administrators: the use cases say who that is.

import { Hono } from 'hono';
import { EndPerson } from '../../../core/people/ended-person.ts';
import { ScimTokenId } from '../../../core/ids.ts';
import { MakeScimToken } from '../../../core/people/scim-tokens.ts';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, showFault, signedIn, type Visit } from '../page.tsx';
import { PeoplePage } from '../pages/people/people.tsx';

type Shown = Omit<Parameters<typeof PeoplePage>[0], 'standing'>;

export function peoplePages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  const page = async (visit: Visit, shown: Shown = {}, status: 200 | 400 = 200) =>
    showAnswer(visit, await gatehouse.scimStanding(visit.me.identity), (standing) =>
      show(visit, 'People', <PeoplePage standing={standing} {...shown} />, { status }),
    );

  app.get(
    '/people',
    signedIn(deps, (visit) => page(visit)),
  );

  app.post(
    '/people/end',
    signedIn(deps, async (visit) => {
      const form = await visit.c.req.parseBody();
      const [email, reason] = [form.email, form.reason].map((value) => (typeof value === 'string' ? value : ''));
      const asked = EndPerson.safeParse({ email, reason });
      if (!asked.success)
        return page(
          visit,
          { email, reason, problem: 'Give an address, and say why in one line of at most 500 characters.' },
          400,
        );
      const ended = await gatehouse.endPerson(visit.me.identity, asked.data.email, asked.data.reason);
      if (ended.ok) return page(visit, { ended: ended.value });
      return ended.error.reason === 'not_found'
        ? page(visit, { email, reason, problem: ended.error.message }, 400)
        : showFault(visit, ended.error);
    }),
  );

  // The answer has the token: this page and no other.
  app.post(
    '/people/scim-tokens',
    signedIn(deps, async (visit) => {
      const asked = MakeScimToken.safeParse({ name: (await visit.c.req.parseBody()).name });
      if (!asked.success) return page(visit, { problem: 'A name has lower-case letters, digits and dashes.' }, 400);
      const made = await gatehouse.makeScimToken(visit.me.identity, asked.data.name);
      return made.ok ? page(visit, { made: made.value }) : showFault(visit, made.error);
    }),
  );

  app.post(
    '/people/scim-tokens/:id/revoke',
    signedIn(deps, async (visit) => {
      const id = ScimTokenId.safeParse(visit.c.req.param('id'));
      if (!id.success) return showFault(visit, { reason: 'not_found', message: 'There is no such token.' });
      const revoked = await gatehouse.revokeScimToken(visit.me.identity, id.data);
      return showAnswer(visit, revoked, () => visit.c.redirect('/people', 303));
    }),
  );

  for (const path of ['/people/end', '/people/scim-tokens']) app.get(path, (c) => c.redirect('/people', 303));
  return app;
}
