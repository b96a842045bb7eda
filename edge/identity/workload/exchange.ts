// A program shows a token of its own provider and gets a grant for it: no secret is stored anywhere. It is not signed in by
// that: it has no API token, so it approves nothing, watches nothing and administers nothing.

import type { IssuedGrant, WorkloadExchange } from '../../../core/api.ts';
import { namesWorkload } from '../../../core/policy/workload-names.ts';
import { ok } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import type { Answer, UseCaseFault } from '../../gatehouse.ts';
import { requestAccess } from '../../use-cases/access.ts';
import { fault, noteCounted, type UseCaseDeps } from '../../use-cases/deps.ts';
import { policyInForce } from '../../use-cases/standing.ts';
import { tunnelToken } from './tunnel-token.ts';
import type { RefusedToken, VerifiedWorkload, WorkloadFault, WorkloadVerifier } from './verifier.ts';

/** `address`: the client's. */
export async function exchangeWorkload(
  deps: UseCaseDeps,
  verifier: WorkloadVerifier,
  asked: WorkloadExchange,
  address: string,
): Answer<IssuedGrant> {
  if (!(await deps.directory.allow('exchange', address)))
    return fault('rate_limited', 'Too many tokens came from this address. Wait a minute.');
  const { subject_token: token, subject_token_type: _, ...request } = asked;
  const verified = await verifier.verify(secret(token), deps.clock.now());
  if (!verified.ok) {
    const { reason, provider } = verified.error;
    await refused(deps, verified.error, address);
    return fault(FAULTS[reason] ?? 'forbidden', WORDS[reason](provider ?? 'its issuer'));
  }
  const { identity, seen, once } = verified.value;
  // Anybody can have a token of a public provider, with our audience in it. Who no rule names is told nothing of what is here,
  // and fills neither the log nor the store.
  const policy = await policyInForce(deps);
  if (!policy.ok) return policy;
  const { rules } = policy.value.document;
  if (!rules.some(({ access, who }) => access !== 'deny' && who.some((name) => namesWorkload(name, identity.groups)))) {
    await refused(deps, { reason: 'not_in_policy', provider: identity.provider }, address);
    return fault('denied', `No rule names this program. ${calledIn(verified.value)}`);
  }
  if (!(await deps.directory.burn(once.key, once.untilMs))) {
    await refused(deps, { reason: 'token_replayed', provider: identity.provider }, address);
    return fault('conflict', 'This token was used before, and each is good once. Ask the provider for a new one.');
  }
  const answer = await requestAccess(
    deps,
    identity,
    { ...request, ...(seen.run !== undefined && { trace: seen.run }) },
    {
      workload: seen.names[0] ?? '',
      provider: identity.provider,
      subject: identity.subject,
      address,
      ...(seen.run !== undefined && { run: seen.run }),
    },
  );
  if (!answer.ok) {
    const { reason, message } = answer.error;
    return reason === 'denied' ? fault(reason, `${message} ${calledIn(verified.value)}`) : answer;
  }
  // A rule that asks for an approval names no program (core/policy/mistakes).
  if (!('grant' in answer.value))
    return fault('denied', 'The rule asks for an approval, which no program can wait for.');
  const { grant, connect } = answer.value;
  const forTunnels = await tunnelToken(deps, grant.id);
  return ok({ grant: { ...grant, tunnelToken: forTunnels.reveal() }, connect });
}

const calledIn = ({ seen }: VerifiedWorkload): string =>
  `In a policy it is called ${seen.names.join(' or ')}.`.replace(/\s+/g, ' ');

const refused = (
  deps: UseCaseDeps,
  { reason, provider }: Omit<RefusedToken, 'reason'> & { readonly reason: string },
  address: string,
) =>
  noteCounted(deps, {
    kind: 'exchange.refused',
    actor: 'gatehouse',
    object: provider ?? 'workload',
    details: { reason, address },
  });

const FAULTS: Readonly<Partial<Record<WorkloadFault, UseCaseFault['reason']>>> = {
  token_malformed: 'bad_request',
  issuer_unreachable: 'unavailable',
};

/** What is wrong with one's own token is no secret. */
const WORDS: Readonly<Record<WorkloadFault, (provider: string) => string>> = {
  token_malformed: () => 'subject_token is no signed token (JWT) of at most 16 KiB.',
  issuer_unknown: () => 'No issuer is set for this token. Whoever runs Gatehouse names them in WORKLOAD_ISSUERS.',
  issuer_unreachable: (provider) => `The keys of ${provider} cannot be fetched right now. Try again with a new token.`,
  algorithm_not_allowed: (provider) => `Tokens of ${provider} are not signed in this way.`,
  signature_wrong: (provider) =>
    `The token is not signed with a key of ${provider}. If its keys have just changed, try again with a new token in ten seconds.`,
  audience_wrong: (provider) =>
    `The token is for another audience, or for others too. Ask for it with the audience that WORKLOAD_ISSUERS has for ${provider}: this Gatehouse's address where none is written.`,
  token_expired: () => 'The token has expired. Ask for a new one.',
  token_not_yet_valid: () => 'The token is not valid yet: a clock is wrong.',
  lifetime_too_long: () => 'The token lasts longer than a day. Ask for one that ends sooner.',
  claim_not_allowed: (provider) =>
    `The token is not of those that are let in here (claims of ${provider} in WORKLOAD_ISSUERS).`,
  claims_unreadable: (provider) =>
    `The token lacks claims that ${provider} gives, or has such as cannot be names (docs/workloads.md).`,
};
