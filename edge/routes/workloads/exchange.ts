// /grants/exchange: a program's token for a grant. Nobody is signed in here; the token is all there is.

import { createRoute } from '@hono/zod-openapi';
import { IssuedGrant, WorkloadExchange } from '../../../core/api.ts';
import { exchangeWorkload } from '../../identity/workload/exchange.ts';
import type { WorkloadVerifier } from '../../identity/workload/verifier.ts';
import type { UseCaseDeps } from '../../use-cases/deps.ts';
import { type Api, answer, jsonAnswer, jsonBody } from '../api.ts';
import { clientAddress } from '../request.ts';

export function workloadRoutes(
  api: Api,
  { useCases, workloads }: { readonly useCases: UseCaseDeps; readonly workloads: WorkloadVerifier },
): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/grants/exchange',
      summary: "Exchange a program's token (GitHub Actions, GitLab CI, Buildkite, GCP, OIDC) for a grant",
      description:
        'In terms of RFC 8693, in JSON. A token is good once; the secret is shown in this answer and never again. 409: the token was used before. 403: it is not accepted, or the policy refuses.',
      security: [],
      request: { body: jsonBody(WorkloadExchange) },
      responses: jsonAnswer(IssuedGrant, 'The grant'),
    }),
    async (c) => answer(c, await exchangeWorkload(useCases, workloads, c.req.valid('json'), clientAddress(c.req.raw))),
  );
}
