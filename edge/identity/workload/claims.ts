// From what a provider's token says to the names that a policy may call the program by, and to its run. Names are made of
// claims that say one thing each, never of `sub`: projects may change what that is made of, and colons in a branch's or an
// environment's name move its parts.
//
// What anybody can start, be it from a fork, has no name of a branch or environment, though its token may carry a protected
// one (pull_request_target, issue_comment, a merge request's pipeline): only that of its event. Events that are not known
// count as such.

import { MAX_GROUP_CHARACTERS, WORKLOAD_DOMAIN, WORKLOAD_PREFIX } from '../../../core/identity.ts';
import type { WorkloadKind } from '../../../core/policy/workload-names.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { withUnseenShown } from '../../../core/text/written-text.ts';
import { toHex } from '../../../core/recording/segment.ts';

type WorkloadClaims = Readonly<Record<string, unknown>>;

export interface SeenWorkload {
  /** Each begins with `workload:`; the first says it best. */
  readonly names: readonly string[];
  /** Of these the one that stays a program's own: by ids where there are any, and no workflow's. */
  readonly stable: string;
  /** For people: `acme/shop refs/heads/main`. */
  readonly title: string;
  /** Repository, project, pipeline or account. */
  readonly source: string;
  /** Where its run is shown, at most 200 characters. */
  readonly run: string | undefined;
}

interface Parts {
  /** `acme/shop`, and the same with ids (`acme@1234/shop@5678`) where the token has them. */
  readonly paths: readonly string[];
  readonly kinds: readonly string[];
  readonly run: string | undefined;
}

/** GitHub's events that only somebody with write access to the repository, or its own schedule, sets off. */
const GITHUB_EVENTS = new Set([
  'push',
  'workflow_dispatch',
  'repository_dispatch',
  'schedule',
  'release',
  'deployment',
  'merge_group',
]);
/**
 * GitLab's sources for which the same holds. Not parent_pipeline: a merge request's pipeline has children too, and theirs say
 * nothing of it.
 */
const GITLAB_SOURCES = new Set(['push', 'web', 'webide', 'api', 'schedule', 'trigger', 'pipeline']);

const MAX_RUN_CHARACTERS = 200;

class Unreadable extends Error {}

/** `name`: the issuer's in the settings. */
export function seenWorkload(
  kind: WorkloadKind,
  name: string,
  claims: WorkloadClaims & { readonly sub: string },
): Result<SeenWorkload, 'claims_unreadable'> {
  try {
    const { paths, kinds, run } = READERS[kind](claims);
    const names = paths.flatMap((path) =>
      kinds.length === 0
        ? [`${WORKLOAD_PREFIX}${name}:${path}`]
        : kinds.map((each) => `${WORKLOAD_PREFIX}${name}:${path}:${each}`),
    );
    // A name that is left out might be one that a rule denies.
    if (
      names.some(
        (each) => each.length > MAX_GROUP_CHARACTERS || withUnseenShown(each) !== undefined || each.includes('*'),
      )
    )
      return err('claims_unreadable');
    const [source = ''] = paths;
    const stable = [`${WORKLOAD_PREFIX}${name}:${paths.at(-1)}`, ...kinds.slice(0, 1)].join(':');
    const title = kinds[0] === undefined ? source : `${source} ${kinds[0].replace(/^ref:/, '')}`;
    const shown = run !== undefined && run.length <= MAX_RUN_CHARACTERS && URL.canParse(run) ? run : undefined;
    return ok({ names, stable, title, source, run: shown });
  } catch (error) {
    if (error instanceof Unreadable) return err('claims_unreadable');
    throw error;
  }
}

/**
 * Grants are kept by address: of all that has the same ids, branch and so on it is the same, and a repository that took the name
 * of one that is gone has another.
 */
export async function workloadAddress(name: string, { stable, title }: SeenWorkload): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(stable));
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 80)
    .replace(/^-+|-+$/g, '');
  return `${slug}.${toHex(new Uint8Array(digest)).slice(0, 16)}@${name}.${WORKLOAD_DOMAIN}`;
}

const READERS: Readonly<Record<WorkloadKind, (claims: WorkloadClaims & { readonly sub: string }) => Parts>> = {
  'github-actions': readGithub,
  gitlab: readGitlab,
  buildkite: readBuildkite,
  gcp: readGcp,
  oidc: ({ sub }) => ({ paths: [sub], kinds: [], run: undefined }),
};

