// What the tests' Worker is bound to (vitest.config.ts).
declare namespace Cloudflare {
  interface Env extends Readonly<import('../env.ts').Env> {
    readonly OIDC_ISSUER: string;
    readonly FORGED_ISSUER: string;
    readonly SLACK_API_URL: string;
    readonly WORKLOAD_ISSUER: string;
    readonly OIDC_VENDORS: string;
  }
}
