// How requests come to the Worker: its custom domain, routes, workers.dev, and the clock. Only what belongs to this Worker is changed.

import type { Cloudflare } from './cloudflare.ts';

export interface Triggers {
  /** A host of its own in a zone of the account. */
  readonly domain?: { readonly hostname: string; readonly zone: string } | undefined;
  /** Patterns in a zone whose hosts exist already. */
  readonly routes: readonly { readonly pattern: string; readonly zone: string }[];
  readonly workersDev: boolean;
  readonly crons: readonly string[];
}

interface Place {
  readonly account: string;
  readonly script: string;
}
interface Domain {
  readonly id: string;
  readonly hostname: string;
  readonly zone_id: string;
}
interface Route {
  readonly id: string;
  readonly pattern: string;
  readonly script?: string;
}

const nameOf = ({ script }: Place): string => script.split('/').at(-1) ?? '';
const domainsOf = (api: Cloudflare, at: Place): Promise<readonly Domain[]> =>
  api.call(`${at.account}/workers/domains?service=${nameOf(at)}`);
const routesOf = async (api: Cloudflare, at: Place, zone: string): Promise<readonly Route[]> =>
  (await api.call<readonly Route[]>(`/zones/${zone}/workers/routes`)).filter(({ script }) => script === nameOf(at));

/** What is set now, of the zones that `wanted` names. */
export async function readTriggers(api: Cloudflare, at: Place, wanted: Triggers): Promise<Triggers> {
  const [domain] = await domainsOf(api, at);
  const routes: { pattern: string; zone: string }[] = [];
  for (const zone of zonesOf(wanted))
    for (const { pattern } of await routesOf(api, at, zone)) routes.push({ pattern, zone });
  const schedules = await api.find<{ readonly schedules: readonly { readonly cron: string }[] }>(
    `${at.script}/schedules`,
  );
  const subdomain = await api.find<{ readonly enabled: boolean }>(`${at.script}/subdomain`);
  return {
    domain: domain && { hostname: domain.hostname, zone: domain.zone_id },
    routes,
    workersDev: subdomain?.enabled ?? false,
    crons: (schedules?.schedules ?? []).map(({ cron }) => cron),
  };
}

export async function putTriggers(api: Cloudflare, at: Place, wanted: Triggers): Promise<void> {
  const service = nameOf(at);
  if (wanted.domain) {
    const { hostname, zone } = wanted.domain;
    // The same once more changes nothing. One of another Worker is refused by Cloudflare.
    await api.call(`${at.account}/workers/domains`, {
      method: 'PUT',
      json: { hostname, service, zone_id: zone, environment: 'production' },
    });
  }
  for (const zone of zonesOf(wanted)) {
    const there = await routesOf(api, at, zone);
    const patterns = wanted.routes.filter((it) => it.zone === zone).map(({ pattern }) => pattern);
    for (const pattern of patterns)
      if (!there.some((it) => it.pattern === pattern))
        await api.call(`/zones/${zone}/workers/routes`, { method: 'POST', json: { pattern, script: service } });
    for (const { id, pattern } of there)
      if (!patterns.includes(pattern)) await api.call(`/zones/${zone}/workers/routes/${id}`, { method: 'DELETE' });
  }
  await api.call(`${at.script}/schedules`, { method: 'PUT', json: wanted.crons.map((cron) => ({ cron })) });
  // Versions have no addresses of their own: each would be a second way in.
  await api.call(`${at.script}/subdomain`, {
    method: 'POST',
    json: { enabled: wanted.workersDev, previews_enabled: false },
  });
  // Last, when the new one serves.
  for (const { id, hostname } of await domainsOf(api, at))
    if (hostname !== wanted.domain?.hostname)
      await api.call(`${at.account}/workers/domains/${id}`, { method: 'DELETE' });
}

const zonesOf = ({ domain, routes }: Triggers): string[] => [
  ...new Set([...(domain ? [domain.zone] : []), ...routes.map(({ zone }) => zone)]),
];
