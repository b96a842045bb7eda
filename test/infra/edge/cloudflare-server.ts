// As much of Cloudflare's API as deploying a Worker asks for, in memory and on loopback. README.md: what it goes by, and what it lacks.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ACCOUNT = 'a'.repeat(32);
export const ZONE = 'b'.repeat(32);
export const TOKEN = 'cf-token-that-is-long-enough-1234567890';

interface Version {
  readonly id: string;
  readonly number: number;
  readonly metadata: Metadata;
  readonly script: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly afterMigration: string | undefined;
}
interface Binding {
  readonly type: string;
  readonly name: string;
  readonly text?: string;
  readonly class_name?: string;
}
interface Metadata {
  readonly main_module: string;
  readonly bindings: readonly Binding[];
  readonly keep_bindings?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly assets?: { readonly jwt: string };
  readonly migrations?: {
    readonly old_tag?: string;
    readonly new_tag: string;
    readonly steps: readonly {
      readonly new_sqlite_classes?: readonly string[];
      readonly deleted_classes?: readonly string[];
    }[];
  };
}
interface Script {
  readonly versions: Version[];
  readonly deployments: {
    readonly id: string;
    readonly versions: { readonly version_id: string; readonly percentage: number }[];
  }[];
  /** Durable Object class -> what is stored in it. */
  readonly classes: Map<string, string>;
  migration: string | undefined;
  crons: readonly string[];
  workersDev: boolean;
}

/** `times` answers of this kind to calls that match; `done`: after having done it. */
export interface Trouble {
  readonly method: string;
  readonly path: RegExp;
  times: number;
  /** 0: the connection is cut. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code?: number;
  readonly done?: boolean;
}

export interface CloudflareServer {
  readonly endpoint: string;
  readonly scripts: Map<string, Script>;
  readonly domains: Map<
    string,
    { readonly id: string; readonly hostname: string; readonly service: string; readonly zone_id: string }
  >;
  readonly routes: Map<string, { readonly id: string; readonly pattern: string; readonly script: string }>;
  /** Content by hash. */
  readonly assets: Map<string, string>;
  readonly calls: string[];
  readonly troubles: Trouble[];
  active(name: string): Version | undefined;
  close(): Promise<void>;
}

class ApiProblem extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
const shown = ({ id, number, annotations, metadata: { bindings } }: Version) => ({
  ...{
    id,
    number,
    annotations,
    resources: { bindings, script: { etag: id, handlers: ['fetch'] }, script_runtime: {} },
  },
});
const notFound = () => new ApiProblem(404, 10007, 'This Worker does not exist on your account.');

