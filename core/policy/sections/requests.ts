// Rules on requests: HTTP by method and path, Kubernetes by verb and resource too.
//
//   DELETE /api/users/*       one segment of the path; * stands for any text in it
//   * /admin/**               any method; ** for any segments, or none
//   delete pods               a verb and a resource, as roles of Kubernetes name them
//   create pods/exec          a subresource has to be named; */* is any resource and any subresource
//   get deployments.apps      with its group: without one, any group
//
// A path is judged as it was sent and as servers may read it: a stop fits when one of these does, in any case of
// letters, with and without a slash or the name of a format at its end; an allow needs a path that has one reading. A
// stop on GET is one on HEAD. The query is no part of it.

import { err, ok, type Result } from '../../result.ts';
import { nearestWord } from '../nearest.ts';
import { compileEntries, type Decision, type EntryRules, entryOf, judgeOne, type SectionEntry } from './entries.ts';
import { fits } from './glob.ts';
import { type PathReadings, readPath } from './request-path.ts';

/** Segments between two `**`, each as what stands between its stars. */
type Run = readonly (readonly string[])[];
/** At least one: a path without `**` is one run. */
type PathPattern = readonly Run[];

type RequestPattern = { readonly text: string } & (
  | { readonly by: 'path'; readonly method: string; readonly path: PathPattern; readonly folded: PathPattern }
  | {
      readonly by: 'resource';
      readonly verb: string;
      readonly resource: string;
      readonly group: string | undefined;
      readonly subresource: string | undefined;
    }
);

const MAX_PATTERN_CHARACTERS = 1_000;
/** The registry of RFC 9110, 16.1, without what is no request of an application's. */
const METHODS: ReadonlySet<string> = new Set(
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY', 'LINK', 'UNLINK'].concat([
    'PROPFIND',
    'PROPPATCH',
    'MKCOL',
    'COPY',
    'MOVE',
    'LOCK',
    'UNLOCK',
    'REPORT',
    'SEARCH',
    'ACL',
    'BIND',
    'UNBIND',
  ]),
);
/** https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb */
const VERBS: ReadonlySet<string> = new Set(
  ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'].concat([
    'impersonate',
    'bind',
    'escalate',
    'approve',
    'sign',
    'use',
  ]),
);
const RESOURCE = /^(\*|[a-z0-9]+)(?:\.([a-z0-9.-]+))?(?:\/(\*|[a-z0-9]+))?$/;

export function parseRequestPattern(text: string): Result<RequestPattern, string> {
  if (text.length > MAX_PATTERN_CHARACTERS) return err(`is longer than ${MAX_PATTERN_CHARACTERS} characters`);
  const [word = '', what = '', ...rest] = text.trim().split(/\s+/);
  if (word === '' || what === '' || rest.length > 0)
    return err(
      'expected a method and a path, such as "DELETE /api/users/*", or a verb and a resource, such as "delete pods"',
    );
  if (what.startsWith('/')) return pathPattern(text, word, what);
  const found = RESOURCE.exec(what);
  if (!found) return err(`"${what}" is neither a path, such as /api/**, nor a resource, such as pods or pods/exec`);
  if (word !== '*' && !VERBS.has(word)) return err(`"${word}" is no verb of Kubernetes${meant(word, VERBS)}`);
  const [, resource = '', group, subresource] = found;
  return ok({ text, by: 'resource', verb: word, resource, group, subresource });
}

