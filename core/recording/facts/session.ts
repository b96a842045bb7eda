// Facts of a session as a whole: how it began and ended, its lanes, the rules in force.

import { z } from 'zod';
import { Grant } from '../../grant.ts';
import { ConnectorId, SessionId } from '../../ids.ts';
import { Identity } from '../../identity.ts';
import { ProtocolName } from '../../protocols.ts';
import { ResourceName } from '../../resource.ts';

export const SessionOpened = z.object({
  kind: z.literal('session.opened'),
  session: SessionId,
  connector: z.object({ id: ConnectorId, name: z.string(), build: z.string() }),
  identity: Identity.pick({ subject: true, email: true, groups: true, provider: true, name: true }),
  grant: Grant.pick({
    id: true,
    request: true,
    reason: true,
    labels: true,
    until: true,
    rule: true,
    policyVersion: true,
    obligations: true,
    breakGlass: true,
  }),
  resource: ResourceName,
  protocol: ProtocolName,
  /** Wall clock of time 0 of every frame. */
  startedAt: z.iso.datetime(),
  client: z.object({ address: z.string(), tls: z.string().optional(), application: z.string().optional() }),
  /** What the client asked for, in the protocol's words: PostgreSQL's database name and so on. */
  details: z.record(z.string(), z.string()),
  /** What masks hide is kept: the key that seals it, as an age file (base64) for `grant.obligations.record.originals`. */
  originals: z.object({ key: z.base64() }).optional(),
});
export type SessionOpened = z.infer<typeof SessionOpened>;

export const EndReason = z.enum([
  'client_closed',
  'target_closed',
  'grant_expired',
  'grant_revoked',
  'ended_by_person', // this session alone; the message says by whom and why
  'idle_timeout',
  'session_too_long',
  'time_window_over',
  'rows_exceeded',
  'policy_denied', // the policy in force gives no access any more
  'protocol_fault',
  'log_failed',
  'connector_stopped',
  'connector_crashed', // written on the next start, for what a crash left open
]);
export type EndReason = z.infer<typeof EndReason>;

export const SessionEnded = z.object({
  kind: z.literal('session.ended'),
  reason: EndReason,
  message: z.string(),
});
export type SessionEnded = z.infer<typeof SessionEnded>;

/**
 * Another connection came into a session that has some (HTTP, kubectl), on lane 0. The first is in `session.opened`; they are
 * numbered from 1 in the order of their coming.
 */
export const ConnectionJoined = z.object({
  kind: z.literal('connection.joined'),
  connection: z.number().int().min(2),
  client: SessionOpened.shape.client,
  /** As in `session.opened`. */
  details: z.record(z.string(), z.string()),
});

/** It is closed, and so are its lanes; the session goes on. What is left at the session's end has none. On lane 0. */
export const ConnectionLeft = z.object({
  kind: z.literal('connection.left'),
  connection: z.number().int().min(1),
});

/** How much of a lane is in the recording; session-wide reasons (an exemption, a damaged log) stand in the coverage beside it. */
export const Completeness = z.enum(['full', 'partial', 'none']);

/**
 * A lane began: an SSH channel, an exchange, one stream of a Kubernetes session. Written on that lane, before anything else of it.
 * A session numbers its lanes from 0 without a gap, in the order of their opening; lane 0 is there from the start and has none.
 */
export const LaneOpened = z.object({
  kind: z.literal('lane.opened'),
  lane: z.number().int().min(1),
  /** What it is, in the protocol's word: `shell`, `exec`, `sftp`, `direct-tcpip`, `exchange`. */
  of: z.string(),
  /** For people: `forward to db:5432`. At most 200 characters; no secret. */
  label: z.string(),
  /** Whose it is, in a session that has several. */
  connection: z.number().int().min(1).optional(),
});

/** Nothing more comes on a lane. Once a lane; one that the session's end closes has none, and is `full`. */
export const LaneClosed = z.object({
  kind: z.literal('lane.closed'),
  lane: z.number().int().min(0),
  recorded: Completeness,
  /** Why it is not `full`. The coverage keeps 200 characters. */
  note: z.string().optional(),
});

/** Another policy is in force for this session from here on. */
export const RulesChanged = z.object({
  kind: z.literal('rules.changed'),
  policyVersion: z.number().int(),
  rule: z.string(),
});

/** Who the session is at its target, where that is a user made for it alone: the name in the target's own log. On lane 0. */
export const UserCreated = z.object({
  kind: z.literal('user.created'),
  user: z.string(),
  /** `gatehouse`: the connector made it and drops it. `vault`: Vault did, and does. */
  by: z.enum(['gatehouse', 'vault']),
  /** Whose rights it has: the template at the target, or Vault's role. */
  role: z.string(),
});
