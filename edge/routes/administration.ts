// /connectors, /policy, /audit

import { createRoute, z } from '@hono/zod-openapi';
import {
  AuditPiecePage,
  ConnectorList,
  EndSession,
  PolicyEffect,
  RevokedConnector,
  RotationAsked,
  RuleGone,
} from '../../core/api.ts';
import { AuditExportStanding, AuditPage } from '../../core/audit/audit-page.ts';
import { JoinToken, JoinTokenId, JoinTokenUse } from '../../core/connectors/join.ts';
import { AuditKind } from '../../core/audit/audit.ts';
import { ConnectorSite, JoinTokenRequest } from '../../core/fleet/fleet-member.ts';
import { ConnectorId } from '../../core/ids.ts';
import { MAX_POLICY_BYTES } from '../../core/policy/parse.ts';
import { type Api, type ApiDeps, answer, FAILURES, failure, jsonAnswer, jsonBody, whoAsks } from './api.ts';

const CheckedPolicy = z.object({
  version: z.number().int(),
  text: z.string(),
  appliedAt: z.iso.datetime(),
  appliedBy: z.string(),
  /** What would be refused if it were applied now. It is in force all the same. */
  mistakes: z.array(z.string()),
  /** Labels and groups that it names and nobody has seen yet. */
  warnings: z.array(z.string()),
});

const EFFECTS = { effects: z.array(PolicyEffect), rulesGone: z.array(RuleGone) };
const AppliedPolicy = CheckedPolicy.extend(EFFECTS);
const PolicyToTry = z.strictObject({ text: z.string().max(MAX_POLICY_BYTES) });

const PolicyToApply = z.strictObject({
  text: z.string().max(MAX_POLICY_BYTES),
  /** Also where one is not an administrator under it any more. */
  stepDown: z.boolean().default(false),
  /** The version that it was written against: refused when another one is in force. */
  after: z.number().int().optional(),
});

