import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineProject } from 'vitest/config';
import { COMPATIBILITY_DATE } from './dev-server.ts';

// The Worker's tests run in workerd, against an OIDC provider in this Node process (test/providers.ts).
export default defineProject({
  root: import.meta.dirname,
  oxc: { jsx: { runtime: 'automatic', importSource: 'hono/jsx' } },
  plugins: [
    cloudflareTest(({ inject }) => ({
      main: './worker.ts',
      miniflare: {
        compatibilityDate: COMPATIBILITY_DATE,
        compatibilityFlags: ['nodejs_compat'],
        durableObjects: {
          DIRECTORY: { className: 'Directory', useSQLite: true },
          GRANTS: { className: 'Grants', useSQLite: true },
          AUDIT_LOG: { className: 'AuditLog', useSQLite: true },
          WITNESS: { className: 'Witness', useSQLite: true },
          CONNECTOR_LINK: { className: 'ConnectorLink', useSQLite: true },
          APPROVAL: { className: 'Approval', useSQLite: true },
        },
        bindings: {
          PUBLIC_URL: 'http://localhost:8787',
          OIDC_ISSUER: inject<string>('oidcIssuer'),
          OIDC_CLIENT_ID: 'gatehouse',
          OIDC_CLIENT_SECRET: 'only-for-tests-only-for-tests',
          PROVIDER_NAME: 'demo',
          EDGE_SECRET: 'dGhpcnR5LXR3byBieXRlcyB0aGF0IGFyZSBub3QgcmFuZG9t',
          FUNCTIONS_URL: inject<string>('functionsUrl'),
          FUNCTIONS_TOKEN: 'only-for-tests-only-for-tests',
          FORGED_ISSUER: inject<string>('forgedIssuer'),
          CONNECTOR_JOIN_TOKEN: 'first-join-token-of-the-tests',
          POLICY: [
            'groups: { dba: ["demo:dba"] }',
            'administrators: ["demo:administrators"]',
            'auditors: ["demo:auditors"]',
            'rules:',
            '  - name: no-vault',
            '    resources: { name: vault }',
            '    who: [everyone]',
            '    access: deny',
            '  - name: demo-developers',
            '    resources: { env: demo }',
            '    who: ["demo:developers", dba]',
            '    access: { ttl: 1h, reason: required, maxSessions: 2 }',
            '    record: { retain: 30d, view: [dba], viewOwn: true }',
            '  - name: sealed-away',
            '    resources: { env: sealed }',
            '    who: [everyone]',
            '    access: { ttl: 10m }',
            '    record: { viewOwn: false }',
            '',
          ].join('\n'),
        },
      },
    })),
  ],
  test: {
    name: 'edge',
    include: ['**/*.test.{ts,tsx}'],
    globalSetup: ['./test/providers.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