function readGithub(claims: WorkloadClaims): Parts {
  const [owner = '', repository = ''] = pathOf(claims, 'repository', 2);
  const event = text(claims, 'event_name');
  const environment = maybe(claims, 'environment');
  const workflow = maybe(claims, 'job_workflow_ref');
  const server = maybe(claims, 'iss')?.match(/^(https:\/\/.+)\/_services\/token$/)?.[1] ?? 'https://github.com';
  const kinds = GITHUB_EVENTS.has(event)
    ? [
        ...refKind(text(claims, 'ref')),
        ...(environment === undefined ? [] : [`environment:${environment}`]),
        ...(workflow === undefined ? [] : [`workflow:${lowerRepository(workflow)}`]),
      ]
    : [];
  return {
    paths: [
      `${owner}/${repository}`,
      `${owner}@${id(claims, 'repository_owner_id')}/${repository}@${id(claims, 'repository_id')}`,
    ],
    kinds: kinds.length > 0 ? kinds : [`event:${eventName(event)}`],
    run: `${server}/${owner}/${repository}/actions/runs/${id(claims, 'run_id')}`,
  };
}

function readGitlab(claims: WorkloadClaims): Parts {
  const path = pathOf(claims, 'project_path').join('/');
  const source = text(claims, 'pipeline_source');
  const type = text(claims, 'ref_type');
  const ref = maybe(claims, 'ref_path') ?? `refs/${type === 'tag' ? 'tags' : 'heads'}/${text(claims, 'ref')}`;
  const environment = maybe(claims, 'environment');
  const known = GITLAB_SOURCES.has(source) && (type === 'branch' || type === 'tag') && refKind(ref).length > 0;
  return {
    paths: [path, `${path}@${id(claims, 'project_id')}`],
    kinds: known
      ? [...refKind(ref), ...(environment === undefined ? [] : [`environment:${environment}`])]
      : [`event:${eventName(source)}`],
    run: `${text(claims, 'iss')}/${path}/-/jobs/${id(claims, 'job_id')}`,
  };
}

function readBuildkite(claims: WorkloadClaims): Parts {
  const organization = slug(claims, 'organization_slug');
  const pipeline = slug(claims, 'pipeline_slug');
  const tag = maybe(claims, 'build_tag');
  const ref = tag === undefined ? `refs/heads/${text(claims, 'build_branch')}` : `refs/tags/${tag}`;
  const ids = [maybe(claims, 'organization_id'), maybe(claims, 'pipeline_id')] as const;
  return {
    paths: [
      `${organization}/${pipeline}`,
      ...(ids[0] && ids[1] ? [`${organization}@${ids[0]}/${pipeline}@${ids[1]}`] : []),
    ],
    kinds: refKind(ref),
    run: `https://buildkite.com/${organization}/${pipeline}/builds/${id(claims, 'build_number')}`,
  };
}

/** People have tokens of this issuer too. */
function readGcp(claims: WorkloadClaims & { readonly sub: string }): Parts {
  const email = text(claims, 'email').toLowerCase();
  const isAccount = /^[a-z0-9.-]+@[a-z0-9.-]+\.gserviceaccount\.com$/.test(email);
  if (claims.email_verified !== true || !isAccount) throw new Unreadable();
  return { paths: [email, `${email}@${id(claims, 'sub')}`], kinds: [], run: undefined };
}

function text(claims: WorkloadClaims, name: string): string {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (typeof value !== 'string' || value === '') throw new Unreadable();
  return value;
}

const maybe = (claims: WorkloadClaims, name: string): string | undefined => {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return value === undefined || value === null || value === '' ? undefined : text(claims, name);
};

/** Numbers come as such and as text. */
function id(claims: WorkloadClaims, name: string): string {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const said = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof said !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(said)) throw new Unreadable();
  return said;
}

/** Lower case, as names of repositories are the same in any. */
function pathOf(claims: WorkloadClaims, name: string, length?: number): string[] {
  const parts = text(claims, name).toLowerCase().split('/');
  if (parts.length < 2 || (length !== undefined && parts.length !== length) || !parts.every((part) => SLUG.test(part)))
    throw new Unreadable();
  return parts;
}

function slug(claims: WorkloadClaims, name: string): string {
  const value = text(claims, name).toLowerCase();
  if (!SLUG.test(value)) throw new Unreadable();
  return value;
}

const SLUG = /^[a-z0-9_.-]{1,255}$/;

/** None of what is neither a branch nor a tag. */
const refKind = (ref: string): string[] => (/^refs\/(heads|tags)\/./.test(ref) ? [`ref:${ref}`] : []);

function eventName(event: string): string {
  if (!/^[a-z_]{1,64}$/.test(event)) throw new Unreadable();
  return event;
}

/** `Acme/Ci/.github/workflows/Deploy.yml@refs/heads/main`: its file's name is as it is. */
const lowerRepository = (workflow: string): string => {
  const [owner = '', repository = '', ...file] = workflow.split('/');
  return [owner.toLowerCase(), repository.toLowerCase(), ...file].join('/');
};
