// The Worker's entry.

import type { Hono } from 'hono';
import { createApp } from './app.ts';
import { createDeps } from './deps.ts';
import type { Env } from './env.ts';
import { httpError } from './http-errors.ts';
import { SettingsError } from './settings.ts';

export { Approval } from './objects/approval.ts';
export { AuditLog } from './objects/audit/audit-log.ts';
export { ConnectorLink } from './objects/connector-link.ts';
export { Directory } from './objects/directory.ts';
export { Grants } from './objects/grants.ts';
export { Provisioning } from './objects/provisioning.ts';
export { Retention } from './objects/retention.ts';
export { TunnelRelay } from './objects/tunnel/tunnel-relay.ts';
export { Witness } from './objects/witness/witness.ts';
export { WitnessShard } from './objects/witness/witness-shard.ts';

const apps = new WeakMap<object, Hono>();

export default {
  fetch(request: Request, env: Env, context: ExecutionContext): Response | Promise<Response> {
    try {
      const app = apps.get(env) ?? createApp(createDeps(env));
      apps.set(env, app);
      return app.fetch(request, env, context);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      console.error(error.message);
      return httpError('misconfigured', error.message);
    }
  },
} satisfies ExportedHandler<Env>;