function pathPattern(text: string, method: string, path: string): Result<RequestPattern, string> {
  if (method !== '*' && !METHODS.has(method)) return err(`"${method}" is no method of HTTP${meant(method, METHODS)}`);
  if (/[?#]/.test(path)) return err('has a query, which is no part of what a pattern names: expected the path alone');
  const plain = path.replaceAll('*', 'x');
  if (readPath(plain).certain !== plain)
    return err(`${path} is no path as it is sent: expected one without //, . or .. and %-escapes`);
  const segments = path.slice(1).split('/');
  if (segments.some((segment) => segment.includes('**') && segment !== '**'))
    return err('has ** beside other letters: it stands alone between two /');
  return ok({
    text,
    by: 'path',
    method,
    path: runsOf(segments),
    // A slash at the end makes no difference to a stop.
    folded: runsOf(
      (segments.length > 1 && segments.at(-1) === '' ? segments.slice(0, -1) : segments).map((one) =>
        one.toLowerCase(),
      ),
    ),
  });
}

function runsOf(segments: readonly string[]): PathPattern {
  const runs: (readonly string[])[][] = [[]];
  for (const segment of segments) {
    if (segment === '**') runs.push([]);
    else runs.at(-1)?.push(segment.split('*'));
  }
  return runs;
}

function meant(word: string, words: ReadonlySet<string>): string {
  const near = nearestWord(word, words);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

export const RequestEntry = entryOf(parseRequestPattern);
export type RequestRules = EntryRules<RequestPattern>;

export const compileRequestRules = (entries: readonly SectionEntry[]): RequestRules =>
  compileEntries('requests', entries, parseRequestPattern);

export interface AskedRequest {
  /** As it was sent. */
  readonly method: string;
  /** What headers such as X-HTTP-Method-Override would have it be instead. */
  readonly overrides?: readonly string[];
  /** The target without its query, as it was sent. */
  readonly path: string;
  /** What it means to a Kubernetes API; undefined: it is none, or is for no resource. */
  readonly resource?: {
    readonly verb: string;
    /** Empty: the core group. */
    readonly group: string;
    readonly name: string;
    readonly subresource?: string;
  };
}

export function judgeRequest(rules: RequestRules, asked: AskedRequest): Decision {
  const readings = readPath(asked.path);
  const path = readings.certain ?? 'this path';
  const what = asked.resource
    ? `${asked.resource.verb} on ${[asked.resource.name, asked.resource.subresource].filter(Boolean).join('/')}`
    : `${asked.method.slice(0, 20)} on ${path.length > 100 ? `${path.slice(0, 100)}...` : path}`;
  return judgeOne(
    rules,
    {
      stops: (pattern) => stops(pattern, asked, readings),
      letsPass: (pattern) => letsPass(pattern, asked, readings),
    },
    what,
  );
}

function stops(pattern: RequestPattern, asked: AskedRequest, readings: PathReadings): boolean {
  if (pattern.by === 'resource') return fitsResource(pattern, asked.resource);
  // Methods have a case (RFC 9110, 9.1), and servers that do not mind it.
  const methods = [asked.method, ...(asked.overrides ?? [])].map((method) => method.trim().toUpperCase());
  // Servers answer HEAD by what answers GET (RFC 9110, 9.3.2).
  if (methods.includes('HEAD')) methods.push('GET');
  if (pattern.method !== '*' && !methods.includes(pattern.method)) return false;
  if (readings.all.length === 0) return true;
  return readings.all.some((path) => fitsPath(pattern.folded, path.toLowerCase()));
}

function letsPass(pattern: RequestPattern, asked: AskedRequest, readings: PathReadings): boolean {
  if (pattern.by === 'resource') return fitsResource(pattern, asked.resource);
  const methods = [asked.method, ...(asked.overrides ?? [])];
  if (pattern.method !== '*' && methods.some((method) => method !== pattern.method)) return false;
  return readings.certain !== undefined && fitsPath(pattern.path, readings.certain);
}

function fitsResource(
  pattern: Extract<RequestPattern, { by: 'resource' }>,
  resource: AskedRequest['resource'],
): boolean {
  if (!resource || (pattern.verb !== '*' && pattern.verb !== resource.verb)) return false;
  if (pattern.resource !== '*' && pattern.resource !== resource.name) return false;
  if (pattern.group !== undefined && pattern.group !== resource.group) return false;
  if (pattern.subresource === '*') return true;
  return pattern.subresource === resource.subresource;
}

/** As an author writes one that is asked for: `DELETE /api/users/7`, `create pods/exec`. */
export function parseAskedRequest(text: string): Result<AskedRequest, string> {
  const [first = '', second = '', ...rest] = text.trim().split(/\s+/);
  if (rest.length === 0 && second.startsWith('/')) return ok({ method: first, path: second.replace(/[?#].*$/, '') });
  const [, name = '*', group = '', subresource] = RESOURCE.exec(second) ?? [];
  if (rest.length > 0 || name === '*' || subresource === '*' || !VERBS.has(first))
    return err('expected a method and a path, such as "GET /api", or a verb and a resource, such as "delete pods"');
  // Where it stands is for the API server to say; paths that a pattern names are not about it.
  const resource = { verb: first, group, name, ...(subresource !== undefined && { subresource }) };
  return ok({ method: '', path: '/', resource });
}

/** Each `**` takes as little as it can: what stands behind one is looked for once, from there on. */
function fitsPath(pattern: PathPattern, path: string): boolean {
  const segments = path.slice(1).split('/');
  const [first = [], ...others] = pattern;
  const last = others.pop();
  const runFits = (run: Run, at: number) => run.every((parts, index) => fits(parts, segments[at + index] ?? ''));
  if (last === undefined) return first.length === segments.length && runFits(first, 0);
  let at = first.length;
  const end = segments.length - last.length;
  if (end < at || !runFits(first, 0) || !runFits(last, end)) return false;
  for (const run of others) {
    while (at + run.length <= end && !runFits(run, at)) at++;
    if (at + run.length > end) return false;
    at += run.length;
  }
  return true;
}
