// Makes the Worker be what is wanted, all of it or nothing: the version that was active is active again where anything after the upload
// fails. Two things Cloudflare does not take back are therefore asked first: a migration of Durable Objects, and whose Worker it is.

import { createHmac } from 'node:crypto';
import type { Migration, WorkerBundle } from '../worker-bundle.ts';
import { uploadAssets } from './assets.ts';
import { type Cloudflare, CloudflareError } from './cloudflare.ts';
import { putTriggers, readTriggers, type Triggers } from './triggers.ts';

interface WantedWorker {
  readonly account: string;
  readonly bundle: WorkerBundle;
  /** Beside those of wrangler.toml, and instead of those of the same name. */
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly triggers: Triggers;
  /** Take over a Worker of this name that something else deployed. */
  readonly adopt: boolean;
  /** This is the way back from a deployment that failed: what cannot go back stays. */
  readonly goingBack: boolean;
}

type Deployed =
  | { readonly kind: 'uploaded' | 'unchanged' | 'reactivated'; readonly version: string }
  /** The way back would lead across a migration: the newer one stays active. */
  | { readonly kind: 'kept_newer'; readonly migration: string };

interface Script {
  readonly id: string;
  readonly migration_tag?: string | null;
}
interface Version {
  readonly id: string;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Deployment {
  readonly versions: readonly { readonly version_id: string; readonly percentage: number }[];
}

/** Begins what we write on each version; Cloudflare shows it. */
const MESSAGE = 'Deployed by Gatehouse';
/** Longer than putting back takes. */
const RESERVE_MS = 60_000;

export async function deployWorker(api: Cloudflare, wanted: WantedWorker, untilMs: number): Promise<Deployed> {
  const { account, bundle, triggers } = wanted;
  const at = { account: `/accounts/${account}`, script: `/accounts/${account}/workers/scripts/${bundle.name}` };
  const before = await standingOf(api, at);
  const tag = tagOf(wanted);
  if (before && !before.ours && !wanted.adopt)
    throw new Error(
      `there is a Worker ${bundle.name} that was not deployed from here: set edge.adopt to take it over, or name this one otherwise in wrangler.toml`,
    );
  const migrations = migrationsTo(bundle, before);
  if (migrations === 'newer') {
    const migration = before?.migration ?? '';
    if (wanted.goingBack) return { kind: 'kept_newer', migration };
    throw new Error(
      `the Worker has migration ${migration}, which this wrangler.toml does not know: it is of a newer release. Deploy that one or a later one; Cloudflare takes no migration back`,
    );
  }
  const worker = api.until(untilMs - RESERVE_MS);
  const triggersBefore = before && (await readTriggers(worker, at, triggers));
  let deployed: Deployed;
  if (before?.active?.annotations?.['workers/tag'] === tag) deployed = { kind: 'unchanged', version: before.active.id };
  else {
    // Forward it is uploaded anew, with the secrets that were set by hand since; the way back is to what was.
    const back = wanted.goingBack && migrations === undefined;
    const earlier = back ? await earlierVersion(worker, at.script, tag) : undefined;
    deployed = earlier
      ? await activate(worker, at.script, earlier)
      : { kind: 'uploaded', version: await upload(worker, at, wanted, { migrations, tag }) };
  }
  try {
    await putTriggers(worker, at, triggers);
  } catch (error) {
    await putBack(api, at, { before, triggersBefore, migrated: migrations !== undefined, cause: error });
    throw error;
  }
  return deployed;
}

/** Deletes the Worker with the data of all its Durable Objects. */
export async function deleteWorkerAndItsData(api: Cloudflare, account: string, name: string): Promise<void> {
  try {
    // `force`: although objects hold data.
    await api.call(`/accounts/${account}/workers/scripts/${name}?force=true`, { method: 'DELETE' });
  } catch (error) {
    if (!(error instanceof CloudflareError && error.status === 404)) throw error;
  }
}

interface Standing {
  readonly migration: string | undefined;
  readonly active: Version | undefined;
  readonly ours: boolean;
}
interface Place {
  readonly account: string;
  readonly script: string;
}

async function standingOf(api: Cloudflare, { account, script }: Place): Promise<Standing | undefined> {
  const scripts = await api.call<readonly Script[]>(`${account}/workers/scripts`);
  const there = scripts.find(({ id }) => script.endsWith(`/${id}`));
  if (!there) return undefined;
  const deployments = await api.find<{ readonly deployments: readonly Deployment[] }>(`${script}/deployments`);
  // Newest first. Of two that share the traffic, the one with more of it.
  const versions = [...(deployments?.deployments[0]?.versions ?? [])].sort((a, b) => b.percentage - a.percentage);
  const active = versions[0] && (await api.find<Version>(`${script}/versions/${versions[0].version_id}`));
  return {
    migration: there.migration_tag ?? undefined,
    active,
    ours: active?.annotations?.['workers/message']?.startsWith(MESSAGE) ?? false,
  };
}

/** undefined: nothing to migrate. `newer`: what is deployed knows migrations that this does not. */
function migrationsTo({ migrations }: WorkerBundle, before: Standing | undefined): object | undefined | 'newer' {
  const last = migrations.at(-1);
  const old = before?.migration;
  if (!last) return old === undefined ? undefined : 'newer';
  const done = migrations.findIndex(({ tag }) => tag === old);
  if (old !== undefined && done === -1) return 'newer';
  const steps = migrations.slice(done + 1).map(({ tag: _, ...step }: Migration) => step);
  return steps.length === 0 ? undefined : { ...(old !== undefined && { old_tag: old }), new_tag: last.tag, steps };
}

/**
 * Names what is wanted of a version: with the same code, settings and secrets it is the same. Keyed, since Cloudflare shows it and
 * secrets are in it.
 */
function tagOf({ bundle, vars, secrets }: WantedWorker): string {
  const { crons: _, ...version } = bundle;
  const key = JSON.stringify(Object.entries(secrets).sort());
  return createHmac('sha256', key)
    .update(JSON.stringify([version, Object.entries(vars).sort()]))
    .digest('hex')
    .slice(0, 32);
}

/** One that was deployed from here and is the same. */
async function earlierVersion(api: Cloudflare, script: string, tag: string): Promise<Version | undefined> {
  const versions = await api.find<{ readonly items: readonly Version[] }>(`${script}/versions?deployable=true`);
  return versions?.items.find(({ annotations }) => annotations?.['workers/tag'] === tag);
}

async function activate(api: Cloudflare, script: string, { id }: Version): Promise<Deployed> {
  await api.call(`${script}/deployments?force=true`, {
    method: 'POST',
    json: {
      strategy: 'percentage',
      versions: [{ version_id: id, percentage: 100 }],
      annotations: { 'workers/message': MESSAGE },
    },
  });
  return { kind: 'reactivated', version: id };
}

async function upload(
  api: Cloudflare,
  at: Place,
  wanted: WantedWorker,
  { migrations, tag }: { readonly migrations: object | undefined; readonly tag: string },
): Promise<string> {
  const { bundle, vars, secrets } = wanted;
  const { assets } = bundle;
  const jwt = assets && (await uploadAssets(api, at, assets));
  const metadata = {
    main_module: 'worker.js',
    compatibility_date: bundle.compatibilityDate,
    compatibility_flags: bundle.compatibilityFlags,
    bindings: [
      ...bundle.durableObjects.map(({ name, className }) => ({
        ...{ type: 'durable_object_namespace', name, class_name: className },
      })),
      ...Object.entries({ ...bundle.vars, ...vars }).map(([name, text]) => ({ type: 'plain_text', name, text })),
      ...Object.entries(secrets).map(([name, text]) => ({ type: 'secret_text', name, text })),
      ...(assets ? [{ type: 'assets', name: assets.binding }] : []),
    ],
    code_update_strategy: bundle.codeUpdate,
    // What was set by `wrangler secret put` stays.
    keep_bindings: ['secret_text', 'secret_key'],
    observability: { enabled: bundle.observability },
    annotations: { 'workers/message': MESSAGE, 'workers/tag': tag },
    ...(migrations && { migrations }),
    ...(assets && { assets: { jwt, config: { run_worker_first: assets.runWorkerFirst } } }),
  };
  for (let again = false; ; again = true) {
    const form = new FormData();
    form.set('metadata', new Blob([JSON.stringify(metadata)], { type: 'application/json' }));
    form.set('worker.js', new File([bundle.script], 'worker.js', { type: 'application/javascript+module' }));
    try {
      await api.call(at.script, { method: 'PUT', form, again: false });
    } catch (error) {
      // It may be active although no answer came; a migration that is sent a second time is refused.
      if (!(error instanceof CloudflareError && error.unclear)) throw error;
      const standing = await standingOf(api, at);
      if (standing?.active?.annotations?.['workers/tag'] === tag) return standing.active.id;
      if (again) throw error;
      continue;
    }
    const active = (await standingOf(api, at))?.active;
    if (active?.annotations?.['workers/tag'] !== tag)
      throw new Error(
        'Cloudflare took the Worker, and another version is active: somebody else deploys it at the same time',
      );
    return active.id;
  }
}

async function putBack(
  api: Cloudflare,
  at: Place,
  what: {
    readonly before: Standing | undefined;
    readonly triggersBefore: Triggers | undefined;
    readonly migrated: boolean;
    readonly cause: unknown;
  },
): Promise<void> {
  const { before, triggersBefore, migrated, cause } = what;
  const failed: string[] = [];
  const attempt = async (name: string, work: () => Promise<unknown>) => {
    await work().catch((error: unknown) =>
      failed.push(`${name}: ${error instanceof Error ? error.message : 'failed'}`),
    );
  };
  if (migrated) failed.push('the new version stays active, since Cloudflare takes no migration back');
  else if (before?.active) {
    const { active } = before;
    await attempt('the former version', () => activate(api, at.script, active));
  }
  if (triggersBefore) await attempt('its domain, routes and schedules', () => putTriggers(api, at, triggersBefore));
  if (failed.length > 0 && cause instanceof Error) cause.message += `. Not put back: ${failed.join('; ')}`;
}
