// /scim/v2: where a company's directory keeps people and groups up to date here (RFC 7643, RFC 7644). Whoever calls has a token
// for this and nothing else, and is nobody who is signed in; so these are apart from the API, with errors as SCIM has them.

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Result } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import { type ScimFault, scimFault } from '../../scim/fault.ts';
import { parseFilter } from '../../scim/filter.ts';
import { readGroup } from '../../scim/group.ts';
import { readOperations } from '../../scim/operations.ts';
import {
  errorResource,
  etagOf,
  groupResource,
  listResource,
  onlyWanted,
  type ScimResource,
  userResource,
} from './resources.ts';
import { resourceTypes, schemas, SCIM_MAX_RESULTS, serviceProviderConfig } from './schemas.ts';
import { readUser } from '../../scim/user.ts';
import { hashToken } from '../../keys.ts';
import { SCIM_PATH } from '../../paths.ts';
import type { ScimQuery, StoredGroup, StoredUser } from '../../ports/provisioning.ts';
import { AuditUnavailable, noteCounted, type UseCaseDeps } from '../../use-cases/deps.ts';
import { clientAddress } from '../request.ts';

type ScimDeps = Pick<UseCaseDeps, 'provisioning' | 'directory' | 'audit' | 'publicUrl'>;
type ScimContext = Context<{ Variables: { by: string } }>;

const MAX_BYTES = 1024 * 1024;
const DEFAULT_RESULTS = 100;
const MEDIA_TYPE = 'application/scim+json';
const TAKEN = /^application\/(?:scim\+)?json\s*(?:;|$)/i;