export async function startCloudflare(): Promise<CloudflareServer> {
  const scripts = new Map<string, Script>();
  const domains: CloudflareServer['domains'] = new Map();
  const routes: CloudflareServer['routes'] = new Map();
  const assets = new Map<string, string>();
  const sessions = new Map<string, { readonly wanted: Set<string>; readonly completion: string }>();
  const complete = new Set<string>();
  const calls: string[] = [];
  const troubles: Trouble[] = [];

  const scriptOf = (name: string): Script => {
    const script = scripts.get(name);
    if (!script) throw notFound();
    return script;
  };
  const activeOf = (name: string) => {
    const script = scripts.get(name);
    return script?.versions.find(({ id }) => id === script.deployments[0]?.versions[0]?.version_id);
  };

  /** `active`: and deployed at once; a version alone takes no migration. */
  async function putScript(name: string, form: FormData, active: boolean): Promise<object> {
    const metadata = JSON.parse(await textOf(form.get('metadata'))) as Metadata;
    const part = form.get(metadata.main_module);
    if (!(part instanceof File) || part.type !== 'application/javascript+module')
      throw new ApiProblem(400, 10021, `no module ${metadata.main_module}`);
    const code = await part.text();
    const there = scripts.get(name);
    const script: Script = there ?? {
      ...{ versions: [], deployments: [], classes: new Map(), migration: undefined, crons: [], workersDev: true },
    };
    const { migrations } = metadata;
    if (migrations && !active) throw new ApiProblem(400, 10211, 'a version cannot have a migration');
    if (migrations && migrations.old_tag !== script.migration)
      throw new ApiProblem(412, 10079, `Cannot apply migrations: the tag is ${script.migration ?? 'none'}`);
    const classes = new Map(script.classes);
    for (const step of migrations?.steps ?? []) {
      for (const it of step.new_sqlite_classes ?? []) {
        if (classes.has(it))
          throw new ApiProblem(400, 10074, `Cannot apply new_sqlite_classes migration to existing class ${it}`);
        classes.set(it, '');
      }
      for (const it of step.deleted_classes ?? []) classes.delete(it);
    }
    const exported = (it: string) => new RegExp(`export\\s+(class\\s+${it}\\b|\\{[^}]*\\b${it}\\b[^}]*\\})`).test(code);
    for (const it of classes.keys())
      if (!exported(it))
        throw new ApiProblem(
          403,
          10064,
          `New version of script does not export class '${it}' which is depended on by existing Durable Objects.`,
        );
    for (const { class_name } of metadata.bindings)
      if (class_name !== undefined && !classes.has(class_name))
        throw new ApiProblem(
          400,
          10061,
          `Cannot create binding for class '${class_name}' because it is not currently configured to implement Durable Objects.`,
        );
    if (metadata.assets && !complete.has(metadata.assets.jwt))
      throw new ApiProblem(400, 10013, 'assets are not complete');
    const names = new Set(metadata.bindings.map((it) => it.name));
    const kept = (activeOf(name)?.metadata.bindings ?? []).filter(
      (it) => metadata.keep_bindings?.includes(it.type) && !names.has(it.name),
    );
    const version: Version = {
      id: randomUUID(),
      number: script.versions.length + 1,
      metadata: { ...metadata, bindings: [...metadata.bindings, ...kept] },
      script: code,
      annotations: metadata.annotations ?? {},
      afterMigration: migrations?.new_tag ?? script.migration,
    };
    script.classes.clear();
    for (const [it, data] of classes) script.classes.set(it, data);
    script.migration = version.afterMigration;
    script.versions.unshift(version);
    if (!active) return { ...shown(version), startup_time_ms: 5 };
    script.deployments.unshift({ id: randomUUID(), versions: [{ version_id: version.id, percentage: 100 }] });
    scripts.set(name, script);
    return { id: name, deployment_id: script.deployments[0]?.id, startup_time_ms: 5 };
  }

  function deploy(
    name: string,
    body: { versions: { version_id: string; percentage: number }[] },
    force: boolean,
  ): object {
    const script = scriptOf(name);
    const [wanted] = body.versions;
    const version = script.versions.find(({ id }) => id === wanted?.version_id);
    if (!wanted || !version || wanted.percentage !== 100) throw new ApiProblem(400, 10209, 'no such version');
    if (version.afterMigration !== script.migration)
      throw new ApiProblem(400, 10211, 'a Durable Object migration has occurred between the versions');
    const secrets = (of: Version | undefined) =>
      JSON.stringify((of?.metadata.bindings ?? []).filter(({ type }) => type === 'secret_text'));
    if (!force && secrets(version) !== secrets(activeOf(name)))
      throw new ApiProblem(400, 10220, 'a secret has changed since');
    script.deployments.unshift({ id: randomUUID(), versions: [wanted] });
    return { id: script.deployments[0]?.id };
  }

  async function answer(request: Request, url: URL): Promise<unknown> {
    const [path, method] = [url.pathname.replace('/client/v4', ''), request.method];
    const bearer = request.headers.get('authorization')?.replace('Bearer ', '');
    if (path === `/accounts/${ACCOUNT}/workers/assets/upload` && method === 'POST') {
      const session = sessions.get(bearer ?? '');
      if (!session) throw new ApiProblem(401, 10000, 'Authentication error');
      for (const [hash, file] of await request.formData()) {
        if (!session.wanted.delete(hash)) throw new ApiProblem(400, 10012, 'an asset that nobody asked for');
        assets.set(hash, Buffer.from(await textOf(file), 'base64').toString('utf8'));
      }
      if (session.wanted.size > 0) return { jwt: null };
      complete.add(session.completion);
      return { jwt: session.completion };
    }
    if (bearer !== TOKEN) throw new ApiProblem(401, 10000, 'Authentication error');
    const json = async () => (await request.json()) as never;
    const zone = /^\/zones\/([^/]+)\/workers\/routes(?:\/([^/]+))?$/.exec(path);
    if (zone) {
      if (zone[1] !== ZONE) throw new ApiProblem(404, 7003, 'no such zone');
      if (method === 'GET') return [...routes.values()];
      if (method === 'DELETE') return routes.delete(zone[2] ?? '') ? { id: zone[2] } : Promise.reject(notFound());
      const { pattern, script } = (await json()) as { pattern: string; script: string };
      if ([...routes.values()].some((it) => it.pattern === pattern))
        throw new ApiProblem(409, 10020, 'a route of this pattern exists');
      const route = { id: randomUUID(), pattern, script };
      routes.set(route.id, route);
      return route;
    }
    const domain = /^\/accounts\/[^/]+\/workers\/domains(?:\/([^/]+))?$/.exec(path);
    if (domain) {
      const service = url.searchParams.get('service');
      if (method === 'GET') return [...domains.values()].filter((it) => service === null || it.service === service);
      if (method === 'DELETE') return domains.delete(domain[1] ?? '') ? null : Promise.reject(notFound());
      const body = (await json()) as { hostname: string; service: string; zone_id: string };
      const there = [...domains.values()].find(({ hostname }) => hostname === body.hostname);
      if (there && there.service !== body.service)
        throw new ApiProblem(409, 100117, 'Hostname is in use by another Worker.');
      if (body.zone_id !== ZONE) throw new ApiProblem(400, 7003, 'no such zone');
      scriptOf(body.service);
      const set = { id: there?.id ?? randomUUID(), ...body };
      domains.set(set.id, set);
      return set;
    }
    const service = /^\/accounts\/[^/]+\/workers\/services\/([^/]+)$/.exec(path);
    if (service) return { default_environment: { script: { migration_tag: scriptOf(service[1] ?? '').migration } } };
    const worker = /^\/accounts\/[^/]+\/workers\/workers\/([^/]+)$/.exec(path);
    if (worker) {
      const { workersDev } = scriptOf(worker[1] ?? '');
      return { id: worker[1], name: worker[1], tags: [], subdomain: { enabled: workersDev, previews_enabled: false } };
    }
    const [, name = '', what = '', id = ''] =
      /^\/accounts\/a{32}\/workers\/scripts(?:\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?)?$/.exec(path) ?? [];
    if (!path.startsWith(`/accounts/${ACCOUNT}/workers/scripts`))
      throw new ApiProblem(404, 7003, `no route for ${path}`);
    switch (`${method} ${what}`) {
      case 'GET ':
        if (name !== '') throw new ApiProblem(405, 10405, 'not as JSON');
        return [...scripts].map(([it, { migration }]) => ({ id: it, migration_tag: migration ?? null }));
      case 'PUT ':
        return putScript(name, await request.formData(), true);
      case 'POST versions':
        scriptOf(name);
        return putScript(name, await request.formData(), false);
      case 'DELETE ': {
        const { classes } = scriptOf(name);
        if (classes.size > 0 && url.searchParams.get('force') !== 'true')
          throw new ApiProblem(400, 10064, 'objects depend on it');
        scripts.delete(name);
        return null;
      }
      case 'POST assets-upload-session': {
        const { manifest } = (await json()) as { manifest: Record<string, { hash: string; size: number }> };
        for (const { hash, size } of Object.values(manifest))
          if (!/^[0-9a-f]{32}$/.test(hash) || !Number.isInteger(size))
            throw new ApiProblem(400, 10011, 'a malformed manifest');
        const wanted = [...new Set(Object.values(manifest).map(({ hash }) => hash))].filter(
          (hash) => !assets.has(hash),
        );
        const session = { wanted: new Set(wanted), completion: `completion-${randomUUID()}` };
        if (wanted.length === 0) complete.add(session.completion);
        const jwt = wanted.length === 0 ? session.completion : `session-${randomUUID()}`;
        sessions.set(jwt, session);
        const half = Math.ceil(wanted.length / 2);
        return { jwt, buckets: [wanted.slice(0, half), wanted.slice(half)].filter(({ length }) => length > 0) };
      }
      case 'GET deployments':
        return { deployments: scriptOf(name).deployments };
      case 'POST deployments':
        return deploy(name, await json(), url.searchParams.get('force') === 'true');
      case 'GET versions': {
        const { versions } = scriptOf(name);
        if (id === '') return { items: versions.map(shown) };
        const found = versions.find((it) => it.id === id);
        return found ? shown(found) : Promise.reject(notFound());
      }
      case 'GET secrets':
        scriptOf(name);
        return (activeOf(name)?.metadata.bindings ?? [])
          .filter(({ type }) => type === 'secret_text')
          .map((it) => ({ name: it.name, type: it.type }));
      case 'PATCH script-settings':
        scriptOf(name);
        return {};
      case 'GET schedules':
        return { schedules: scriptOf(name).crons.map((cron) => ({ cron })) };
      case 'PUT schedules':
        scriptOf(name).crons = ((await json()) as { cron: string }[]).map(({ cron }) => cron);
        return { schedules: [] };
      case 'GET subdomain':
        return { enabled: scriptOf(name).workersDev, previews_enabled: false };
      case 'POST subdomain':
        scriptOf(name).workersDev = ((await json()) as { enabled: boolean }).enabled;
        return { enabled: scriptOf(name).workersDev };
      default:
        throw new ApiProblem(404, 7003, `no route for ${method} ${path}`);
    }
  }

  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request = requestOf(incoming, Buffer.concat(chunks));
    const url = new URL(request.url);
    calls.push(`${request.method} ${url.pathname.replace(/^\/client\/v4(\/(accounts|zones)\/[^/]+)?/, '')}`);
    const trouble = troubles.find(
      ({ times, method, path }) => times > 0 && method === request.method && path.test(url.pathname),
    );
    if (trouble) trouble.times--;
    const send = (status: number, body: object, headers = {}) =>
      outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (trouble && !trouble.done) return break_(outgoing, trouble, send);
    try {
      const result = await answer(request, url);
      if (trouble) return break_(outgoing, trouble, send);
      return send(200, { success: true, errors: [], messages: [], result });
    } catch (error) {
      const { status, code } = error instanceof ApiProblem ? error : { status: 500, code: 1 };
      return send(status, {
        success: false,
        errors: [{ code, message: String((error as Error).message) }],
        messages: [],
        result: null,
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`,
    ...{ scripts, domains, routes, assets, calls, troubles, active: activeOf },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function break_(
  outgoing: ServerResponse,
  { status, headers, code = 1 }: Trouble,
  send: (...of: [number, object, object?]) => unknown,
) {
  if (status === 0) return outgoing.destroy();
  return send(status, { success: false, errors: [{ code, message: 'trouble' }], messages: [], result: null }, headers);
}

function requestOf({ url = '/', method = 'GET', headers }: IncomingMessage, body: Buffer): Request {
  const given = new Headers();
  for (const [name, value] of Object.entries(headers)) if (typeof value === 'string') given.set(name, value);
  return new Request(`http://cloudflare${url}`, {
    method,
    headers: given,
    ...(body.length > 0 && { body: new Uint8Array(body) }),
  });
}

const textOf = (value: File | string | null): Promise<string> | string =>
  value instanceof File ? value.text() : (value ?? '');
