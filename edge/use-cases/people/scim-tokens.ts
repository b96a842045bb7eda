// The tokens by which directories keep people here: administrators make and revoke them. To change one, make another, give it to
// the directory, and revoke the first.

import type { ScimTokenId } from '../../../core/ids.ts';
import { newId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import type { ListedScimToken, MadeScimToken, ScimStanding } from '../../../core/people/scim-tokens.ts';
import { ok } from '../../../core/result.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import { hashToken, newToken } from '../../keys.ts';
import { SCIM_PATH } from '../../paths.ts';
import { fault, note, noteCounted, type UseCaseDeps } from '../deps.ts';
import { standingOf } from '../standing.ts';

export function scimTokenUseCases(
  deps: UseCaseDeps,
): Pick<Gatehouse, 'scimStanding' | 'makeScimToken' | 'revokeScimToken'> {
  const endpoint = deps.publicUrl + SCIM_PATH;
  const administrators = async (who: Identity, wanted: string): Answer<undefined> => {
    const standing = await standingOf(deps, who);
    if (!standing.ok) return standing;
    if (standing.value.administrator) return ok(undefined);
    const details = { reason: 'not_an_administrator', wanted };
    await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: 'scim', details });
    return fault('forbidden', 'Only administrators see and change how the directory reaches Gatehouse.');
  };
  return {
    async scimStanding(who): Answer<ScimStanding> {
      const may = await administrators(who, 'scim.tokens');
      return may.ok ? ok({ endpoint, ...(await deps.provisioning.standing()) }) : may;
    },

    async makeScimToken(who, name): Answer<MadeScimToken> {
      const may = await administrators(who, 'scim.token_made');
      if (!may.ok) return may;
      const token = newToken('gsc', deps.clock.random);
      const id: ScimTokenId = newId('sct', deps.clock);
      await note(deps, { kind: 'scim.token_made', actor: who.email, object: id, details: { name } });
      const made = await deps.provisioning.addToken({ id, hash: await hashToken(token), name, by: who.email });
      if (!made) return fault('conflict', 'There are as many tokens as there may be. Revoke one that nobody uses.');
      return ok({ token: token.reveal(), made, endpoint });
    },

    async revokeScimToken(who, id): Answer<ListedScimToken> {
      const may = await administrators(who, 'scim.token_revoked');
      if (!may.ok) return may;
      const known = (await deps.provisioning.standing()).tokens.find((token) => token.id === id);
      if (!known) return fault('not_found', 'There is no such token.');
      await note(deps, { kind: 'scim.token_revoked', actor: who.email, object: id, details: { name: known.name } });
      await deps.provisioning.revokeToken(id);
      return ok(known);
    },
  };
}
