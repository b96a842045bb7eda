// Which Gatehouse, and as whom: a demo person of `npm start` (--data, --as), the environment
// (GATEHOUSE_URL, GATEHOUSE_TOKEN), or the stored login. In that order; they are never mixed, so
// that a token is only ever sent where it came from.

import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type Secret, secret } from '../core/secret.ts';
import { Failure, usage } from './failure.ts';
import { codeOf, isCode } from './files/file-error.ts';
import { makeFolder } from './files/make-folder.ts';

export interface GlobalOptions {
  readonly data?: string;
  readonly as?: string;
  readonly json?: boolean;
}

interface Account {
  /** Without a path and a closing slash. */
  readonly origin: string;
  readonly token: Secret<string>;
}

type Environment = Readonly<Record<string, string | undefined>>;

export const DEFAULT_DATA_DIR = '.gatehouse';

/** What `npm start` writes to DIR/dev.json. */
export const DevFile = z.object({
  portal: z.string(),
  api: z.string(),
  people: z.record(z.string(), z.object({ email: z.string(), token: z.string() })),
  listeners: z.record(z.string(), z.object({ host: z.string(), port: z.number().int() })),
  objects: z.string(),
  pids: z.record(z.string(), z.number().int()),
});
export type DevFile = z.infer<typeof DevFile>;

const StoredLogin = z.object({
  url: z.string(),
  email: z.string(),
  token: z.string(),
  expiresAt: z.iso.datetime(),
});
type StoredLogin = z.infer<typeof StoredLogin>;

export async function resolveAccount(options: GlobalOptions, env: Environment): Promise<Account> {
  if (options.as !== undefined || options.data !== undefined) return demoAccount(options);
  const url = env.GATEHOUSE_URL;
  const token = env.GATEHOUSE_TOKEN;
  if (token) {
    if (!url) throw usage('GATEHOUSE_TOKEN is set and GATEHOUSE_URL is not: set both');
    return { origin: parseOrigin(url), token: secret(token) };
  }
  const login = await readLogin(env);
  if (!login || (url && parseOrigin(url) !== login.url)) {
    const where = url ? ` ${parseOrigin(url)}` : ' URL';
    throw new Failure(
      2,
      'not_signed_in',
      `not signed in: run gatehouse login${where} (or name a demo person with --as)`,
    );
  }
  return { origin: login.url, token: secret(login.token) };
}

async function demoAccount(options: GlobalOptions): Promise<Account> {
  const dir = options.data ?? DEFAULT_DATA_DIR;
  const dev = await readDevFile(dir);
  const names = Object.keys(dev.people).join(', ');
  if (options.as === undefined) throw usage(`--data also needs --as PERSON: one of ${names}`);
  const person = Object.hasOwn(dev.people, options.as) ? dev.people[options.as] : undefined;
  if (!person) throw usage(`--as ${options.as}: there is no such person in ${dir}, only ${names}`);
  return { origin: parseOrigin(dev.api), token: secret(person.token) };
}

export async function readDevFile(dir: string): Promise<DevFile> {
  const path = join(dir, 'dev.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) throw usage(`${path} is not there: is npm start running with --data ${dir}?`);
    throw usage(`cannot read ${path}: ${codeOf(error)}`);
  }
  return parseJson(text, DevFile, path);
}

/** `https://host`, or plain http on this machine alone: a token must not cross a network in the clear. */
export function parseOrigin(text: string): string {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw usage(`${text} is not the address of a Gatehouse: expected https://HOST`);
  }
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname) || url.hostname.endsWith('.localhost');
  if (url.protocol === 'http:' && !local) throw usage(`${url.origin} is not encrypted: use https`);
  return url.origin;
}

/** `$XDG_CONFIG_HOME/gatehouse`, else `~/.config/gatehouse`. */
function configDir(env: Environment): string {
  const xdg = env.XDG_CONFIG_HOME;
  // The XDG base directory specification says that a relative path is to be ignored.
  const base = xdg?.startsWith('/') ? xdg : join(env.HOME ?? homedir(), '.config');
  return resolve(base, 'gatehouse');
}

/** Of what is kept for one Gatehouse; demo persons share a machine's account, so they have one each. */
export function privateFolder(
  env: Environment,
  kind: 'ssh' | 'grants',
  origin: string,
  person: string | undefined,
): string {
  const name = new URL(origin).host.replace(/[^\w.-]/g, '_');
  return join(configDir(env), kind, person === undefined ? name : `${name}-${person.replace(/[^\w.-]/g, '_')}`);
}

const loginPath = (env: Environment): string => join(configDir(env), 'login.json');

/** undefined when nobody signed in. */
export async function readLogin(env: Environment): Promise<StoredLogin | undefined> {
  const path = loginPath(env);
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Failure(2, 'login_exposed', `${path} can be read by others: chmod 600 it, or sign in again`);
    }
    return parseJson(await readFile(path, 'utf8'), StoredLogin, path);
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined;
    if (error instanceof Failure) throw error;
    throw usage(`cannot read ${path}: ${codeOf(error)}`);
  }
}

export async function storeLogin(env: Environment, login: StoredLogin): Promise<void> {
  const dir = configDir(env);
  try {
    await makeFolder(dir, 0o700);
    const path = loginPath(env);
    const partial = `${path}.${process.pid}`;
    await writeFile(partial, `${JSON.stringify(login, undefined, 2)}\n`, { mode: 0o600 });
    await chmod(partial, 0o600);
    await rename(partial, path);
  } catch (error) {
    throw usage(`cannot store the login in ${dir}: ${codeOf(error)}`);
  }
}

/** And the secrets of the grants that were got by it. */
export async function dropLogin(env: Environment): Promise<void> {
  await rm(loginPath(env), { force: true });
  await rm(join(configDir(env), 'grants'), { recursive: true, force: true });
}

function parseJson<T>(text: string, schema: z.ZodType<T>, path: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usage(`${path} is not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw usage(`${path} is wrong at ${parsed.error.issues[0]?.path.join('.') ?? '?'}`);
  return parsed.data;
}