export function scimRoutes(deps: ScimDeps): Hono<{ Variables: { by: string } }> {
  const app = new Hono<{ Variables: { by: string } }>();
  const base = deps.publicUrl + SCIM_PATH;
  const { provisioning } = deps;

  app.use(async (c, next) => {
    const by = await callerOf(c, deps);
    if (!by.ok) return refuse(c, by.error);
    c.set('by', by.value);
    return next();
  });
  app.use(
    bodyLimit({
      maxSize: MAX_BYTES,
      onError: (c) => refuse(c, { status: 413, detail: `A request has at most ${MAX_BYTES} bytes.` }),
    }),
  );

  app.get('/ServiceProviderConfig', (c) => show(c, serviceProviderConfig(base)));
  for (const [path, listed] of [
    ['/ResourceTypes', resourceTypes(base)],
    ['/Schemas', schemas(base)],
  ] as const) {
    app.get(path, (c) => show(c, listResource(listed.length, 1, listed)));
    app.get(`${path}/:id`, (c) => {
      const found = listed.find(({ id }) => id === c.req.param('id'));
      return found ? show(c, found) : refuse(c, NONE);
    });
  }

  const user = (c: ScimContext, stored: StoredUser, status: 200 | 201 = 200) =>
    showStored(c, stored, userResource(stored, base), status);
  const group = (c: ScimContext, stored: StoredGroup, status: 200 | 201 = 200) =>
    showStored(c, stored, groupResource(stored, base), status);

  app.get('/Users', async (c) => {
    const query = queryOf(c);
    const page = query.ok ? await provisioning.users(query.value) : query;
    if (!page.ok) return refuse(c, page.error);
    const found = page.value.found.map((one) => wanted(c, userResource(one, base)));
    return show(c, listResource(page.value.total, query.ok ? query.value.startIndex : 1, found));
  });
  app.get('/Users/:id', async (c) => {
    const stored = await provisioning.user(c.req.param('id'));
    return stored ? user(c, stored) : refuse(c, NONE);
  });
  app.post('/Users', async (c) => {
    const body = await bodyOf(c);
    const read = body.ok ? readUser(body.value) : body;
    const added = read.ok ? await provisioning.addUser(c.get('by'), read.value) : read;
    return added.ok ? user(c, added.value, 201) : refuse(c, added.error);
  });
  app.put('/Users/:id', async (c) => {
    const body = await bodyOf(c);
    if (!body.ok) return refuse(c, body.error);
    const change = { kind: 'replace' as const, body: body.value };
    const changed = await provisioning.changeUser(c.get('by'), c.req.param('id'), change, versionIn(c));
    return changed.ok ? user(c, changed.value) : refuse(c, changed.error);
  });
  app.patch('/Users/:id', async (c) => {
    const body = await bodyOf(c);
    const operations = body.ok ? readOperations(body.value) : body;
    if (!operations.ok) return refuse(c, operations.error);
    const change = { kind: 'patch' as const, operations: operations.value };
    const changed = await provisioning.changeUser(c.get('by'), c.req.param('id'), change, versionIn(c));
    return changed.ok ? user(c, changed.value) : refuse(c, changed.error);
  });
  app.delete('/Users/:id', async (c) => {
    const gone = await provisioning.deleteUser(c.get('by'), c.req.param('id'), versionIn(c));
    return gone.ok ? c.body(null, 204) : refuse(c, gone.error);
  });

  app.get('/Groups', async (c) => {
    const query = queryOf(c);
    const page = query.ok ? await provisioning.groups(query.value, wantsMembers(c)) : query;
    if (!page.ok) return refuse(c, page.error);
    const found = page.value.found.map((one) => wanted(c, groupResource(one, base)));
    return show(c, listResource(page.value.total, query.ok ? query.value.startIndex : 1, found));
  });
  app.get('/Groups/:id', async (c) => {
    const stored = await provisioning.group(c.req.param('id'), wantsMembers(c));
    return stored ? group(c, stored) : refuse(c, NONE);
  });
  app.post('/Groups', async (c) => {
    const body = await bodyOf(c);
    const read = body.ok ? readGroup(body.value) : body;
    const added = read.ok ? await provisioning.addGroup(c.get('by'), read.value) : read;
    return added.ok ? group(c, added.value, 201) : refuse(c, added.error);
  });
  app.put('/Groups/:id', async (c) => {
    const body = await bodyOf(c);
    const read = body.ok ? readGroup(body.value) : body;
    if (!read.ok) return refuse(c, read.error);
    const write = { kind: 'replace' as const, ...read.value };
    const changed = await provisioning.changeGroup(c.get('by'), c.req.param('id'), write, versionIn(c));
    return changed.ok ? group(c, changed.value) : refuse(c, changed.error);
  });
  app.patch('/Groups/:id', async (c) => {
    const body = await bodyOf(c);
    const operations = body.ok ? readOperations(body.value) : body;
    if (!operations.ok) return refuse(c, operations.error);
    const write = { kind: 'patch' as const, operations: operations.value };
    const changed = await provisioning.changeGroup(c.get('by'), c.req.param('id'), write, versionIn(c));
    if (!changed.ok) return refuse(c, changed.error);
    // Without its members, of which there may be very many.
    c.header('etag', etagOf(changed.value.version));
    return c.body(null, 204);
  });
  app.delete('/Groups/:id', async (c) => {
    const gone = await provisioning.deleteGroup(c.get('by'), c.req.param('id'), versionIn(c));
    return gone.ok ? c.body(null, 204) : refuse(c, gone.error);
  });

  app.all('*', (c) => refuse(c, { status: 404, detail: 'There is nothing at this address.' }));
  app.onError((error, c) => {
    const unwritten = error instanceof AuditUnavailable;
    console.error(`${c.req.method} ${SCIM_PATH} failed: ${unwritten ? error.message : error.name}`);
    c.header('retry-after', '5');
    return refuse(c, {
      status: 503,
      detail: 'A part of Gatehouse does not answer. Send it again: what was begun is gone on with.',
    });
  });
  return app;
}

const NONE: ScimFault = { status: 404, detail: 'There is no such resource.' };