const AuditQuery = z.strictObject({
  since: z.iso.datetime().optional(),
  actor: z.string().max(300).optional(),
  kind: AuditKind.optional(),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

const ChainReport = z.object({ entries: z.number().int(), whole: z.boolean(), brokenAt: z.number().int().optional() });

export function administrationRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/connectors',
      summary: 'Connectors that joined, with their public keys',
      responses: jsonAnswer(ConnectorList, 'Oldest first'),
    }),
    async (c) => {
      const listed = await gatehouse.connectors(whoAsks(c));
      return listed.ok ? c.json({ connectors: [...listed.value] }, 200) : failure(c, listed.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/join-tokens',
      summary: 'Invite a connector (administrators)',
      request: { query: JoinTokenRequest },
      responses: jsonAnswer(JoinToken, 'Shown this once; joins one connector, of that site if one is given'),
    }),
    async (c) => answer(c, await gatehouse.createJoinToken(whoAsks(c), c.req.valid('query').site)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/connectors/join-tokens/{id}',
      summary: 'Whether a connector joined by a token (administrators)',
      request: { params: z.object({ id: JoinTokenId }) },
      responses: jsonAnswer(JoinTokenUse, 'Its connector; none: the token waits. One that expired unused is not found'),
    }),
    async (c) => answer(c, await gatehouse.joinTokenUse(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'put',
      path: '/connectors/{connector}/site',
      summary: 'Make a connector a replica of a site, or of none (administrators)',
      description: 'Replicas of a site announce the same resources and stand in for each other.',
      request: { params: z.object({ connector: ConnectorId }), body: jsonBody(ConnectorSite) },
      responses: jsonAnswer(ConnectorSite, 'Its site now. It links anew'),
    }),
    async (c) => {
      const { site } = c.req.valid('json');
      return answer(c, await gatehouse.setConnectorSite(whoAsks(c), c.req.valid('param').connector, site ?? undefined));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/{id}/revoke',
      summary: 'Take away the key of a connector for good (administrators)',
      description:
        'Its link closes, nothing that it asks is answered, and its sessions end: by itself where it hears of it. What it recorded before stays proven.',
      request: { params: z.object({ id: ConnectorId }), body: jsonBody(EndSession) },
      responses: jsonAnswer(RevokedConnector, 'Revoked, and whether it heard so'),
    }),
    async (c) =>
      answer(c, await gatehouse.revokeConnector(whoAsks(c), c.req.valid('param').id, c.req.valid('json').reason)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/connectors/{id}/rotate-key',
      summary: 'Have a connector change its key (administrators)',
      request: { params: z.object({ id: ConnectorId }) },
      responses: jsonAnswer(RotationAsked, 'Asked now, or when it comes back'),
    }),
    async (c) => answer(c, await gatehouse.rotateConnectorKey(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/policy',
      summary: 'The policy in force',
      responses: jsonAnswer(CheckedPolicy, 'As it was written'),
    }),
    async (c) => answer(c, await gatehouse.policy(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'put',
      path: '/policy',
      summary: 'Apply a policy (administrators)',
      description:
        'Refused whole when anything in it is wrong; the message names line and column. Refused also where you would not be an administrator under it, unless you step down.',
      request: { body: jsonBody(PolicyToApply) },
      responses: jsonAnswer(AppliedPolicy, 'The policy now in force, and what it did to live grants'),
    }),
    async (c) => {
      const { text, after, stepDown } = c.req.valid('json');
      const options = { stepDown, ...(after !== undefined && { after }) };
      return answer(c, await gatehouse.applyPolicy(whoAsks(c), text, options));
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/policy/effects',
      summary: 'What a policy would do to live grants and sessions (administrators)',
      description: 'Changes nothing.',
      request: { body: jsonBody(PolicyToTry) },
      responses: jsonAnswer(z.object(EFFECTS), 'One for each grant that it touches'),
    }),
    async (c) => answer(c, await gatehouse.policyEffects(whoAsks(c), c.req.valid('json').text)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/audit',
      summary: 'The audit log (auditors)',
      request: { query: AuditQuery },
      responses: jsonAnswer(AuditPage, 'Newest first'),
    }),
    async (c) => {
      const { since, actor, kind, cursor, limit } = c.req.valid('query');
      const query = {
        ...(since && { since }),
        ...(actor && { actor }),
        ...(kind && { kind }),
        ...(cursor && { cursor }),
        limit,
      };
      return answer(c, await gatehouse.audit(whoAsks(c), query));
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/audit/verify',
      summary: "Walk the audit log's hash chain (auditors)",
      responses: jsonAnswer(ChainReport, 'Whether it is whole'),
    }),
    async (c) => answer(c, await gatehouse.verifyAudit(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/audit/export',
      summary: "How the audit log's export to the object store stands (auditors, administrators)",
      responses: jsonAnswer(AuditExportStanding, 'Up to where everything is stored, and what waits or fails'),
    }),
    async (c) => answer(c, await gatehouse.auditExport(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/audit/pieces',
      summary: 'The exported pieces of the audit log (auditors)',
      request: { query: z.strictObject({ after: z.string().max(100).optional() }) },
      responses: jsonAnswer(AuditPiecePage, 'By name'),
    }),
    async (c) => answer(c, await gatehouse.auditPieces(whoAsks(c), c.req.valid('query').after)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/audit/pieces/{name}',
      summary: 'One exported piece, as it is stored (auditors)',
      request: { params: z.object({ name: z.string().max(100) }) },
      responses: {
        200: {
          description: 'NDJSON: core/audit/audit-archive.ts',
          content: { 'application/octet-stream': { schema: z.string() } },
        },
        ...FAILURES,
      },
    }),
    async (c) => {
      const piece = await gatehouse.auditPiece(whoAsks(c), c.req.valid('param').name);
      if (!piece.ok) return failure(c, piece.error);
      return c.body(piece.value, 200, { 'content-type': 'application/octet-stream' }) as never;
    },
  );
}
