// Searching recordings: which of them this person may see is decided here, first as what the functions may open at all, and then
// of each session that a hit is in, by the edge's own record of it. What was asked is written down before anything is looked at.

import { describeQueryMistake, parseQuery } from '../../core/search/parse.ts';
import type { SearchHit, SearchView } from '../../core/search/page.ts';
import type { Identity } from '../../core/identity.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { bindsAuditors } from '../../core/policy/viewing-terms.ts';
import { ok } from '../../core/result.ts';
import type { Gatehouse } from '../gatehouse.ts';
import type { Admission } from '../ports/witness.ts';
import { fault, noteLook, type UseCaseDeps } from './deps.ts';
import { type Standing, standingOf } from './standing.ts';
import { ownerByRecord, viewRight } from './views/viewing.ts';

export function searchUseCases(deps: UseCaseDeps): Pick<Gatehouse, 'search'> {
  return {
    async search(who, query) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const asked = parseQuery(query.q, deps.clock.now());
      if (!asked.ok) return fault('bad_request', describeQueryMistake(asked.error));
      const event = {
        kind: 'archive.searched' as const,
        actor: who.email,
        object: 'archive',
        details: { query: query.q },
      };
      // Pages of one query are one look.
      await noteLook(deps, event, query.q);
      const page = await deps.archive.search({ ...query, view: viewOf(standing.value, who) });
      if (!page.ok) return searchFault(page.error);
      const { hits, ...rest } = page.value;
      const ids = [...new Set(hits.map(({ session }) => session))];
      const admissions = await deps.witness.admissions(ids);
      const admissionOf = new Map(ids.map((id, index) => [id, admissions[index]]));
      const shown = hits.flatMap((hit): SearchHit[] => {
        const admission = admissionOf.get(hit.session);
        const right = viewRight(standing.value, who, ownerByRecord(admission));
        return right.kind === 'now' ? [asAdmitted(hit, admission)] : [];
      });
      return ok({ ...rest, hits: shown });
    },
  };
}

/**
 * What this person may see of the index. Of rules that are gone their own alone, and then as the edge's record of the session
 * says. Where a look takes an approval nobody searches: one that was given is for one session, and the index is by rule.
 */
export function viewOf({ auditor, policy, boundWhenGone }: Standing, who: Identity): SearchView {
  const named = (test: (rule: (typeof policy.rules)[number]) => boolean) =>
    policy.rules.filter(test).map(({ name }) => name);
  const except = auditor ? [...named(bindsAuditors), ...boundWhenGone] : [];
  const watched = ({ record }: (typeof policy.rules)[number]) =>
    record.viewApproval === undefined && isAmong(policy, record.view, who);
  return {
    rules: auditor ? 'all' : named(watched),
    ...(except.length > 0 && { except }),
    own: { subject: who.subject, forbiddenBy: named((rule) => !rule.record.viewOwn) },
  };
}

/** The index is not believed about whose a session is. */
const asAdmitted = (hit: SearchHit, admission: Admission | undefined): SearchHit => {
  const { admitted } = admission ?? {};
  return admitted ? { ...hit, email: admitted.email, resource: admitted.resource, protocol: admitted.protocol } : hit;
};

export function searchFault(reason: 'not_found' | 'bad_request' | 'unavailable') {
  switch (reason) {
    case 'bad_request':
      return fault('bad_request', 'The cursor does not belong to this query. Begin again without it.');
    case 'not_found':
      return fault(
        'unavailable',
        "The archive's functions have no search index: they are of an earlier release, or on a Node before 24.",
      );
    case 'unavailable':
      return fault(
        'unavailable',
        'The archive does not answer right now, or its index is being mended. Try again in a minute.',
      );
  }
}