/** For the audit log: `scim:` and the id of the token. */
async function callerOf(c: Context, deps: ScimDeps): Promise<Result<string, ScimFault>> {
  const text = /^Bearer (gsc_[a-z2-7]{32})$/i.exec(c.req.header('authorization') ?? '')?.[1];
  const token = text === undefined ? undefined : await deps.provisioning.tokenOf(await hashToken(secret(text)));
  if (token === undefined) {
    const address = clientAddress(c.req.raw);
    if (!(await deps.directory.allow('scim-refused', address)))
      return scimFault(429, 'Too many requests without a token that is good. Wait a minute.');
    const details = { reason: text === undefined ? 'no_token' : 'token_unknown', address };
    await noteCounted(deps, { kind: 'scim.refused', actor: 'gatehouse', object: 'scim', details });
    return scimFault(
      401,
      'The bearer token is missing, or was revoked. An administrator makes one: gatehouse scim token NAME.',
    );
  }
  if (!(await deps.directory.allow('scim', token)))
    return scimFault(429, 'Too many requests with this token. Wait a minute.');
  return { ok: true, value: `scim:${token}` };
}

function queryOf(c: Context): Result<ScimQuery, ScimFault> {
  const filter = c.req.query('filter');
  const parsed = filter === undefined || filter.trim() === '' ? undefined : parseFilter(filter);
  if (parsed && !parsed.ok) return parsed;
  // Below what there can be counts as the least (RFC 7644, section 3.4.2.4).
  const number = (name: string, otherwise: number, least: number) => {
    const text = c.req.query(name);
    const given = text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : otherwise;
    return Math.max(least, given);
  };
  return {
    ok: true,
    value: {
      filter: parsed?.value ?? [],
      startIndex: number('startIndex', 1, 1),
      count: Math.min(number('count', DEFAULT_RESULTS, 0), SCIM_MAX_RESULTS),
    },
  };
}

async function bodyOf(c: Context): Promise<Result<unknown, ScimFault>> {
  if (!TAKEN.test(c.req.header('content-type') ?? ''))
    return scimFault(400, `Expected a body of ${MEDIA_TYPE}.`, 'invalidSyntax');
  try {
    return { ok: true, value: await c.req.json() };
  } catch {
    return scimFault(400, 'The body is not JSON.', 'invalidSyntax');
  }
}

/** `If-Match` (RFC 7644, section 3.14); undefined: it asks for none. One that is no version of ours fits nothing. */
function versionIn(c: Context): number | undefined {
  const given = c.req.header('if-match')?.trim();
  if (given === undefined || given === '*') return undefined;
  return Number(/^(?:W\/)?"(\d{1,15})"$/.exec(given)?.[1] ?? -1);
}

const names = (c: Context, parameter: string): string[] =>
  (c.req.query(parameter) ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));

const wanted = (c: Context, resource: ScimResource): ScimResource =>
  onlyWanted(resource, names(c, 'attributes'), names(c, 'excludedAttributes'));

/** Entra ID leaves them out when it looks for a group. */
function wantsMembers(c: Context): boolean {
  const isMembers = (name: string) => name.split('.')[0]?.toLowerCase() === 'members';
  const shown = names(c, 'attributes');
  return shown.length > 0 ? shown.some(isMembers) : !names(c, 'excludedAttributes').some(isMembers);
}

function showStored(
  c: ScimContext,
  { version }: { readonly version: number },
  resource: ScimResource,
  status: 200 | 201,
) {
  c.header('etag', etagOf(version));
  if (c.req.method === 'GET' && c.req.header('if-none-match') === etagOf(version)) return c.body(null, 304);
  const { meta } = resource;
  if (status === 201 && typeof meta === 'object' && meta !== null && 'location' in meta)
    c.header('location', String(meta.location));
  return show(c, wanted(c, resource), status);
}

const show = (c: Context, resource: ScimResource, status: ContentfulStatusCode = 200) =>
  c.body(JSON.stringify(resource), status, { 'content-type': MEDIA_TYPE });

function refuse(c: Context, fault: ScimFault) {
  if (fault.status === 401) c.header('www-authenticate', 'Bearer realm="gatehouse"');
  if (fault.status === 429) c.header('retry-after', '60');
  return show(c, errorResource(fault), fault.status);
}
