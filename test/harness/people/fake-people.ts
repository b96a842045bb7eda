// The part of the fake Gatehouse that ends what people have open and lists tokens of directories. In memory; it ends nothing for
// real, which edge/use-cases/people tests do.

import { newId } from '../../../core/ids.ts';
import type { ListedScimToken } from '../../../core/people/scim-tokens.ts';
import { err, ok } from '../../../core/result.ts';
import type { Gatehouse, UseCaseFault } from '../../../edge/gatehouse.ts';

type FakePeople = Pick<Gatehouse, 'endPerson' | 'scimStanding' | 'makeScimToken' | 'revokeScimToken'>;

const ENDPOINT = 'https://gatehouse.example.com/scim/v2';

export function fakePeople(now: () => number, fault: () => UseCaseFault | undefined): FakePeople {
  const tokens: ListedScimToken[] = [];
  const failing = () => {
    const failure = fault();
    return failure && err(failure);
  };
  return {
    endPerson: async (_who, email) =>
      failing() ??
      ok({ email, browsers: 1, tokens: 1, grants: 2, sessions: 1, tunnels: 0, requests: 0, links: 0, notTold: [] }),
    scimStanding: async () => failing() ?? ok({ endpoint: ENDPOINT, tokens, users: 40, inactive: 2, groups: 5 }),
    async makeScimToken(who, name) {
      const made = { id: newId('sct'), name, madeBy: who.email, madeAt: new Date(now()).toISOString() };
      tokens.push(made);
      return failing() ?? ok({ token: `gsc_${'a'.repeat(32)}`, made, endpoint: ENDPOINT });
    },
    async revokeScimToken(_who, id) {
      const at = tokens.findIndex((token) => token.id === id);
      const [gone] = at < 0 ? [] : tokens.splice(at, 1);
      return gone ? ok(gone) : err({ reason: 'not_found', message: 'There is no such token.' });
    },
  };
}
